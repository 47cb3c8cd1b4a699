/** Of mailboxes that others read: one that waits, one that is open, one that was, and what the person is told. */
import { MailboxAccessPurpose, MailboxAccessState } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export async function insertMailboxAccess(
  sql: Sql,
  o: Id,
  who: { mailboxId: Id; askerId: Id; deciderId: Id },
  id: () => Id,
): Promise<void> {
  const { asked, open, ended } = MailboxAccessState
  await sql.query(
    `INSERT INTO mailbox_access (organisation_id, access_id, mailbox_id, asker_id, purpose, reason, minutes, state, answer_by, decided_at, decided_by, expires_at, tell_at, over_at)
     SELECT $1, n.id, $5, $6, n.purpose, 'sample', 60, n.state, now() + interval '7 days', n.at, CASE WHEN n.at IS NOT NULL THEN 'person:' || $7::uuid END,
       n.at + interval '1 hour', n.at, CASE WHEN n.state = ${ended} THEN n.at END
     FROM (VALUES ($2::uuid, ${MailboxAccessPurpose.handOver}, ${asked}, NULL), ($3::uuid, ${MailboxAccessPurpose.read}, ${open}, now()),
       ($4::uuid, ${MailboxAccessPurpose.read}, ${ended}, now())) AS n(id, purpose, state, at)`,
    [o, id(), id(), id(), who.mailboxId, who.askerId, who.deciderId],
  )
  await sql.query(
    `INSERT INTO account_notice (organisation_id, notice_id, person_id, kind, facts) VALUES ($1, $2, $3, 'access-approved', '{}')`,
    [o, id(), who.mailboxId],
  )
}
