/**
 * Letting bytes go: bodies that were never linked (half a day after they began), and bytes of messages of which nobody has
 * a copy and which are owed to nobody (a day later). What has a copy is never touched here.
 *
 * Everything goes in pages by key, each a statement of its own that looks at a bounded number of rows whatever it finds,
 * and a mark in the database says where the next page begins, also after a restart. Each row of a page asks the other
 * tables by their index (LATERAL … LIMIT 1): without that PostgreSQL 15 and 18 alike read whole tables to join a page.
 */
import { BodyStore, DeliveryState, DsnSent } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Database, Sql } from '../platform/db/database.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'
import { countDead } from './packs.ts'
import { bodyTables, type BodyTable } from './partitions.ts'

/** A message is on its way for at most smtp.transactionTimeout, whose bound is half of this, and then waits for its commit. */
export const UNLINKED_MS = 12 * 3_600_000
/** By then a sweep every hour has met it: what lies around for longer is a breach (core/check). */
export const SWEPT_BY_MS = UNLINKED_MS + 2 * 3_600_000

export interface SweepKey {
  organisationId: Id
  id: Id
}
export interface SweepPage {
  /** rows looked at */
  size: number
  /** where the next page begins */
  last: SweepKey
  free: SweepKey[]
}
export type SweepWalk = BodyTable | 'ownerless'

export async function readMark(sql: Sql, walk: SweepWalk): Promise<SweepKey> {
  const [mark] = await sql.query<SweepKey>(
    'SELECT organisation_id AS "organisationId", id FROM sweep_mark WHERE walk = $1',
    [walk],
  )
  return mark ?? { organisationId: NIL_ID, id: NIL_ID }
}

export async function setMark(sql: Sql, walk: SweepWalk, at: SweepKey): Promise<void> {
  await sql.query(
    `INSERT INTO sweep_mark (walk, organisation_id, id) VALUES ($1, $2, $3)
     ON CONFLICT (walk) DO UPDATE SET organisation_id = excluded.organisation_id, id = excluded.id`,
    [walk, at.organisationId, at.id],
  )
}

interface PageRow extends SweepKey {
  isFree: boolean
}

function pageOf(rows: readonly PageRow[], from: SweepKey): SweepPage {
  const free = new Map<Id, SweepKey>()
  // A body of several chunks is in the page several times.
  for (const row of rows) if (row.isFree) free.set(`${row.organisationId} ${row.id}`, row)
  return { size: rows.length, last: rows.at(-1) ?? from, free: [...free.values()] }
}

/**
 * The next rows of `body` or `body_chunk` after `from` and before the id `before`; free are those of no message and no
 * upload. Once older than UNLINKED_MS a body is never linked any more, so each is looked at once.
 */
export async function unlinkedPage(
  sql: Sql,
  table: BodyTable,
  want: { from: SweepKey; before: Id; limit: number },
): Promise<SweepPage> {
  const rows = await sql.query<PageRow>(
    `WITH page AS MATERIALIZED (
       SELECT organisation_id, body_id FROM ${table} WHERE body_id > $1 AND body_id < $2 ORDER BY body_id LIMIT $3)
     SELECT p.organisation_id AS "organisationId", p.body_id AS id, m.one IS NULL AND u.one IS NULL AS "isFree"
     FROM page p
     LEFT JOIN LATERAL (SELECT 1 AS one FROM message m
       WHERE m.organisation_id = p.organisation_id AND m.message_id = p.body_id LIMIT 1) m ON true
     LEFT JOIN LATERAL (SELECT 1 AS one FROM upload u
       WHERE u.organisation_id = p.organisation_id AND u.upload_id = p.body_id LIMIT 1) u ON true
     ORDER BY p.body_id`,
    [want.from.id, want.before, want.limit],
  )
  return pageOf(rows, want.from)
}

/** Deletes the rows of these bodies from one table; how many went. */
export async function dropBytes(sql: Sql, table: BodyTable, bodies: readonly SweepKey[]): Promise<number> {
  if (bodies.length === 0) return 0
  // ANY and BETWEEN beside the join: by them the planner knows the partitions, and asks their indexes.
  const ids = bodies.map((one) => one.id).sort()
  const [gone] = await sql.query<{ n: number }>(
    `WITH gone AS (
       DELETE FROM ${table} b USING unnest($1::uuid[], $2::uuid[]) AS t(o, i)
       WHERE b.body_id = ANY ($2::uuid[]) AND b.body_id BETWEEN $3 AND $4 AND b.body_id = t.i AND b.organisation_id = t.o RETURNING 1)
     SELECT count(*)::int AS n FROM gone`,
    [bodies.map((one) => one.organisationId), bodies.map((one) => one.id), ids[0]!, ids.at(-1)!],
  )
  return gone!.n
}

