/**
 * A message that a person puts into the own mailbox (draft, import): message, bytes and copy. Larger bytes are chunk rows
 * or a blob already; the placement follows in the same transaction (mailbox.ts).
 */
import { BodyStore } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { firstIdAt, type Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface OwnMessage {
  messageId: Id
  copyId: Id
  threadId: Id
  source: number
  direction: number
  receivedAt: Date
  headerFrom: string | null
  subject: string | null
  messageIdHeader: string | null
  inReplyTo: string | null
  headerDate: Date | null
  size: number
  sha256: Buffer
  body: { kind: 'row'; bytes: Buffer } | { kind: 'chunks' } | { kind: 'blob'; blobKey: string }
  prefix: Buffer
  /** days from now; null: as long as somebody owes it */
  keepDays: number | null
}

const STORE = { row: BodyStore.row, chunks: BodyStore.chunks, blob: BodyStore.blob } as const

export async function insertOwnMessage(sql: Sql, owner: MailOwner, m: OwnMessage): Promise<void> {
  if (m.body.kind === 'row')
    await sql.query('INSERT INTO body (organisation_id, body_id, bytes) VALUES ($1, $2, $3)', [
      owner.organisationId,
      m.messageId,
      m.body.bytes,
    ])
  if (m.body.kind === 'blob') await sql.query('DELETE FROM blob_reservation WHERE blob_key = $1', [m.body.blobKey])
  await sql.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, header_from, subject,
       message_id_header, header_date, in_reply_to, size, sha256, body_store, blob_key, prefix)
     VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      owner.organisationId,
      m.messageId,
      m.receivedAt,
      m.direction,
      m.headerFrom,
      m.subject,
      m.messageIdHeader,
      m.headerDate,
      m.inReplyTo,
      m.size,
      m.sha256,
      STORE[m.body.kind],
      m.body.kind === 'blob' ? m.body.blobKey : null,
      m.prefix,
    ],
  )
  await sql.query(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id)
     VALUES ($1, $2, $3, $4, $5, CASE WHEN $6::int IS NULL THEN 'infinity' ELSE now() + make_interval(days => $6) END, $7, $8)`,
    [
      owner.organisationId,
      m.copyId,
      m.messageId,
      owner.personId,
      m.source,
      m.keepDays,
      m.keepDays === null ? 'owed' : `organisation:${m.keepDays}d`,
      m.threadId,
    ],
  )
}

export async function retentionDays(sql: Sql, organisationId: Id): Promise<number> {
  const [row] = await sql.query<{ days: number }>(
    'SELECT retention_days AS days FROM organisation WHERE organisation_id = $1',
    [organisationId],
  )
  return row?.days ?? 14
}

export interface TwinCopy {
  copyId: Id
  messageId: Id
  source: number
  bodyStore: number
  blobKey: string | null
}

/** So much do the fields weigh that one of them may have and the other not. */
const HEADER_ROOM = 100_000
const MOST_TWINS = 5

/** Copies in that folder with this Message-ID, made since then (milliseconds since the epoch), the newest first. */
export function copiesByMessageId(
  sql: Sql,
  owner: MailOwner,
  of: { folderNo: number; since: number; messageId: string; size: number },
): Promise<TwinCopy[]> {
  return sql.query<TwinCopy>(
    `SELECT p.copy_id AS "copyId", m.message_id AS "messageId", c.source, m.body_store AS "bodyStore", m.blob_key AS "blobKey"
     FROM placement p JOIN message m USING (organisation_id, message_id) JOIN copy c USING (organisation_id, copy_id)
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.folder_no = $3 AND p.copy_id >= $4 AND p.tombstone IS NULL
       AND m.message_id_header = $5 AND m.size BETWEEN $6::bigint - ${HEADER_ROOM} AND $6::bigint + ${HEADER_ROOM}
     ORDER BY p.copy_id DESC LIMIT ${MOST_TWINS}`,
    [owner.organisationId, owner.personId, of.folderNo, firstIdAt(of.since), of.messageId, of.size],
  )
}
