/** What can go wrong with mailboxes that others read: check-corruptions.ts. */
import type { Corruption } from './check-corruptions.ts'

export const mailboxAccessCorruptions: readonly Corruption[] = [
  {
    expected: 'mailbox-access-people',
    text: 'somebody asked for their own mailbox',
    sql: 'UPDATE mailbox_access SET asker_id = mailbox_id WHERE state = 7',
  },
  {
    expected: 'mailbox-access-second',
    text: 'who asked has approved it themselves',
    sql: `UPDATE mailbox_access SET decided_by = 'person:' || asker_id`,
  },
  {
    expected: 'mailbox-access-second',
    text: 'nobody approved, and it was read',
    sql: 'UPDATE mailbox_access SET decided_by = NULL',
  },
  {
    expected: 'mailbox-access-state',
    text: 'an access that is open for a month',
    sql: `UPDATE mailbox_access SET expires_at = decided_at + interval '30 days'`,
  },
  {
    expected: 'mailbox-access-state',
    text: 'an open access that is over',
    sql: 'UPDATE mailbox_access SET over_at = now()',
  },
  {
    expected: 'mailbox-access-told',
    text: 'the person is not told',
    sql: 'DELETE FROM account_notice',
  },
  {
    expected: 'shared-hand-over',
    text: 'a mailbox was handed over without approval',
    sql: 'UPDATE person SET was_own_until = now() WHERE kind <> 1',
  },
  { expected: 'account-notice', text: 'a notice of no known kind', sql: `UPDATE account_notice SET kind = 'greeting'` },
]
