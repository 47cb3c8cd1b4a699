/**
 * Day partitions of body and body_chunk. Ids are uuidv7, so a day is a range of ids. Made ahead of time (yesterday to a
 * week from now); what arrived without one lies in the default partition and is moved when its day is made. Idempotent;
 * call it at start and every hour. When all are there it takes no lock. An old day that is empty is dropped: that costs
 * the same however much it held, where rows that went one by one leave their room behind.
 */
import type { Database, Sql } from '../platform/db/database.ts'
import { classifyDbError, LONG_MS } from '../platform/db/database.ts'
import { firstIdAt } from '../platform/ids.ts'
import { keepExportsOut } from './packs.ts'

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

const NAME = /^(body|body_chunk)_(\d{4})(\d\d)(\d\d)$/
/** The midnight of a day partition; null for any other table's name. */
function dayOfName(name: string): number | null {
  const [, , year, month, day] = NAME.exec(name) ?? []
  return year === undefined ? null : Date.UTC(Number(year), Number(month) - 1, Number(day))
}

export function partitionsAround(now: number): Partition[] {
  const today = Math.floor(now / DAY) * DAY
  const all: Partition[] = []
  for (const table of bodyTables)
    for (let day = today - DAY; day <= today + 7 * DAY; day += DAY)
      all.push({ table, name: nameOf(table, day), day, from: firstIdAt(day), to: firstIdAt(day + DAY) })
  return all
}

/** The names of the partitions that are there, the default ones too. */
export async function partitionNames(sql: Sql): Promise<Set<string>> {
  const rows = await sql.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent IN ('body'::regclass, 'body_chunk'::regclass)`,
  )
  return new Set(rows.map((row) => row.name))
}

/** Makes what is missing; returns the names of what it made. */
export async function ensurePartitions(db: Database, now: number): Promise<string[]> {
  const wanted = partitionsAround(now)
  const there = await partitionNames(db)
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

/** Whoever waits for this long for the tables is waited for no longer: what is accepted meanwhile waits behind us. */
const LOCK_TIMEOUT = '200ms'
/** Whoever reads all of the tables is in the way of every day: it is not tried with each. */
const MOST_IN_USE = 2

/**
 * Drops the day partitions that are empty and whose day ended before `endedBefore` (never yesterday's, which would be
 * made again); returns their names. One that is in use, or got a row in this moment, is left for the next time.
 *
 * DROP locks the parent for a moment, and whoever accepts mail stands in the queue behind it: so it gives up after
 * LOCK_TIMEOUT, and the look whether it is empty, which may take long over rows just deleted, is done before, under a
 * lock of the partition alone that lets nobody put a row in.
 */
export async function dropEmptyDays(db: Database, now: number, endedBefore: number): Promise<string[]> {
  if (!(await keepExportsOut(db))) return []
  const yesterday = Math.floor(now / DAY) * DAY - DAY
  const dropped: string[] = []
  let inUse = 0
  for (const name of await partitionNames(db)) {
    const day = dayOfName(name)
    if (day === null || day >= yesterday || day + DAY > endedBefore) continue
    if (!(await isEmpty(db, name))) continue
    try {
      if (await db.transaction((sql) => dropOnce(sql, name))) dropped.push(name)
    } catch (error) {
      if (classifyDbError(error) !== 'repeat') throw error
      if (++inUse === MOST_IN_USE) break
    }
  }
  return dropped
}

async function isEmpty(sql: Sql, name: string): Promise<boolean> {
  const [row] = await sql.query<{ some: boolean }>(`SELECT EXISTS (SELECT FROM ${name}) AS some`)
  return !row!.some
}

async function dropOnce(sql: Sql, name: string): Promise<boolean> {
  await sql.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
  await sql.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
  await sql.query(`LOCK TABLE ${name} IN SHARE MODE`)
  if (!(await isEmpty(sql, name))) return false
  await sql.query(`DROP TABLE ${name}`)
  return true
}
