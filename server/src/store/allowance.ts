/** How many recipients were written to within the last hour, by a person or by all of an organisation. */
import { UndoStatus } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { MailOwner } from './mailbox.ts'

export type Counted = 'person' | 'organisation'

/**
 * Until the end of the transaction only this one counts what may still be sent, in every process: who counts behind it
 * sees its row. Of both, always in this order.
 */
export async function lockAllowance(sql: Sql, owner: MailOwner, counted: Counted): Promise<void> {
  const id = counted === 'person' ? owner.personId : owner.organisationId
  await sql.query(`SELECT pg_advisory_xact_lock(hashtextextended('sending ' || $1::text, 0))`, [id])
}

const WITHIN = `organisation_id = $1 AND ($2::uuid IS NULL OR person_id = $2) AND sent_at > now() - interval '1 hour'
  AND undo_status <> ${UndoStatus.canceled}`
const values = ({ organisationId, personId }: MailOwner, counted: Counted): [string, string | null] => [
  organisationId,
  counted === 'person' ? personId : null,
]

/** Of what was sent within the last hour, or is just being sent: the measure of the rate limit. */
export async function recipientsLastHour(sql: Sql, owner: MailOwner, counted: Counted): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT coalesce(sum(recipients), 0)::bigint AS n FROM submission WHERE ${WITHIN}`,
    values(owner, counted),
  )
  return row!.n
}

/** Seconds until `room` of them will have aged out; null: not within the hour. */
export async function secondsUntilRoom(
  sql: Sql,
  owner: MailOwner,
  counted: Counted,
  room: number,
): Promise<number | null> {
  const [row] = await sql.query<{ seconds: number }>(
    `SELECT extract(epoch FROM sent_at + interval '1 hour' - now())::float8 AS seconds FROM (
       SELECT sent_at, sum(recipients) OVER (ORDER BY sent_at, submission_id) AS gone FROM submission WHERE ${WITHIN}) aged
     WHERE gone >= $3 ORDER BY sent_at LIMIT 1`,
    [...values(owner, counted), room],
  )
  return row?.seconds ?? null
}
