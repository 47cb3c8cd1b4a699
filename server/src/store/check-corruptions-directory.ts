/** What can go wrong with directory sources: check-corruptions.ts. */
import type { Corruption } from './check-corruptions.ts'

export const directoryCorruptions: readonly Corruption[] = [
  {
    expected: 'person-source',
    text: 'a person of a source that no source knows',
    sql: `DELETE FROM person_source; UPDATE address SET from_source = false`,
  },
  {
    expected: 'address-source',
    text: 'an address of a source that no source speaks of',
    sql: `UPDATE person_source SET said = '{"addresses": []}'`,
  },
  {
    expected: 'run-list',
    text: 'a run that waits has lost its list',
    sql: 'UPDATE directory_run SET list_packed = NULL',
  },
  {
    expected: 'run-list',
    text: 'a list is kept of a run that is decided',
    sql: `UPDATE directory_run SET list_packed = '\\x00'`,
  },
  {
    expected: 'run-once',
    text: 'two runs of one source wait',
    sql: `UPDATE directory_run SET state = 1, list_packed = '\\x00'`,
  },
]
