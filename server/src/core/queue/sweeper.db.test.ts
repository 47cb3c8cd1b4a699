/** The sweep on a real database and disk: what goes, and above all what stays. */
import { existsSync, mkdtempSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { BodyStore, DeliveryState } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { blobKey } from '../../store/blobs/blob-store.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { insertBodyRow, insertChunk, reserveBlob } from '../../store/bodies.ts'
import { checkDatabase } from '../check/index.ts'
import { createSweeper, type Sweeper } from './sweeper.ts'

const HOUR = 3_600_000
const organisationId = newId(Date.now())
let fresh: FreshDatabase
let folder: string
let sweeper: Sweeper

beforeEach(async () => {
  fresh = await freshDatabase()
  folder = mkdtempSync(join(tmpdir(), 'hf-sweep-'))
  sweeper = createSweeper({ db: fresh.db, blobs: diskBlobStore(folder), clock: systemClock, log: silentLog })
  await fresh.db.query(`INSERT INTO organisation (organisation_id, slug, name) VALUES ($1, 'o', 'O')`, [organisationId])
})
afterEach(async () => {
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})

// These rows are no whole messages: their sizes, digests, attempts and people are made up.
afterEach(() =>
  expectSound(fresh.db, diskBlobStore(folder), {
    except: [
      'delivery-proof',
      'delivery-route',
      'delivery-parked',
      'copy-person',
      'body-size',
      'digest-row',
      'chunks-whole',
      'digest-big',
      'blob-owner',
      'blob-reserved',
    ],
  }),
)

const hoursAgo = (hours: number): Id => newId(Date.now() - hours * HOUR)
const hasBody = async (id: Id): Promise<boolean> =>
  (
    await fresh.db.query('SELECT FROM body WHERE body_id = $1 UNION ALL SELECT FROM body_chunk WHERE body_id = $1', [
      id,
    ])
  ).length > 0

async function message(id: Id, change: { store?: number; key?: string | null } = {}): Promise<Id> {
  await fresh.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, blob_key, prefix)
     VALUES ($1, $2, now(), 1, '', 1, '\\x00', $3, $4, '\\x')`,
    [organisationId, id, change.store ?? BodyStore.row, change.key ?? null],
  )
  if (change.store === BodyStore.chunks) await insertChunk(fresh.db, organisationId, id, 0, Buffer.from('x'))
  else if (change.store !== BodyStore.blob) await insertBodyRow(fresh.db, organisationId, id, Buffer.from('x'))
  return id
}
async function delivery(messageId: Id, state: number, hoursFinished: number | null, dsnSent = 0): Promise<void> {
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, route_id, state, next_attempt, accepted_at, finished_at, dsn_sent)
     VALUES ($1, $2, $3, 'a@corp.test', $1, $4, now(), now(), now() - make_interval(hours => $5), $6)`,
    [organisationId, newId(Date.now()), messageId, state, hoursFinished, dsnSent],
  )
}
const copy = (messageId: Id) =>
  fresh.db.query(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id, placed)
     VALUES ($1, $2, $3, $1, 1, 'infinity', 'owed', $1, false)`,
    [organisationId, newId(Date.now()), messageId],
  )

test('bytes that were never linked go after half a day, linked ones and fresh ones stay', async () => {
  const [old, oldChunks, recent, ofUpload, linked] = [13, 700, 11, 20, 20].map(hoursAgo) as [Id, Id, Id, Id, Id]
  await insertBodyRow(fresh.db, organisationId, old, Buffer.from('x'))
  for (const seq of [0, 1]) await insertChunk(fresh.db, organisationId, oldChunks, seq, Buffer.from('x'))
  await insertBodyRow(fresh.db, organisationId, recent, Buffer.from('x'))
  await insertBodyRow(fresh.db, organisationId, ofUpload, Buffer.from('x'))
  await fresh.db.query(
    `INSERT INTO upload (organisation_id, upload_id, person_id, type, size, body_store) VALUES ($1, $2, $1, 'a/b', 1, 1)`,
    [organisationId, ofUpload],
  )
  await delivery(await message(linked), DeliveryState.ready, null)
  expect((await sweeper.run()).unlinked).toBe(3)
  expect(await Promise.all([old, oldChunks, recent, ofUpload, linked].map(hasBody))).toEqual([
    false,
    false,
    true,
    true,
    true,
  ])
  await fresh.db.query(`UPDATE upload SET created_at = now() - interval '25 hours'`)
  await sweeper.run()
  expect(await hasBody(ofUpload)).toBe(false)
})

test('bytes nobody has a copy of and nobody is owed go a day after the last delivery; the facts stay', async () => {
  const { delivered, refused, parked, ready, deferred } = DeliveryState
  const gone = await message(hoursAgo(30))
  await delivery(gone, delivered, 25)
  const goneChunks = await message(hoursAgo(30), { store: BodyStore.chunks })
  await delivery(goneChunks, refused, 25, 2)
  const stays: Id[] = []
  for (const [state, finished] of [
    [delivered, 23],
    [ready, null],
    [deferred, null],
    // An admin has to look at it; a notice is due.
    [parked, 100],
    [refused, 100],
  ] as const) {
    const id = await message(hoursAgo(30))
    await delivery(id, delivered, 25)
    await delivery(id, state, finished)
    stays.push(id)
  }
  const copied = await message(hoursAgo(300))
  await delivery(copied, delivered, 299)
  await copy(copied)
  stays.push(copied)
  expect((await sweeper.run()).ownerless).toBe(2)
  expect(await hasBody(gone)).toBe(false)
  expect(await hasBody(goneChunks)).toBe(false)
  for (const id of stays) expect(await hasBody(id)).toBe(true)
  expect(
    await fresh.db.query('SELECT message_id AS id FROM message WHERE body_store = $1 ORDER BY 1', [BodyStore.gone]),
  ).toEqual([{ id: gone }, { id: goneChunks }].sort((a, b) => (a.id < b.id ? -1 : 1)))
  expect((await sweeper.run()).ownerless).toBe(0)
})

function blob(id: Id, hours: number, end = ''): string {
  const key = blobKey(organisationId, Date.now() - hours * HOUR, id)
  const path = join(folder, key + end)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, 'x')
  const at = new Date(Date.now() - hours * HOUR)
  utimesSync(path, at, at)
  return key
}

test('blobs: what no row names goes, with what was never finished; strangers in the folder are left alone', async () => {
  const lost = blob(hoursAgo(13), 13)
  const unfinished = blob(hoursAgo(13), 13, '.part')
  const recent = blob(hoursAgo(1), 1)
  const reserved = blob(hoursAgo(13), 13)
  await reserveBlob(fresh.db, organisationId, reserved)
  const linkedId = hoursAgo(30)
  const linked = blob(linkedId, 30)
  await delivery(await message(linkedId, { store: BodyStore.blob, key: linked }), DeliveryState.ready, null)
  const ownerlessId = hoursAgo(30)
  const ownerless = blob(ownerlessId, 30)
  await delivery(await message(ownerlessId, { store: BodyStore.blob, key: ownerless }), DeliveryState.delivered, 25)
  const strange = join(folder, 'lost+found')
  writeFileSync(strange, 'x')
  utimesSync(strange, 0, 0)
  expect(await sweeper.run()).toMatchObject({ ownerless: 1, blobs: 3 })
  for (const key of [lost, ownerless]) expect(existsSync(join(folder, key)), key).toBe(false)
  expect(existsSync(join(folder, `${unfinished}.part`))).toBe(false)
  for (const key of [recent, reserved, linked, 'lost+found']) expect(existsSync(join(folder, key)), key).toBe(true)
})

test('however old: what was never linked and what has no owner any more goes, in pages, over several rounds', async () => {
  const { delivered } = DeliveryState
  for (const days of [2, 31, 400]) await insertBodyRow(fresh.db, organisationId, hoursAgo(days * 24), Buffer.from('x'))
  const old: Id[] = []
  for (const days of [400, 300, 200, 100, 40, 35, 3]) {
    old.push(await message(hoursAgo(days * 24)))
    await delivery(old.at(-1)!, delivered, 25)
  }
  const small = createSweeper({
    db: fresh.db,
    blobs: diskBlobStore(folder),
    clock: systemClock,
    log: silentLog,
    page: 2,
    mostPages: 2,
  })
  expect(await small.run()).toMatchObject({ unlinked: 3, ownerless: 4 })
  // Another process, or this one after a restart, goes on there.
  const next = createSweeper({
    db: fresh.db,
    blobs: diskBlobStore(folder),
    clock: systemClock,
    log: silentLog,
    page: 2,
    mostPages: 2,
  })
  expect(await next.run()).toMatchObject({ unlinked: 0, ownerless: 3 })
  for (const id of old) expect(await hasBody(id)).toBe(false)
  // It begins at the front again: an owner may go at any age.
  const older = await message(hoursAgo(500 * 24))
  await delivery(older, delivered, 25)
  expect(await next.run()).toMatchObject({ ownerless: 1 })
})

test('a body is looked at once: the next round asks only for what came since', async () => {
  const linked = await message(hoursAgo(20))
  await delivery(linked, DeliveryState.ready, null)
  await sweeper.run()
  const looked: number[] = []
  const watched = createSweeper({
    db: {
      ...fresh.db,
      async query(text, values, name) {
        const rows = await fresh.db.query(text, values, name)
        if (text.includes('FROM body ')) looked.push(rows.length)
        return rows as never
      },
    },
    blobs: diskBlobStore(folder),
    clock: systemClock,
    log: silentLog,
  })
  await watched.run()
  expect(looked).toEqual([0])
})

test("another organisation's bytes under the same id are not touched", async () => {
  const other = newId(Date.now())
  const id = await message(hoursAgo(30))
  await delivery(id, DeliveryState.delivered, 25)
  await insertBodyRow(fresh.db, other, id, Buffer.from('theirs'))
  await fresh.db.query(
    `INSERT INTO upload (organisation_id, upload_id, person_id, type, size, body_store) VALUES ($1, $2, $1, 'a/b', 1, 1)`,
    [other, id],
  )
  expect(await sweeper.run()).toMatchObject({ unlinked: 0, ownerless: 1 })
  expect(await fresh.db.query('SELECT organisation_id AS o FROM body WHERE body_id = $1', [id])).toEqual([{ o: other }])
})

test('what the sweep has not met yet is no breach; what it should have met is one', async () => {
  const blobs = diskBlobStore(folder)
  await insertBodyRow(fresh.db, organisationId, hoursAgo(13), Buffer.from('x'))
  blob(hoursAgo(13), 13)
  const named = async (): Promise<string[]> =>
    (await checkDatabase(fresh.db, { now: Date.now(), blobs })).problems.map(({ invariant }) => invariant)
  expect(await named()).toEqual([])
  await insertBodyRow(fresh.db, organisationId, hoursAgo(15), Buffer.from('x'))
  blob(hoursAgo(15), 15)
  expect(await named()).toEqual(['body-owner', 'blob-owner'])
  await sweeper.run()
  expect(await named()).toEqual([])
})

test('stopped, it holds no timer', () => {
  const clock = fakeClock()
  const other = createSweeper({ db: fresh.db, blobs: diskBlobStore(folder), clock, log: silentLog })
  other.start()
  expect(clock.pending()).toBe(2)
  other.stop()
  expect(clock.pending()).toBe(0)
})
