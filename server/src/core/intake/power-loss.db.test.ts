/**
 * The machine loses its power at any step while large messages come in, through the real intake and accept, on a disk that
 * forgets what was not synced: every row of a message has its bytes whole, and whoever got a 250 has a row. Then the test
 * of the test: each step of the order left out is found. (The database's own syncs: e2e/durability-order.test.ts.)
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { forgetfulDisk, type ForgetfulDisk } from '../../../testkit/forgetful-disk.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { BodyStore, Mode } from '../../platform/codes.ts'
import { noListBounces, noReturnPaths, notListed } from '../../../testkit/not-listed.ts'
import { configSchema } from '../../platform/config/config.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { diskBlobStore, type Disk } from '../../store/blobs/disk-blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import { createDirectory, type LiveDirectory } from '../directory/index.ts'
import { createAccept, createBodyIntake, type Accept } from '../queue/index.ts'
import { createOwnId, createRouting } from '../routing/index.ts'
import { createMxDoor } from './intake.ts'

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? Date.now() % 1_000_000)
/** mulberry32 */
function createRandom(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
const random = createRandom(seed)

const config = configSchema.parse({ hostname: 'mx.holdfast.test', storage: { inlineBytes: 10_000, blobBytes: 60_000 } })
const clock = systemClock
const log = silentLog
let fresh: FreshDatabase
let accept: Accept
let directory: LiveDirectory
let organisationId: Id
const folders: string[] = []

beforeAll(async () => {
  console.log(`seed ${seed} (HOLDFAST_TEST_SEED=${seed} repeats it)`)
  fresh = await freshDatabase()
  ;({ organisationId } = await makeOrganisation(fresh.db, { people: ['alice'], domain: 'corp.test' }))
  directory = createDirectory({ db: fresh.db, clock, log })
  accept = createAccept({
    db: fresh.db,
    clock,
    log,
    metrics: createMetrics(),
    config: { ...config, accept: { ...config.accept, answerWithin: 20 } },
    nodeId: newId(clock.now()),
    ensureFolders: async () => undefined,
  })
})
afterAll(async () => {
  await accept.stop()
  await directory.stop()
  await fresh.drop()
  for (const folder of folders) await removeAll(folder)
})

/** A file may come while its folder is being emptied: then once more from the beginning. */
async function removeAll(folder: string): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      return rmSync(folder, { recursive: true, force: true })
    } catch (error) {
      if (tries === 50) throw error
      await systemClock.sleep(100)
    }
}

interface Round {
  acknowledged: number
  /** rows whose bytes are in the blob store */
  blobs: number
  calls: number
  /** what is wrong after the crash */
  harm: string[]
}
type Breaking = (disk: ForgetfulDisk) => { disk?: Disk; store?: (store: BlobStore) => BlobStore }

const SENDERS = 5
const MESSAGES = 3

