/** What can go wrong with the count of what people add themselves: check-corruptions.ts. */
import type { Corruption } from './check-corruptions.ts'

export const ownContentCorruptions: readonly Corruption[] = [
  {
    expected: 'own-content',
    text: 'bytes are counted that a person did not add',
    sql: `INSERT INTO own_content SELECT organisation_id, person_id, current_date + 3, 100 FROM person LIMIT 1`,
  },
  {
    expected: 'own-content',
    text: 'what a person added is not counted',
    sql: `UPDATE message SET direction = 4 WHERE message_id IN (SELECT message_id FROM copy WHERE expires_at > now() + interval '1 day')`,
  },
]
