/**
 * Fills the database of a bench installation as years of use would have: see preload/shape.ts. The rows are what the
 * product writes, `holdfast check` finds nothing to say about them (as long as all bytes are in rows: the blobs of packs
 * are not made). No Holdfast may run on it meanwhile, only its PostgreSQL; whoever starts it afterwards reads all anew.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { takeIndexes } from './preload/indexes.ts'
import { mailStatement, mailTables, packStatement } from './preload/mail.ts'
import { peopleStatements } from './preload/people.ts'
import { daysOf, shapeFor, type Shape } from './preload/shape.ts'

export interface PreloadWish {
  /** of the installation */
  data: string
  messages: number
  /** where all routes lead */
  port: number
  say?: (line: string) => void
}

/** Statements under way at once. */
const LANES = 2
const BATCH = 250_000
const BODY_BATCH = 20_000

/** The embedded PostgreSQL of a data folder: its pid file says where its socket is. */
export async function connectTo(data: string): Promise<pg.Client> {
  const host = readFileSync(join(data, 'postgres/postmaster.pid'), 'utf8').split('\n')[4]!
  const client = new pg.Client({ host, user: 'holdfast', database: 'postgres' })
  await client.connect()
  return client
}

async function inLanes(lanes: readonly pg.Client[], statements: readonly string[]): Promise<void> {
  let next = 0
  const lane = async (client: pg.Client): Promise<void> => {
    for (let at = next++; at < statements.length; at = next++) await client.query(statements[at]!)
  }
  await Promise.all(lanes.map(lane))
}

function mailStatements(shape: Shape): string[] {
  const all: string[] = []
  for (const table of mailTables) {
    const size = table === 'body' ? BODY_BATCH : BATCH
    for (let from = table === 'body' ? shape.messages - shape.bodies : 0; from < shape.messages; from += size)
      all.push(mailStatement(shape, table, from, Math.min(shape.messages, from + size)))
  }
  return all
}

/** Days that have mail have their partitions, also those whose bytes have left for packs since. */
function partitionStatements(shape: Shape): string[] {
  const id = (ms: number): string => {
    const hex = ms.toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
  }
  return daysOf(shape).flatMap((day) =>
    ['body', 'body_chunk'].map((table) => {
      const name = `${table}_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`
      return `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM ('${id(day)}') TO ('${id(day + 86_400_000)}')`
    }),
  )
}

export async function preload({ data, messages, port, say = () => undefined }: PreloadWish): Promise<Shape> {
  const shape = shapeFor(messages, Date.now())
  const lanes = await Promise.all(Array.from({ length: LANES }, () => connectTo(data)))
  const [client] = lanes as [pg.Client]
  const from = performance.now()
  const told = (what: string): void => say(`preload ${((performance.now() - from) / 1000).toFixed(0)} s: ${what}`)
  try {
    for (const one of lanes)
      await one.query(`SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'`)
    for (const statement of [...partitionStatements(shape), ...peopleStatements(shape, port)])
      await client.query(statement)
    told('organisations, routes, domains, people')
    const large = mailTables.filter((table) => table !== 'body')
    for (const table of large) await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
    const { makeAgain } = await takeIndexes(client, large)
    await inLanes(lanes, mailStatements(shape))
    if (shape.bodies < shape.messages) await client.query(packStatement(shape))
    told('rows')
    await inLanes(lanes, makeAgain)
    told('indexes')
    for (const table of large) await client.query(`ALTER TABLE ${table} RESET (autovacuum_enabled)`)
    await client.query('UPDATE directory_generation SET generation = generation + 1')
    // As a database is that has been in use for long: no hint bits to set, no visibility map to fill, nothing to write back.
    await client.query('VACUUM ANALYZE')
    await client.query('CHECKPOINT')
    told('settled')
  } finally {
    for (const one of lanes) await one.end()
  }
  return shape
}
