/**
 * Day partitions of body and body_chunk. Ids are uuidv7, so a day is a range of ids; bytes are let go row by row
 * (store/sweep.ts), which a day of its own keeps to small indexes. No partition is dropped yet. Made ahead of time
 * (yesterday to a week from now); what arrived without one lies in the default partition and is moved when its day is
 * made. Idempotent; call it at start and every hour. When all are there it takes no lock.
 */
import type { Database, Sql } from '../platform/db/database.ts'
import { classifyDbError, LONG_MS } from '../platform/db/database.ts'
import { firstIdAt } from '../platform/ids.ts'

const DAY = 86_400_000
/** Where bytes lie in rows. */
export const bodyTables = ['body', 'body_chunk'] as const
export type BodyTable = (typeof bodyTables)[number]

export interface Partition {
  table: BodyTable
  name: string
  /** its midnight (UTC), milliseconds */
  day: number
  from: string
  to: string
}

const nameOf = (table: BodyTable, ms: number): string =>
  `${table}_${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`

export function partitionsAround(now: number): Partition[] {
  const today = Math.floor(now / DAY) * DAY
  const all: Partition[] = []
  for (const table of bodyTables)
    for (let day = today - DAY; day <= today + 7 * DAY; day += DAY)
      all.push({ table, name: nameOf(table, day), day, from: firstIdAt(day), to: firstIdAt(day + DAY) })
  return all
}

/** Makes what is missing; returns the names of what it made. */
export async function ensurePartitions(db: Database, now: number): Promise<string[]> {
  const wanted = partitionsAround(now)
  const there = new Set(
    (
      await db.query<{
        name: string
      }>(`SELECT c.relname AS name FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE i.inhparent IN ('body'::regclass, 'body_chunk'::regclass)`)
    ).map((row) => row.name),
  )
  const made: string[] = []
  for (const partition of wanted) {
    if (there.has(partition.name)) continue
    await makePartition(db, partition)
    made.push(partition.name)
  }
  return made
}

/** Any number all our processes agree on: two that make the same partition at once would clash. */
const LOCK = 7_238_414_202

async function makePartition(db: Database, partition: Partition): Promise<void> {
  for (let tries = 3; ; tries--) {
    try {
      return await db.transaction((sql) => makeOnce(sql, partition), { answerWithinMs: LONG_MS })
    } catch (error) {
      // 23514: a row of that day came into the default partition after we had looked.
      if (classifyDbError(error) !== 'data' || tries === 0) throw error
    }
  }
}

async function makeOnce(sql: Sql, partition: Partition): Promise<void> {
  const { table, name, from, to } = partition
  await sql.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
  const range = `body_id >= '${from}' AND body_id < '${to}'`
  const [late] = await sql.query<{ some: boolean }>(
    `SELECT EXISTS (SELECT FROM ${table}_default WHERE ${range}) AS some`,
  )
  const create = `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM ('${from}') TO ('${to}')`
  if (!late!.some) {
    await sql.query(create)
    return
  }
  // Writers to the table wait for the length of the move; readers see the rows before or after it.
  await sql.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`)
  await sql.query(`CREATE TEMP TABLE moving ON COMMIT DROP AS SELECT * FROM ${table}_default WHERE ${range}`)
  await sql.query(`DELETE FROM ${table}_default WHERE ${range}`)
  await sql.query(create)
  await sql.query(`INSERT INTO ${name} SELECT * FROM moving`)
}
