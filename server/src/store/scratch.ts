/** A database that lives for one command, on the same server: `check --self-test` corrupts it instead of yours. */
import type { Sql } from '../platform/db/database.ts'

const NAME = /^holdfast_[a-z0-9_]+$/

const checked = (name: string): string => {
  if (!NAME.test(name)) throw new RangeError(`not a name for a scratch database: ${name}`)
  return name
}

export async function createScratch(sql: Sql, name: string): Promise<void> {
  await sql.query(`CREATE DATABASE ${checked(name)} TEMPLATE template0 ENCODING 'UTF8'`)
}

export async function dropScratch(sql: Sql, name: string): Promise<void> {
  await sql.query(`DROP DATABASE IF EXISTS ${checked(name)} WITH (FORCE)`)
}
