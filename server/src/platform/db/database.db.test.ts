/**
 * Connections that die or hang: a statement fails, never the process; what nobody can know is said so; and however many
 * statements wait, the vital ones do not.
 */
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { systemClock } from '../clock.ts'
import { silentLog } from '../log.ts'
import { classifyDbError, openDatabase, type Database } from './database.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

/** A way to the server that can be made deaf: it takes everything and gives nothing back. */
async function startWire(): Promise<{ port: number; hang: (on: boolean) => void; close: () => void }> {
  const { host, port } = fresh.connection
  const pairs = new Set<Socket>()
  let deaf = false
  const listener = createServer((near) => {
    const far = host?.startsWith('/') ? connect(join(host, `.s.PGSQL.${port ?? 5432}`)) : connect(port ?? 5432, host)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      pairs.add(from)
      from.on('data', (bytes) => {
        if (!deaf) to.write(bytes)
      })
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    hang: (on) => (deaf = on),
    close() {
      for (const one of pairs) one.destroy()
      listener.close()
    },
  }
}

let wire: Awaited<ReturnType<typeof startWire>>
let db: Database
beforeEach(async () => {
  wire = await startWire()
  const connection = { ...fresh.connection, host: '127.0.0.1', port: wire.port }
  db = openDatabase({ connection, poolSize: 2, log: silentLog, answerWithinMs: 300 })
})
afterEach(async () => {
  wire.close()
  await db.close()
})

test('its backend is killed while nothing is under way: the transaction rejects, the pool goes on', async () => {
  const broken = fresh.db.transaction(async (sql) => {
    const [row] = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await fresh.db.query('SELECT pg_terminate_backend($1)', [row!.pid])
    await systemClock.sleep(200)
    await sql.query('SELECT 1')
  })
  await expect(broken).rejects.toThrow()
  expect(await fresh.db.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
})

const classOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => classifyDbError(error),
  )

test('a database that hangs: statement and transaction fail as unknown, and with the wire whole all goes on', async () => {
  await db.query('SELECT 1')
  wire.hang(true)
  const began = systemClock.monotonic()
  const failed = await Promise.all([
    classOf(db.query('SELECT 1')),
    classOf(db.transaction((sql) => sql.query('SELECT 1'))),
  ])
  expect(failed).toEqual(['connection', 'connection'])
  expect(systemClock.monotonic() - began).toBeLessThan(10_000)
  wire.hang(false)
  expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await db.transaction((sql) => sql.query('SELECT 2 AS two'))).toEqual([{ two: 2 }])
})

test('a statement of a transaction that hangs is not followed by a ROLLBACK that waits behind it', async () => {
  let hungAt = 0
  const work = db.transaction(
    async (sql) => {
      await sql.query('SELECT 1')
      wire.hang(true)
      hungAt = systemClock.monotonic()
      await sql.query('SELECT 2')
    },
    { answerWithinMs: 2_000 },
  )
  expect(await classOf(work)).toBe('connection')
  expect(systemClock.monotonic() - hungAt).toBeLessThan(3_800)
  wire.hang(false)
})

test('one that is known to take long has its own limit', async () => {
  expect(await classOf(db.query('SELECT pg_sleep(0.6)'))).toBe('connection')
  await db.transaction((sql) => sql.query('SELECT pg_sleep(0.6)'), { answerWithinMs: 20_000 })
})

test('a connection of its own that hangs fails as unknown too', async () => {
  const own = await db.dedicated('test')
  wire.hang(true)
  expect(await classOf(own.query('SELECT 1'))).toBe('connection')
  wire.hang(false)
  await own.close()
})

test('searches that fill the pool do not keep the vital statements waiting', async () => {
  const searches = [1, 2, 3, 4].map(() =>
    classOf(db.transaction((sql) => sql.query('SELECT pg_sleep(1)'), { answerWithinMs: 20_000 })),
  )
  const began = systemClock.monotonic()
  expect(await db.vital.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await db.vital.transaction((sql) => sql.query('SELECT 2 AS two'))).toEqual([{ two: 2 }])
  expect(systemClock.monotonic() - began).toBeLessThan(900)
  expect(await Promise.all(searches)).toEqual(['no error', 'no error', 'no error', 'no error'])
})
