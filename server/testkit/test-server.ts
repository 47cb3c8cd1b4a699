/** Starts the server that tests share and prepares the template database in it. See postgres-setup.ts. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/db/database.ts'
import { startEmbedded } from '../src/platform/db/embedded.ts'
import { migrate } from '../src/platform/db/migrate.ts'
import { newId } from '../src/platform/ids.ts'
import { silentLog } from '../src/platform/log.ts'
import { ensureInstallation } from '../src/store/installation.ts'
import { ensurePartitions } from '../src/store/partitions.ts'

export interface TestServerAddress {
  connection: pg.ClientConfig
  template: string
}

export interface TestServer {
  address: TestServerAddress
  stop: () => Promise<void>
}

/** A temporary folder below which the account of an embedded database may come, also when we are root. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(folder, 0o711)
  return folder
}

async function withClient<T>(connection: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function makeTemplate(connection: pg.ClientConfig, name: string): Promise<void> {
  await withClient(connection, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`))
  const db = openDatabase({ connection: { ...connection, database: name }, poolSize: 1, log: silentLog })
  await migrate(db)
  await ensureInstallation(db, newId(systemClock.now()))
  await ensurePartitions(db, systemClock.now())
  await db.close()
}

/** pg.ClientConfig with its parts apart, so that another database name can be set. */
function parseUrl(url: string): pg.ClientConfig {
  const at = new URL(url)
  const host = at.searchParams.get('host') ?? decodeURIComponent(at.hostname)
  const config: pg.ClientConfig = {
    host,
    port: Number(at.port || 5432),
    database: decodeURIComponent(at.pathname.slice(1)) || 'postgres',
  }
  if (at.username) config.user = decodeURIComponent(at.username)
  if (at.password) config.password = decodeURIComponent(at.password)
  return config
}

export async function startTestServer(): Promise<TestServer> {
  const template = `holdfast_template_${process.pid}`
  const url = process.env.HOLDFAST_TEST_DATABASE_URL
  if (url) {
    const connection = parseUrl(url)
    await makeTemplate(connection, template)
    return {
      address: { connection, template },
      stop: () =>
        withClient(connection, async (client) => {
          await client.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`)
        }),
    }
  }
  const folder = temporaryFolder('hf-test-')
  // Durability is proven elsewhere (with fsync); here the shared server trades it for speed.
  const server = await startEmbedded({
    dataFolder: folder,
    clock: systemClock,
    log: silentLog,
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '200' },
  })
  await makeTemplate(server.connection, template)
  return {
    address: { connection: server.connection, template },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