/** Uploads nobody used within a day, at most `limit`: row and bytes go together. Uploads live a day: their table is small. */
export async function sweepUploads(db: Database, limit: number): Promise<number> {
  return db.transaction(async (sql) => {
    const old = await sql.query<SweepKey>(
      `DELETE FROM upload WHERE (organisation_id, upload_id) IN (
         SELECT organisation_id, upload_id FROM upload WHERE created_at < now() - interval '1 day' LIMIT $1)
       RETURNING organisation_id AS "organisationId", upload_id AS id`,
      [limit],
    )
    for (const table of bodyTables) await dropBytes(sql, table, old)
    return old.length
  })
}

/**
 * The next messages after `from`, of every organisation in turn; free are those with bytes, older than the id `before`,
 * without a copy, whose deliveries all finished more than a day ago and of which no admin and no sender has yet to hear.
 */
export async function ownerlessPage(sql: Sql, want: { from: SweepKey; before: Id; limit: number }): Promise<SweepPage> {
  const rows = await sql.query<PageRow>(
    `WITH page AS MATERIALIZED (
       SELECT organisation_id, message_id, message_id < $3 AND body_store <> ${BodyStore.gone} AS due FROM message
       WHERE (organisation_id, message_id) > ($1::uuid, $2::uuid) ORDER BY organisation_id, message_id LIMIT $4)
     SELECT p.organisation_id AS "organisationId", p.message_id AS id, p.due AND c.one IS NULL AND d.one IS NULL AS "isFree"
     FROM page p
     LEFT JOIN LATERAL (SELECT 1 AS one FROM copy c
       WHERE p.due AND c.organisation_id = p.organisation_id AND c.message_id = p.message_id LIMIT 1) c ON true
     LEFT JOIN LATERAL (SELECT 1 AS one FROM delivery d
       WHERE p.due AND d.organisation_id = p.organisation_id AND d.message_id = p.message_id
         AND (d.state < ${DeliveryState.delivered} OR d.finished_at > now() - interval '1 day' OR d.state = ${DeliveryState.parked}
           OR (d.state = ${DeliveryState.refused} AND d.dsn_sent < ${DsnSent.final})) LIMIT 1) d ON true
     ORDER BY p.organisation_id, p.message_id`,
    [want.from.organisationId, want.from.id, want.before, want.limit],
  )
  return pageOf(rows, want.from)
}

/**
 * The row says that the bytes are gone, and they go, in one transaction. A blob goes later, when the walk over the blobs
 * finds that no row names it: a crash between leaves bytes, never a dangling row. Bytes in a pack count as dead there from
 * now on; they go when the pack is rewritten or removed (core/packing).
 */
export async function letGo(db: Database, messages: readonly SweepKey[]): Promise<void> {
  if (messages.length === 0) return
  const keys = [uuidArray(messages.map((one) => one.organisationId)), uuidArray(messages.map((one) => one.id))]
  await db.transaction(async (sql) => {
    // Locked before their place is read: one that moves into a pack in this moment is counted there or not at all.
    const placed = await sql.query<{ bodyStore: number; blobKey: string; size: number }>(
      `SELECT m.body_store AS "bodyStore", m.blob_key AS "blobKey", m.size
       FROM unnest($1::uuid[], $2::uuid[]) AS t(o, i) JOIN message m ON m.organisation_id = t.o AND m.message_id = t.i
       ORDER BY m.organisation_id, m.message_id FOR UPDATE OF m`,
      keys,
    )
    await sql.query(
      `UPDATE message m SET body_store = ${BodyStore.gone}, blob_key = NULL, pack_offset = NULL
       FROM unnest($1::uuid[], $2::uuid[]) AS t(o, i) WHERE m.organisation_id = t.o AND m.message_id = t.i`,
      keys,
    )
    await countDead(
      sql,
      placed.filter((one) => one.bodyStore === BodyStore.packed),
    )
    for (const table of bodyTables) await dropBytes(sql, table, messages)
  })
}

/** Which of these blob keys a message, a pack or a fresh reservation still names. */
export async function linkedBlobs(sql: Sql, keys: readonly string[]): Promise<Set<string>> {
  const rows = await sql.query<{ key: string }>(
    `SELECT k AS key FROM unnest($1::text[]) AS k
     LEFT JOIN LATERAL (SELECT 1 AS one FROM message m WHERE m.organisation_id = split_part(k, '/', 1)::uuid
       AND m.message_id = split_part(k, '/', 3)::uuid AND m.blob_key = k LIMIT 1) m ON true
     LEFT JOIN LATERAL (SELECT 1 AS one FROM pack p WHERE p.blob_key = k LIMIT 1) p ON true
     LEFT JOIN LATERAL (SELECT 1 AS one FROM blob_reservation r
       WHERE r.blob_key = k AND r.reserved_at > now() - interval '1 hour' LIMIT 1) r ON true
     WHERE m.one IS NOT NULL OR p.one IS NOT NULL OR r.one IS NOT NULL`,
    [keys],
  )
  return new Set(rows.map((row) => row.key))
}

export async function dropOldReservations(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM blob_reservation WHERE reserved_at < now() - interval '1 hour'`)
}
