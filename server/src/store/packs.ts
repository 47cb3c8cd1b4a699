/**
 * The rows of packs: what lives in each, what is dead, and which are rewritten or removed for it. A pack begins with all
 * its bytes dead; each page of messages that moves in makes its own alive, in the transaction of the move. So
 * `dead_bytes` is right at every commit, and a pack whose making was cut short is cleaned up like any other.
 */
import { BodyStore } from '../platform/codes.ts'
import type { DedicatedSql, Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** A pack this young may still be in the making: it is neither rewritten nor ended. */
const MAKING = "interval '1 hour'"
/** So long the blob of an ended pack stays for those who read it. */
const GRACE = "interval '1 hour'"
/** Bytes that were let go are really gone after this time and the grace, however few they are. */
const DEAD_AT_MOST = "interval '7 days'"

export interface Pack {
  blobKey: string
  organisationId: Id
  firstId: Id
  lastId: Id
  bytes: number
}

/** The blob is durable: its row takes the place of the reservation. Nothing in it lives yet. */
export async function insertPack(sql: Sql, pack: Pack): Promise<void> {
  await sql.query('DELETE FROM blob_reservation WHERE blob_key = $1', [pack.blobKey])
  await sql.query(
    `INSERT INTO pack (blob_key, organisation_id, first_id, last_id, bytes, dead_bytes, dead_since)
     VALUES ($1, $2, $3, $4, $5, $5, CASE WHEN $5::int8 > 0 THEN now() END)`,
    [pack.blobKey, pack.organisationId, pack.firstId, pack.lastId, pack.bytes],
  )
}

/** So many bytes of the pack live now. Throws when it has ended: nothing may move into it. */
export async function bear(sql: Sql, blobKey: string, bytes: number): Promise<void> {
  const rows = await sql.query(
    `UPDATE pack SET dead_bytes = dead_bytes - $2::int8, dead_since = CASE WHEN dead_bytes > $2::int8 THEN dead_since END
     WHERE blob_key = $1 AND ended_at IS NULL RETURNING 1 AS one`,
    [blobKey, bytes],
  )
  if (rows.length === 0) throw new Error(`the pack ${blobKey} has ended`)
}

/** These bytes of packs are dead from now on; in the transaction that lets their messages go, or moves them. */
export async function countDead(sql: Sql, dead: readonly { blobKey: string; size: number }[]): Promise<void> {
  if (dead.length === 0) return
  await sql.query(
    `UPDATE pack p SET dead_bytes = dead_bytes + t.n, dead_since = CASE WHEN t.n > 0 THEN coalesce(dead_since, now()) ELSE dead_since END
     FROM (SELECT k, sum(n)::int8 AS n FROM unnest($1::text[], $2::int8[]) AS u(k, n) GROUP BY k) t WHERE p.blob_key = t.k`,
    [dead.map(({ blobKey }) => blobKey), dead.map(({ size }) => size)],
  )
}

/** Packs to rewrite: a quarter is dead, or the oldest dead byte is a week old. Those that waited longest first. */
export function halfDeadPacks(sql: Sql, limit: number): Promise<Pack[]> {
  return sql.query<Pack>(
    `SELECT blob_key AS "blobKey", organisation_id AS "organisationId", first_id AS "firstId", last_id AS "lastId", bytes
     FROM pack WHERE ended_at IS NULL AND dead_bytes > 0 AND made_at < now() - ${MAKING}
       AND (dead_bytes * 4 >= bytes OR dead_since < now() - ${DEAD_AT_MOST})
     ORDER BY dead_since LIMIT $1`,
    [limit],
  )
}

export interface Living {
  organisationId: Id
  messageId: Id
  bodyStore: number
  blobKey: string
  packOffset: number
  size: number
  sha256: Buffer
}

/** The messages that are in this pack. */
export function livingIn(sql: Sql, pack: Pack): Promise<Living[]> {
  return sql.query<Living>(
    `SELECT organisation_id AS "organisationId", message_id AS "messageId", body_store AS "bodyStore", blob_key AS "blobKey",
       pack_offset AS "packOffset", size, sha256
     FROM message WHERE organisation_id = $1 AND message_id BETWEEN $2 AND $3 AND blob_key = $4 AND body_store = ${BodyStore.packed}
     ORDER BY message_id`,
    [pack.organisationId, pack.firstId, pack.lastId, pack.blobKey],
  )
}

/** Ends the packs in which nothing lives; how many. A pack of empty messages alone lives as long as they do. */
export async function endDeadPacks(sql: Sql): Promise<number> {
  const rows = await sql.query(
    `UPDATE pack p SET ended_at = now() WHERE ended_at IS NULL AND dead_bytes = bytes AND made_at < now() - ${MAKING}
       AND NOT EXISTS (SELECT FROM message m WHERE m.organisation_id = p.organisation_id
         AND m.message_id BETWEEN p.first_id AND p.last_id AND m.blob_key = p.blob_key)
     RETURNING 1 AS one`,
  )
  return rows.length
}

/** Any numbers all our processes agree on. */
const PACKING_LOCK = 7_238_414_203
const EXPORT_LOCK = 7_238_414_204

/** One process packs at a time. The lock is the connection's and goes with it. */
export async function takePackingLock(connection: DedicatedSql): Promise<boolean> {
  const [row] = await connection.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [PACKING_LOCK])
  return row!.held
}

/** While this connection lives no pack's blob is removed and no day dropped: its snapshot may refer to any of them. */
export async function holdForExport(connection: DedicatedSql): Promise<void> {
  await connection.query('SELECT pg_advisory_lock_shared($1)', [EXPORT_LOCK])
}

/** In a transaction: no export begins before its end, unless one runs already (false). */
export async function keepExportsOut(sql: Sql): Promise<boolean> {
  const [lock] = await sql.query<{ held: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS held', [EXPORT_LOCK])
  return lock!.held
}

/**
 * Keys of packs that ended long enough ago, at most `limit`; none while an export runs. In the caller's transaction,
 * which also says that they are gone (forgetPack) once their blobs are.
 */
export async function removablePacks(sql: Sql, limit: number): Promise<string[]> {
  if (!(await keepExportsOut(sql))) return []
  const rows = await sql.query<{ key: string }>(
    `SELECT blob_key AS key FROM pack WHERE ended_at < now() - ${GRACE} ORDER BY ended_at LIMIT $1`,
    [limit],
  )
  return rows.map(({ key }) => key)
}

export async function forgetPack(sql: Sql, blobKey: string): Promise<void> {
  await sql.query('DELETE FROM pack WHERE blob_key = $1 AND ended_at IS NOT NULL', [blobKey])
}

/** Packs with something in them by key, a page after `after` ('' for the first): for exports and the check. */
export function packPage(sql: Sql, after: string, limit: number): Promise<Pack[]> {
  return sql.query<Pack>(
    `SELECT blob_key AS "blobKey", organisation_id AS "organisationId", first_id AS "firstId", last_id AS "lastId", bytes
     FROM pack WHERE blob_key > $1 AND ended_at IS NULL ORDER BY blob_key LIMIT $2`,
    [after, limit],
  )
}

export async function isLivingPack(sql: Sql, blobKey: string): Promise<boolean> {
  const rows = await sql.query('SELECT 1 AS one FROM pack WHERE blob_key = $1 AND ended_at IS NULL', [blobKey])
  return rows.length > 0
}
