/**
 * Brings a database to this version's tables: db/migrations/NNNN_name.sql, forward only, in order, each in a transaction
 * of its own under one advisory lock, so that several processes may start at once. What has landed is remembered with
 * its digest.
 *
 * Failure: a landed file that was changed, a gap, or a database newer than this program stops with a sentence that says
 * what to do; nothing is applied then.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Database, Sql } from './database.ts'

export interface Migration {
  number: number
  name: string
  text: string
  sha256: Buffer
}

/** Any number all our processes agree on. */
const LOCK = 7_238_414_201

/** db/migrations beside the program: from server/src as well as from the bundle in server/dist. */
export function migrationsFolder(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const folder = join(at, 'db/migrations')
    if (existsSync(folder)) return folder
    if (at === dirname(at))
      throw new Error(`db/migrations was not found above ${import.meta.dirname}: the installation is incomplete.`)
  }
}

export function readMigrations(folder = migrationsFolder()): Migration[] {
  const found = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((file): Migration => {
      const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file)
      if (!match) throw new Error(`${join(folder, file)} is not named NNNN_name.sql`)
      const text = readFileSync(join(folder, file), 'utf8')
      return { number: Number(match[1]), name: match[2]!, text, sha256: createHash('sha256').update(text).digest() }
    })
  found.forEach((migration, at) => {
    if (migration.number !== at + 1)
      throw new Error(`${folder}: number ${String(at + 1).padStart(4, '0')} is missing or there twice`)
  })
  return found
}

interface Landed {
  number: number
  name: string
  sha256: Buffer
}

async function landed(sql: Sql): Promise<Landed[]> {
  const [there] = await sql.query<{ there: boolean }>(`SELECT to_regclass('schema_migration') IS NOT NULL AS there`)
  if (!there?.there) return []
  return sql.query<Landed>('SELECT number, name, sha256 FROM schema_migration ORDER BY number')
}

function compare(known: readonly Migration[], there: readonly Landed[]): Migration[] {
  there.forEach((row, at) => {
    const file = known[at]
    if (!file)
      throw new Error(
        `The database was made by a newer Holdfast (its newest migration is ${row.number} ${row.name}, this version knows ${known.length}). ` +
          'Run that version or a later one; going back needs a backup from before.',
      )
    if (row.number !== file.number || !row.sha256.equals(file.sha256))
      throw new Error(
        `Migration ${file.number} ${file.name} is not the one this database was made with (${row.name}). Use the program files of the version that made it.`,
      )
  })
  return known.slice(there.length)
}

/** The migrations that have not landed yet; throws where the database does not fit this program. */
export async function pendingMigrations(sql: Sql, known = readMigrations()): Promise<Migration[]> {
  return compare(known, await landed(sql))
}

/** Applies what is missing; returns what it applied. Safe to call from several processes at once. */
export async function migrate(db: Database, known = readMigrations()): Promise<Migration[]> {
  const applied: Migration[] = []
  // As long as it takes: giving up in the middle would begin from the front, for ever.
  const patient = { answerWithinMs: Infinity }
  for (;;) {
    const next = await db.transaction(async (sql) => {
      await sql.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
      const [migration] = compare(known, await landed(sql))
      if (!migration) return null
      if (migration.number === 1)
        await sql.query(
          `CREATE TABLE IF NOT EXISTS schema_migration (
             number integer PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
        )
      await sql.query(migration.text)
      await sql.query('INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)', [
        migration.number,
        migration.name,
        migration.sha256,
      ])
      return migration
    }, patient)
    if (!next) return applied
    applied.push(next)
  }
}
