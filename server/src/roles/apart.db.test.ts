/** Roles apart: two processes' worth of servers share a database and nothing else; a dead one's leases become unsure. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../testkit/factories.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { expectSound } from '../../testkit/sound.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { systemClock, type Clock } from '../platform/clock.ts'
import { configSchema, type Config } from '../platform/config/config.ts'
import { openDatabase, type Database } from '../platform/db/database.ts'
import { keysFrom } from '../platform/keys.ts'
import { silentLog } from '../platform/log.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import { startServer, type RunningServer } from './server.ts'

let fresh: FreshDatabase
let primary: StandIn
let folder: string
let org: MadeOrganisation
let running: { server: RunningServer; db: Database }[]

beforeEach(async () => {
  fresh = await freshDatabase()
  primary = await startStandIn()
  folder = mkdtempSync(join(tmpdir(), 'hf-apart-'))
  running = []
  const hosts = [{ host: '127.0.0.1', port: primary.port }]
  org = await makeOrganisation(fresh.db, {
    people: ['alice'],
    domain: 'corp.test',
    route: { hosts, unsureWait: 1, retryFirst: 1, retryMax: 2, tls: 'none' },
  })
})
afterEach(async () => {
  await primary.close()
  for (const { server, db } of running.reverse()) {
    await server.stop()
    await db.close()
  }
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => expectSound(fresh.db, diskBlobStore(join(folder, 'blobs'))))

/** As a process of its own: own connections, own everything. */
async function start(roles: Config['roles'], clock: Clock = systemClock): Promise<RunningServer> {
  const db = openDatabase({ connection: fresh.connection, poolSize: 6, log: silentLog })
  const server = await startServer({
    config: configSchema.parse({
      hostname: 'mx.holdfast.test',
      listen: { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } },
      roles,
      storage: { reserveBytes: 0 },
    }),
    dataFolder: folder,
    db,
    keys: keysFrom(Buffer.alloc(32, 7)),
    clock,
    log: silentLog,
    version: 'test',
  })
  running.push({ server, db })
  return server
}

/** A clock whose intervals can be stopped: to the others the process is dead, though its connections hang on. */
function stoppable(): Clock & { stop(): void } {
  let stopped = false
  return {
    ...systemClock,
    every: (ms, run) =>
      systemClock.every(ms, () => {
        if (!stopped) run()
      }),
    stop() {
      stopped = true
    },
  }
}

const send = async (to: RunningServer, nonce: string): Promise<void> => {
  const text = `From: s@outside.test\r\nSubject: ${nonce}\r\nX-Nonce: ${nonce}\r\n\r\nhello\r\n`
  const result = await sendMail(to.ports.mx!, { from: 's@outside.test', to: ['alice@corp.test'] }, text)
  expect(result.ok).toBe(true)
}

async function until(what: string, ready: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const only = async <T extends object>(text: string): Promise<T> => (await fresh.db.query<T>(text))[0]!
const arrived = (nonce: string) => primary.store.of('alice@corp.test').filter((m) => m.nonce === nonce)

test('what the one accepts the other relays, within the poll', async () => {
  const front = await start(['mx'])
  const back = await start(['deliver', 'work'])
  expect(Object.keys(back.ports)).toEqual([])
  expect(await fresh.db.query('SELECT roles FROM node ORDER BY roles')).toEqual([
    { roles: 'deliver,work' },
    { roles: 'mx' },
  ])
  for (let i = 0; i < 3; i++) {
    await send(front, `apart-${i}`)
    const began = Date.now()
    await until('relayed', () => arrived(`apart-${i}`).length === 1)
    expect(Date.now() - began).toBeLessThan(1_800)
  }
  await until(
    'outcomes',
    async () => (await only<{ n: number }>('SELECT count(*)::int AS n FROM delivery WHERE state = 10')).n === 3,
  )
  expect(primary.store.of('alice@corp.test')).toHaveLength(3)
}, 30_000)

test('what people send at one process another relays', async () => {
  const door = await start(['submission'])
  await start(['deliver', 'work'])
  expect(Object.keys(door.ports)).toEqual(['submission', 'submissions'])
  const whose = { subjectId: org.people['alice']!.personId, organisationId: org.organisationId }
  await door.access.setPassword(fresh.db, whose, 'three grey owls at dawn', {
    mustChange: false,
    actor: `person:${whose.subjectId}`,
  })
  const client = await openSubmission(door.ports.submission!)
  const lines = [authPlain('alice@corp.test', 'three grey owls at dawn'), 'MAIL FROM:<alice@corp.test>']
  const codes: number[] = []
  for (const line of [
    ...lines,
    'RCPT TO:<alice@corp.test>',
    'DATA',
    'From: alice@corp.test\r\nX-Nonce: myself\r\n\r\n.',
  ])
    codes.push((await client.command(line)).code)
  expect(codes).toEqual([235, 250, 250, 354, 250])
  await until('relayed', () => arrived('myself').length === 1)
  client.destroy()
}, 30_000)

test('a process dies with a lease: unsure, sent again by another, marked, and its late answer changes nothing', async () => {
  const clock = stoppable()
  const front = await start(['mx', 'deliver'], clock)
  await primary.setFault('hang-dot', 1)
  await send(front, 'held')
  await until(
    'leased to the first',
    async () =>
      (
        await only<{ n: number }>(
          `SELECT count(*)::int AS n FROM delivery JOIN node ON node_id = lease WHERE state = 1 AND roles = 'mx,deliver'`,
        )
      ).n === 1,
  )
  await until('sent to the final dot', () => primary.fault === null)
  clock.stop()
  await fresh.db.query('DELETE FROM node')
  await start(['deliver', 'work'])
  await until(
    'sent again',
    () => arrived('held').length > 0 && arrived('held').at(-1)!.bytes.toString().includes('Holdfast-Resent'),
    // A process calls others dead only after fifteen seconds of beats of its own.
    40_000,
  )
  await until('written', async () => (await only<{ state: number }>('SELECT state FROM delivery')).state === 10)
  const attempts = await fresh.db.query('SELECT outcome, reason FROM attempt ORDER BY attempt_no')
  expect(attempts).toEqual([
    { outcome: 4, reason: 'lease-expired' },
    { outcome: 1, reason: 'resent-after-unsure' },
  ])
}, 70_000)
