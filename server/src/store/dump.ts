/**
 * Whole tables in and out, as COPY streams, for export and import. Columns are named explicitly and the format is the
 * binary one of types that are the same from PostgreSQL 15 to 18, so that an export of one restores into another.
 * Everything of one export is one snapshot; everything of one import is one transaction, or nothing.
 */
import type { Readable, Writable } from 'node:stream'
import copyStreams from 'pg-copy-streams'
import { AttemptOutcome, BodyStore, DeliveryState } from '../platform/codes.ts'
import type { DedicatedSql, Sql } from '../platform/db/database.ts'

export interface TableShape {
  name: string
  columns: string[]
}

/** Not data: which migrations landed is the target's own matter, and nodes are the processes of one place. */
const LEFT_OUT = ['schema_migration', 'node']

/** Every table that is data, by name; a partitioned table counts as one. */
export async function dataTables(sql: Sql): Promise<TableShape[]> {
  return sql.query<TableShape>(
    `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname <> ALL ($1::text[])
     GROUP BY c.relname ORDER BY c.relname COLLATE "C"`,
    [LEFT_OUT],
  )
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
const list = (columns: readonly string[]): string => columns.map(quoted).join(', ')

export interface CountedReadable extends Readable {
  rowCount: number
}
export interface CountedWritable extends Writable {
  rowCount: number
}

/** A day partition that is dropped is gone from older snapshots too: so none is, from before the snapshot to its end. */
export async function beginSnapshot(sql: Sql): Promise<void> {
  await sql.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await sql.query('LOCK TABLE body, body_chunk IN ACCESS SHARE MODE')
}
export async function beginLoad(sql: Sql): Promise<void> {
  await sql.query('BEGIN')
}
export async function commit(sql: Sql): Promise<void> {
  await sql.query('COMMIT')
}
export async function rollback(sql: Sql): Promise<void> {
  await sql.query('ROLLBACK')
}

/** The rows of a table as bytes; `rowCount` is right when the stream has ended. */
export function copyOut(connection: DedicatedSql, table: TableShape): CountedReadable {
  return connection.client.query(
    copyStreams.to(`COPY (SELECT ${list(table.columns)} FROM ${quoted(table.name)}) TO STDOUT (FORMAT binary)`),
  )
}

export function copyIn(connection: DedicatedSql, table: TableShape): CountedWritable {
  return connection.client.query(
    copyStreams.from(`COPY ${quoted(table.name)} (${list(table.columns)}) FROM STDIN (FORMAT binary)`),
  )
}

/** Does anything live here that an import would mix with? */
export async function holdsData(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ some: boolean }>(
    `SELECT EXISTS (SELECT FROM organisation) OR EXISTS (SELECT FROM operator) OR EXISTS (SELECT FROM message)
       OR EXISTS (SELECT FROM delivery) OR EXISTS (SELECT FROM body) OR EXISTS (SELECT FROM body_chunk) AS some`,
  )
  return row!.some
}

export async function truncateAll(sql: Sql, tables: readonly TableShape[]): Promise<void> {
  await sql.query(`TRUNCATE ${tables.map((table) => quoted(table.name)).join(', ')}`)
}

interface ForeignKey {
  table: string
  name: string
  definition: string
}

/** Takes the foreign keys away for the length of a load (tables arrive in any order); returns how to put them back. */
export async function dropForeignKeys(sql: Sql): Promise<ForeignKey[]> {
  const keys = await sql.query<ForeignKey>(
    `SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conparentid = 0 ORDER BY 1, 2`,
  )
  for (const key of keys) await sql.query(`ALTER TABLE ${key.table} DROP CONSTRAINT ${quoted(key.name)}`)
  return keys
}

/** Puts them back, which checks every row. */
export async function addForeignKeys(sql: Sql, keys: readonly ForeignKey[]): Promise<void> {
  for (const key of keys)
    await sql.query(`ALTER TABLE ${key.table} ADD CONSTRAINT ${quoted(key.name)} ${key.definition}`)
}

/** How long what is unsure after an import rests before it is sent again, so that somebody can look first. */
const REST = "interval '15 minutes'"

/** Makes deliveries in the states `from` unsure, each with a row that says so (promise 2: every duplicate has one). */
async function makeUnsure(sql: Sql, from: readonly number[], reason: string): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    `WITH touched AS (
       UPDATE delivery SET state = ${DeliveryState.unsure}, reason = $2, lease = NULL, attempts = attempts + 1, next_attempt = now() + ${REST}
       WHERE state = ANY ($1::smallint[]) RETURNING organisation_id, delivery_id, attempts
     ), told AS (
       INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason)
       SELECT organisation_id, delivery_id, attempts, ${AttemptOutcome.unsure}, $2 FROM touched
     )
     SELECT count(*)::int AS n FROM touched`,
    [from, reason],
  )
  return rows[0]!.n
}

/**
 * After an import of something that may have gone on after the export: what was open there may have been delivered
 * meanwhile, so it is unsure here (promises 2 and 13), and is looked at or waited for before it is sent.
 */
export function markOpenUnsure(sql: Sql): Promise<number> {
  const { ready, leased, deferred, unsure } = DeliveryState
  return makeUnsure(sql, [ready, leased, deferred, unsure], 'restored')
}

/** From a closed source: the leases of its processes are void, and one that was running may have been a sending. */
export function voidLeases(sql: Sql): Promise<number> {
  return makeUnsure(sql, [DeliveryState.leased], 'lease-expired')
}

/** Days that have body rows, as milliseconds: their partitions are made before the rows arrive. */
export async function bodyDays(sql: Sql): Promise<number[]> {
  // The first 48 bits of a uuidv7 are its milliseconds; one look per day by the index, not one per row.
  const days = new Set<number>()
  for (const table of ['body', 'body_chunk']) {
    let from = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      const [row] = await sql.query<{ id: string }>(
        `SELECT body_id AS id FROM ${table} WHERE body_id >= $1 ORDER BY body_id LIMIT 1`,
        [from],
      )
      if (!row) break
      const day = Math.floor(Number.parseInt(row.id.slice(0, 8) + row.id.slice(9, 13), 16) / 86_400_000)
      days.add(day * 86_400_000)
      const next = ((day + 1) * 86_400_000).toString(16).padStart(12, '0')
      from = `${next.slice(0, 8)}-${next.slice(8)}-0000-0000-000000000000`
    }
  }
  return [...days].sort((a, b) => a - b)
}

export interface BlobRow {
  organisationId: string
  messageId: string
  blobKey: string
  size: number
}

/** Messages with a blob of their own, a page after (organisation, message). */
export async function blobPage(
  sql: Sql,
  after: { organisationId: string; messageId: string },
  limit: number,
): Promise<BlobRow[]> {
  return sql.query<BlobRow>(
    `SELECT organisation_id AS "organisationId", message_id AS "messageId", blob_key AS "blobKey", size FROM message
     WHERE (organisation_id, message_id) > ($1, $2) AND blob_key IS NOT NULL AND body_store = ${BodyStore.blob}
     ORDER BY organisation_id, message_id LIMIT $3`,
    [after.organisationId, after.messageId, limit],
  )
}

/** Other nodes that were heard of in the last minute. */
export async function livingNodes(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM node WHERE seen_at > now() - interval '1 minute'`,
  )
  return row!.n
}
