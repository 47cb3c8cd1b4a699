/**
 * No mail is taken on a database that could lose it: real servers with each setting off, through openStorage (as every
 * command comes to its database) and through `holdfast serve`; our own embedded server, an orphan of it, and the server
 * of DATABASE_URL.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { testServerAddress } from '../../testkit/database.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { openDatabase } from '../platform/db/database.ts'
import { startEmbedded, type EmbeddedServer } from '../platform/db/embedded.ts'
import { leftovers } from '../platform/db/postmaster.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage, type Storage } from './storage.ts'

const folders: string[] = []
const servers: EmbeddedServer[] = []
const place = (): string => {
  const folder = temporaryFolder('hf-unsafe-')
  folders.push(folder)
  return folder
}
/** Its database is made once; every test starts a server on it with other settings. */
const own = place()
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function start(settings: Record<string, string>): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataFolder: own, clock: systemClock, log: silentLog, settings })
  servers.push(server)
  return server
}
const urlOf = ({ connection }: EmbeddedServer): string =>
  `postgres://${connection.user!}@localhost/${connection.database!}?host=${encodeURIComponent(connection.host!)}`
const open = (dataFolder: string, url: string, hold: boolean): Promise<Storage> =>
  openStorage({
    dataFolder,
    config: configSchema.parse({ database: { url, poolSize: 2 } }),
    clock: systemClock,
    log: silentLog,
    hold,
    schema: 'bring',
  })
async function run(server: EmbeddedServer, text: string): Promise<void> {
  const db = openDatabase({ connection: server.connection, poolSize: 1, log: silentLog })
  await db.query(text)
  await db.close()
}

function serve(dataFolder: string, url: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [...program, 'serve', '--json'], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_DATA: dataFolder,
      HOLDFAST_LISTEN_MX_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: '0',
      DATABASE_URL: url,
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  // A server that starts after all is the failure that is looked for.
  const patience = setTimeout(() => child.kill(), 45_000)
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(patience)
      resolve({ code, said })
    }),
  )
}

const cases: [name: string, value: string][] = [
  ['fsync', 'off'],
  ['full_page_writes', 'off'],
  ['synchronous_commit', 'off'],
  ['synchronous_commit', 'local'],
  ['synchronous_commit', 'remote_write'],
]

test.each(cases)(
  '%s=%s: neither the server of DATABASE_URL nor an orphan of our own is taken',
  async (name, value) => {
    const remedy = new RegExp(`has ${name}=${value}: .*Take ${name} out of the command that starts the database`)
    const server = await start({ [name]: value })
    await expect(open(place(), urlOf(server), false)).rejects.toThrow(remedy)
    await expect(open(place(), urlOf(server), true)).rejects.toThrow(remedy)
    const db = openDatabase({ connection: server.connection, poolSize: 1, log: silentLog })
    expect(await db.query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`)).toEqual([])
    await db.close()
    // Now it is what another process of ours has left running.
    server.release()
    await expect(open(own, '', true)).rejects.toThrow(remedy)
    expect(leftovers(join(own, 'postgres')), 'the refusal has stopped it').toEqual([])
  },
  60_000,
)

test('what a role or a database has set for itself is seen too', async () => {
  const server = await start({})
  for (const [set, reset, remedy] of [
    ['ALTER ROLE holdfast SET synchronous_commit = off', 'ALTER ROLE holdfast RESET ALL', /ALTER ROLE … RESET/],
    ['ALTER DATABASE postgres SET synchronous_commit = local', 'ALTER DATABASE postgres RESET ALL', /ALTER DATABASE …/],
  ] as const) {
    await run(server, set)
    await expect(open(place(), urlOf(server), true)).rejects.toThrow(remedy)
    await run(server, reset)
  }
  await expect(open(place(), `${urlOf(server)}&options=-c%20synchronous_commit%3Doff`, true)).rejects.toThrow(
    /out of DATABASE_URL/,
  )
  const storage = await open(place(), urlOf(server), true)
  expect(storage.version).toMatch(/^18/)
  await storage.close()
}, 60_000)

test('after an unsafe orphan was refused, the next start has our own settings', async () => {
  const orphan = await start({ fsync: 'off' })
  orphan.release()
  await expect(open(own, '', true)).rejects.toThrow(/fsync=off/)
  const storage = await open(own, '', true)
  expect(await storage.db.query(`SELECT setting FROM pg_settings WHERE name = 'fsync'`)).toEqual([{ setting: 'on' }])
  await storage.close()
}, 60_000)

// A database that is given for the tests is a safe one: the case does not exist there.
const whereWeRunIt = (name: string, run: () => Promise<void>, ms: number): void => {
  if (process.env.HOLDFAST_TEST_DATABASE_URL === undefined) test(name, run, ms)
}

whereWeRunIt(
  '`holdfast serve` ends with the sentence',
  async () => {
    // The server that all tests share has fsync off, for speed.
    const { connection } = testServerAddress()
    const { code, said } = await serve(place(), urlOf({ connection } as EmbeddedServer))
    expect(said).toMatch(/has fsync=off: accepted mail could be lost in a crash/)
    expect(said).not.toContain('"ready":true')
    expect(code).toBe(1)
  },
  60_000,
)
