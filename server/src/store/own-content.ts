/**
 * What a person added to the own mailbox, in bytes: messages (own_content, a few rows a person) and files of the last day
 * that are not part of one yet.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'
import { uploadedBytes } from './uploads.ts'

/** Until the end of the transaction only this one adds, in every process: who counts behind it sees what it added. */
export async function lockOwnContent(sql: Sql, owner: MailOwner): Promise<void> {
  await sql.query(`SELECT pg_advisory_xact_lock(hashtextextended('adding ' || $1::text, 0))`, [owner.personId])
}

export async function ownContentBytes(sql: Sql, owner: MailOwner): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT coalesce(sum(bytes), 0)::bigint AS n FROM own_content
     WHERE organisation_id = $1 AND person_id = $2 AND ends_on >= (now() AT TIME ZONE 'UTC')::date`,
    [owner.organisationId, owner.personId],
  )
  return row!.n
}

export async function addedBytes(sql: Sql, owner: MailOwner): Promise<number> {
  return (await ownContentBytes(sql, owner)) + (await uploadedBytes(sql, owner))
}

/** Counts this copy's message on the day it ends; days that are over go. In the transaction that wrote the copy. */
export async function countOwnContent(sql: Sql, owner: MailOwner, copyId: Id, bytes: number): Promise<void> {
  await sql.query(
    `WITH past AS (DELETE FROM own_content WHERE organisation_id = $1 AND person_id = $2
       AND ends_on < (now() AT TIME ZONE 'UTC')::date)
     INSERT INTO own_content AS o (organisation_id, person_id, ends_on, bytes)
     SELECT $1, $2, (expires_at AT TIME ZONE 'UTC')::date, $4 FROM copy WHERE organisation_id = $1 AND copy_id = $3
     ON CONFLICT (organisation_id, person_id, ends_on) DO UPDATE SET bytes = o.bytes + excluded.bytes`,
    [owner.organisationId, owner.personId, copyId, bytes],
  )
}
