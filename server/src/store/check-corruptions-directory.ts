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
    expected: 'shared-member',
    text: 'a shared mailbox is read by somebody who is gone',
    sql: `UPDATE shared_member SET member_id = gen_random_uuid()`,
  },
  {
    expected: 'shared-member',
    text: 'somebody else reads the mailbox of a person',
    sql: `UPDATE person SET kind = 1 WHERE kind <> 1`,
  },
  {
    expected: 'shared-sign-in',
    text: 'a shared mailbox has a password',
    sql: `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier)
      SELECT gen_random_uuid(), organisation_id, person_id, 1, 'none' FROM person WHERE kind <> 1`,
  },
  {
    expected: 'book-shown',
    text: 'somebody hidden is in the address book',
    sql: `INSERT INTO person_card (organisation_id, person_id, hidden) SELECT organisation_id, entry_id, true FROM book_entry LIMIT 1`,
  },
  {
    expected: 'book-shown',
    text: 'the address book has an old name',
    sql: `UPDATE book_entry SET name = 'gone'`,
  },
  {
    expected: 'book-whole',
    text: 'somebody is missing in the address book',
    sql: `DELETE FROM book_entry WHERE entry_id = (SELECT min(entry_id::text)::uuid FROM book_entry)`,
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
  {
    expected: 'scim-source',
    text: 'what a SCIM client changed is forgotten',
    sql: `UPDATE scim_source SET first_change_at = NULL`,
  },
  {
    expected: 'scim-source',
    text: 'a SCIM source is of another kind',
    sql: `UPDATE directory_source SET kind = 2`,
  },
  {
    expected: 'scim-counts',
    text: 'a SCIM source has a user that it does not count',
    sql: `INSERT INTO scim_resource (organisation_id, source_id, resource_id, kind, name, doc)
      SELECT organisation_id, source_id, gen_random_uuid(), 1, 'uncounted', '{"userName": "Uncounted"}' FROM scim_source`,
  },
  {
    expected: 'scim-counts',
    text: 'a SCIM source has lost a member',
    sql: 'DELETE FROM scim_member',
  },
  {
    expected: 'scim-resource',
    text: 'a SCIM user is of no source',
    sql: 'UPDATE scim_resource SET source_id = gen_random_uuid()',
  },
  {
    expected: 'scim-resource',
    text: 'a SCIM user has lost its words',
    sql: `UPDATE scim_resource SET doc = '{}'`,
  },
  {
    expected: 'scim-member',
    text: 'a member of a SCIM group that is deleted',
    sql: `UPDATE scim_member m SET group_id = r.resource_id FROM scim_resource r WHERE r.deleted_at IS NOT NULL`,
  },
]
