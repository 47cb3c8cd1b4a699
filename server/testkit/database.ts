/**
 * A database of its own for a test, cloned from the migrated template in some 100 ms. `drop()` in afterAll or afterEach;
 * what is forgotten goes with the server at the end of the run. Needs vitest's project `db`
 * (postgres-setup.ts starts the server).
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Database } from '../src/platform/db/database.ts'
import { openDatabase } from '../src/platform/db/database.ts'
import { silentLog } from '../src/platform/log.ts'
import type { TestServerAddress } from './test-server.ts'

export interface FreshDatabase {
  db: Database
  connection: pg.ClientConfig
  drop(): Promise<void>
}

export function testServerAddress(): TestServerAddress {
  const text = process.env.HOLDFAST_TEST_SERVER
  if (!text)
    throw new Error(
      'No test database server: name the file *.db.test.ts, or call startTestServer() yourself and set HOLDFAST_TEST_SERVER',
    )
  return JSON.parse(text) as TestServerAddress
}

async function admin(connection: pg.ClientConfig, text: string): Promise<void> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

export async function freshDatabase(options: { poolSize?: number; empty?: boolean } = {}): Promise<FreshDatabase> {
  const { connection, template } = testServerAddress()
  const name = `t_${process.pid}_${randomBytes(5).toString('hex')}`
  await admin(
    connection,
    options.empty
      ? `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`
      : `CREATE DATABASE ${name} TEMPLATE ${template}`,
  )
  const own = { ...connection, database: name }
  const db = openDatabase({ connection: own, poolSize: options.poolSize ?? 5, log: silentLog })
  return {
    db,
    connection: own,
    async drop() {
      await db.close()
      await admin(connection, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}
