/**
 * Table sent_mark: which message put what a person sent into their Sent folder. A primary hands one message over in several
 * transactions (one for each domain, or so many recipients at a time): the first of them makes the copy, the others do not.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface SentMark {
  organisationId: Id
  personId: Id
  /** hash of what the parts have in common */
  mark: Buffer
  messageId: Id
}

/** Longer than a primary takes from the first part of a message to the last, its retries included. */
const KEPT = '7 days'

/**
 * True: `messageId` is to make the copy. A mark whose message is not stored after some seconds (its commit failed, the process
 * died) is taken over: should it be stored all the same, there are two copies, and not none.
 */
export async function claimSentMark(sql: Sql, one: SentMark): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO sent_mark AS s (organisation_id, person_id, mark, message_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (organisation_id, person_id, mark) DO UPDATE SET message_id = excluded.message_id, marked_at = now()
     WHERE s.marked_at < now() - interval '5 seconds' AND NOT EXISTS (
       SELECT FROM message m WHERE m.organisation_id = s.organisation_id AND m.message_id = s.message_id)
     RETURNING 1`,
    [one.organisationId, one.personId, one.mark, one.messageId],
    'sent-mark',
  )
  return rows.length > 0
}

/** It was surely not stored. */
export async function dropSentMark(sql: Sql, one: SentMark): Promise<void> {
  await sql.query(
    'DELETE FROM sent_mark WHERE organisation_id = $1 AND person_id = $2 AND mark = $3 AND message_id = $4',
    [one.organisationId, one.personId, one.mark, one.messageId],
  )
}

/** At most `limit` that are old enough; how many went. */
export async function sweepSentMarks(sql: Sql, limit: number): Promise<number> {
  const rows = await sql.query(
    `DELETE FROM sent_mark WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM sent_mark WHERE marked_at < now() - interval '${KEPT}' LIMIT $1)) RETURNING 1`,
    [limit],
  )
  return rows.length
}