/** Five senders with three messages each; the power goes at the given call, or after all was said. */
async function round(dieAt: number, breaking: Breaking = () => ({})): Promise<Round> {
  const data = mkdtempSync(join(tmpdir(), 'hf-power-'))
  folders.push(data)
  const disk = forgetfulDisk(data)
  disk.dieAt(dieAt)
  const broken = breaking(disk)
  const store = diskBlobStore(join(data, 'blobs'), broken.disk ?? disk)
  const bodies = createBodyIntake({ db: fresh.db, blobs: broken.store?.(store) ?? store, clock, config })
  const standing = { mode: Mode.normal, since: 0, pin: null, version: 1, returnEventId: null }
  const door = createMxDoor({
    clock,
    config,
    directory,
    routes: { get: () => undefined },
    routing: createRouting({
      directory,
      clock,
      hasRoom: () => false,
      board: {
        standing: (routeId) => ({ ...standing, organisationId, routeId }),
        flow: () => 'relay',
        isHeldThemselves: () => false,
        onChange: () => undefined,
      },
    }),
    watch: () => null,
    outbound: notListed,
    sign: async () => null,
    returnPaths: noReturnPaths,
    listBounces: noListBounces,
    ownId: createOwnId(keysFrom(Buffer.alloc(32, 7)), newId(clock.now())),
    accept,
    bodies,
    addressesOf: () => Promise.resolve([]),
    checkDisk: () => undefined,
  })
  const before = newId(clock.now())
  await clock.sleep(2)
  const acknowledged: string[] = []
  const envelope = {
    from: 's@outside.test',
    clientIp: '192.0.2.1',
    helo: 'outside.test',
    esmtp: true,
    tls: null,
    bodyType: '8BITMIME' as const,
    smtputf8: false,
    declaredSize: null,
    ret: null,
    envid: null,
  }
  const send = async (): Promise<void> => {
    for (let i = 0; i < MESSAGES && !disk.isDead(); i++) {
      const recipient = await door.checkRecipient('alice@corp.test', envelope)
      const sink = door.begin(envelope, [{ recipient, notify: 0, orcpt: null }])
      const body = randomBytes(Math.floor(5_000 + random() * 300_000)).toString('base64')
      const bytes = Buffer.from(`From: s@outside.test\r\nSubject: power\r\n\r\n${body}\r\n`)
      for (let at = 0; at < bytes.length; at += 30_000) await sink.write(bytes.subarray(at, at + 30_000))
      const { queueId } = await sink.finish()
      // A 250 after the power went was never sent.
      if (!disk.isDead()) acknowledged.push(queueId)
    }
  }
  const all = Promise.all(Array.from({ length: SENDERS }, send))
  const dead = (async () => {
    while (!disk.isDead()) await clock.sleep(1)
  })()
  await Promise.race([all, ...(dieAt === Infinity ? [] : [dead])])
  const calls = disk.calls()
  await disk.crash()
  // Commits that were under way may come or not.
  await clock.sleep(60)
  await bodies.stop()

  const rows = await fresh.db.query<{
    messageId: Id
    size: number
    sha256: Buffer
    bodyStore: number
    blobKey: string | null
  }>(
    `SELECT message_id AS "messageId", size, sha256, body_store AS "bodyStore", blob_key AS "blobKey"
     FROM message WHERE message_id > $1`,
    [before],
  )
  const harm: string[] = []
  for (const id of acknowledged) if (!rows.some((row) => row.messageId === id)) harm.push(`${id} has no row`)
  const survived = diskBlobStore(join(data, 'blobs'))
  for (const row of rows) {
    const hash = createHash('sha256')
    try {
      const ref = { organisationId, bodyId: row.messageId, bodyStore: row.bodyStore, blobKey: row.blobKey }
      for await (const chunk of openBody(fresh.db, survived, ref)) hash.update(chunk)
    } catch {
      harm.push(`${row.messageId} has no bytes`)
      continue
    }
    if (!hash.digest().equals(row.sha256)) harm.push(`${row.messageId} has other bytes`)
  }
  // The folders still count what the last round's rows were; a wrong order's harm was told.
  if (harm.length === 0) await expectSound(fresh.db, survived, { except: ['folder-counters'] })
  await fresh.db.query('TRUNCATE message, delivery, copy, placement, body, body_chunk, blob_reservation CASCADE')
  return {
    acknowledged: acknowledged.length,
    blobs: rows.filter((row) => row.bodyStore === BodyStore.blob).length,
    calls,
    harm,
  }
}

let callsOfAll = 0
test('all in and the power goes at once: nothing acknowledged is lost', async () => {
  const { acknowledged, blobs, calls, harm } = await round(Infinity)
  callsOfAll = calls
  expect(acknowledged).toBe(SENDERS * MESSAGES)
  expect(blobs).toBeGreaterThan(5)
  expect(harm).toEqual([])
})

test('the power goes at any step', async () => {
  const seen: number[] = []
  for (let i = 0; i < 40; i++) {
    const dieAt = 1 + Math.floor(random() * callsOfAll)
    const { acknowledged, harm } = await round(dieAt)
    expect(harm, `seed ${seed}, round ${i}, died at call ${dieAt}`).toEqual([])
    seen.push(acknowledged)
  }
  // Crashes before the first and after many were both among them.
  expect(Math.min(...seen)).toBeLessThan(3)
  expect(Math.max(...seen)).toBeGreaterThan(6)
}, 90_000)

const silent = (disk: ForgetfulDisk, what: 'folders' | 'files' | 'none'): Disk => ({
  mkdir: (path, options) => disk.mkdir(path, options),
  rename: (from, to) => disk.rename(from, to),
  rm: (path, options) => disk.rm(path, options),
  async open(path, flags, mode) {
    const file = await disk.open(path, flags, mode)
    return what === (flags === 'r' ? 'folders' : 'files')
      ? { ...file, sync: async () => undefined, datasync: async () => undefined }
      : file
  },
})
const wrongOrders: [string, Breaking][] = [
  ['the folder is not synced', (disk) => ({ disk: silent(disk, 'folders') })],
  ['the bytes are not synced', (disk) => ({ disk: silent(disk, 'files') })],
  [
    'the row is linked before the blob is durable',
    () => ({
      store: (store) => ({
        ...store,
        async create(key) {
          const writer = await store.create(key)
          return {
            ...writer,
            async commit() {
              void clock.sleep(15).then(() => writer.commit())
            },
          }
        },
      }),
    }),
  ],
  [
    'the folders above are not synced',
    (disk) => ({
      disk: {
        ...silent(disk, 'none'),
        async open(path, flags, mode) {
          const file = await disk.open(path, flags, mode)
          const isDay = /\d{4}-\d\d-\d\d$/.test(path)
          return flags === 'r' && !isDay ? { ...file, sync: async () => undefined } : file
        },
      },
    }),
  ],
]
test.each(wrongOrders)(
  'a wrong order is found: %s',
  async (_, breaking) => {
    let found = 0
    for (let i = 0; i < 25 && found === 0; i++)
      found += (await round(Math.floor(callsOfAll * (0.2 + 0.8 * random())), breaking)).harm.length
    expect(found).toBeGreaterThan(0)
  },
  60_000,
)
