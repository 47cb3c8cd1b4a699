/**
 * The way of old bytes into packs: which bodies are old enough, their bytes, and the move itself. A move is one
 * transaction that says where the bytes are now, counts them as living in the pack and takes them away where they were:
 * whatever ends before it leaves the message as it was, with bytes in the pack that count as dead.
 */
import { BodyStore } from '../platform/codes.ts'
import { int8Array, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { firstIdAt, idTime, NIL_ID, type Id } from '../platform/ids.ts'
import { bodyTables, type BodyTable } from './partitions.ts'
import { bear, countDead } from './packs.ts'
import { dropBytes } from './sweep.ts'

const DAY = 86_400_000
const TABLE_OF = { [BodyStore.row]: 'body', [BodyStore.chunks]: 'body_chunk' } as const
const IN_ROWS = `${BodyStore.row}, ${BodyStore.chunks}`

/** A message whose bytes may move. */
export interface Movable {
  organisationId: Id
  messageId: Id
  bodyStore: number
  size: number
  sha256: Buffer
}

/** How far the look over both tables has come. */
export type StretchMark = Record<BodyTable, Id>
export const firstStretch: StretchMark = { body: NIL_ID, body_chunk: NIL_ID }

interface StretchRow extends Omit<Movable, 'size'> {
  size: number | null
}

/** Bytes of days that ended before this moment lie below this id. */
export const packedBelow = (ms: number): Id => firstIdAt(Math.floor(ms / DAY) * DAY)

/** The midnight (UTC) of a message's day. */
export const dayOf = (id: Id): number => Math.floor(idTime(id) / DAY) * DAY

async function lookAt(
  sql: Sql,
  store: keyof typeof TABLE_OF,
  want: { from: Id; before: Id; limit: number },
): Promise<{ size: number; last: Id; movable: Movable[] }> {
  const table = TABLE_OF[store]
  const rows = await sql.query<StretchRow>(
    `WITH page AS MATERIALIZED (
       SELECT organisation_id, body_id FROM ${table} WHERE body_id > $1 AND body_id < $2 ${table === 'body_chunk' ? 'AND seq = 0' : ''}
       ORDER BY body_id LIMIT $3)
     SELECT p.organisation_id AS "organisationId", p.body_id AS "messageId", ${store}::int AS "bodyStore", m.size, m.sha256
     FROM page p
     LEFT JOIN LATERAL (SELECT size, sha256 FROM message m WHERE m.organisation_id = p.organisation_id
       AND m.message_id = p.body_id AND m.body_store = ${store} LIMIT 1) m ON true
     ORDER BY p.body_id`,
    [want.from, want.before, want.limit],
  )
  const movable = rows.filter((row): row is Movable => row.size !== null)
  return { size: rows.length, last: rows.at(-1)?.messageId ?? want.from, movable }
}

/**
 * The next bodies in rows with ids below `before`, at most `limit` of each table, whatever the partition; those of a
 * message come back, by organisation and id. Uploads and what was never linked are passed over: the sweep is theirs.
 */
export async function packableStretch(
  sql: Sql,
  want: { from: StretchMark; before: Id; limit: number },
): Promise<{ movable: Movable[]; next: StretchMark; more: boolean }> {
  const { before, limit } = want
  const rows = await lookAt(sql, BodyStore.row, { from: want.from.body, before, limit })
  const chunks = await lookAt(sql, BodyStore.chunks, { from: want.from.body_chunk, before, limit })
  const keyOf = (one: Movable): string => one.organisationId + one.messageId
  const movable = [...rows.movable, ...chunks.movable].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return {
    movable,
    next: { body: rows.last, body_chunk: chunks.last },
    more: rows.size === limit || chunks.size === limit,
  }
}

/** The bytes of bodies that are rows, by id; one that is gone meanwhile is left out. */
export async function bodyRows(sql: Sql, organisationId: Id, ids: readonly Id[]): Promise<Map<Id, Buffer>> {
  const rows = await sql.query<{ id: Id; bytes: Buffer }>(
    'SELECT body_id AS id, bytes FROM body WHERE body_id = ANY ($1::uuid[]) AND organisation_id = $2',
    [uuidArray(ids), organisationId],
  )
  return new Map(rows.map(({ id, bytes }) => [id, bytes]))
}

export interface Placed {
  messageId: Id
  offset: number
}

/**
 * In the caller's transaction: these messages are in the pack `to` from now on, and nowhere else. `from` is the pack that
 * is rewritten, null where the bytes come from rows. A message that was let go or moved meanwhile is left out; its bytes
 * in `to` stay dead. Returns how many moved, and their bytes.
 */
export async function movePage(
  sql: Sql,
  move: { organisationId: Id; from: string | null; to: string; placed: readonly Placed[] },
): Promise<{ messages: number; bytes: number }> {
  const ids = move.placed.map(({ messageId }) => messageId).sort()
  // The planner asks the index for a page of neighbours only when it is told that they are.
  const near = [ids[0]!, ids.at(-1)!]
  // In the order of the key, as all who lock several messages do.
  const still = await sql.query<{ id: Id; size: number }>(
    `SELECT message_id AS id, size FROM message WHERE organisation_id = $1 AND message_id = ANY ($2::uuid[]) AND message_id BETWEEN $4 AND $5
       AND CASE WHEN $3::text IS NULL THEN body_store IN (${IN_ROWS}) ELSE body_store = ${BodyStore.packed} AND blob_key = $3 END
     ORDER BY message_id FOR UPDATE`,
    [move.organisationId, uuidArray(ids), move.from, ...near],
  )
  if (still.length === 0) return { messages: 0, bytes: 0 }
  const offsetOf = new Map(move.placed.map(({ messageId, offset }) => [messageId, offset]))
  const moved = still.map(({ id }) => ({ organisationId: move.organisationId, id }))
  await sql.query(
    `UPDATE message m SET body_store = ${BodyStore.packed}, blob_key = $2, pack_offset = t.at
     FROM unnest($3::uuid[], $4::int8[]) AS t(i, at)
     WHERE m.organisation_id = $1 AND m.message_id = t.i AND m.message_id = ANY ($3::uuid[]) AND m.message_id BETWEEN $5 AND $6`,
    [
      move.organisationId,
      move.to,
      uuidArray(moved.map(({ id }) => id)),
      int8Array(moved.map(({ id }) => offsetOf.get(id)!)),
      ...near,
    ],
  )
  const bytes = still.reduce((sum, { size }) => sum + size, 0)
  await bear(sql, move.to, bytes)
  if (move.from === null) for (const table of bodyTables) await dropBytes(sql, table, moved)
  else await countDead(sql, [{ blobKey: move.from, size: bytes }])
  return { messages: moved.length, bytes }
}
