/** Every size class, random chunk sizes: the bytes come back the same; aborted ones leave nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { BodyStore } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { diskBlobStore, type Disk } from '../../store/blobs/disk-blob-store.ts'
import { insertBodyRow, openBody } from '../../store/bodies.ts'
import { createBodyIntake } from './body-intake.ts'

let fresh: FreshDatabase
let folder: string
beforeEach(async () => {
  fresh = await freshDatabase()
  folder = mkdtempSync(join(tmpdir(), 'hf-body-'))
})
afterEach(async () => {
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => expectSound(fresh.db, diskBlobStore(folder)))

const config = configSchema.parse({ storage: { inlineBytes: 49_152, blobBytes: 1_000_000 } })
const organisationId = newId(1_700_000_000_000)

async function* slices(all: Buffer, size: () => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < all.length;) {
    const n = Math.max(1, size())
    yield all.subarray(at, at + n)
    at += n
  }
}

test.each([0, 1, 49_152, 49_153, 262_144, 262_145, 524_288, 999_999, 1_000_001, 3_000_000])(
  '%i bytes come back as they were',
  async (size) => {
    const blobs = diskBlobStore(folder)
    const intake = createBodyIntake({ db: fresh.db, blobs, clock: systemClock, config })
    const bodyId = newId(Date.now())
    const bytes = randomBytes(size)
    const sink = intake.open(organisationId, bodyId)
    for await (const chunk of slices(bytes, () => Math.floor(Math.random() * 70_000))) await sink.write(chunk)
    const stored = await sink.finish()
    if (stored.kind === 'row') await insertBodyRow(fresh.db, organisationId, bodyId, stored.bytes)
    expect(stored.kind).toBe(size <= 49_152 ? 'row' : size > 1_000_000 ? 'blob' : 'chunks')
    const ref = {
      organisationId,
      bodyId,
      bodyStore: BodyStore[stored.kind === 'row' ? 'row' : stored.kind],
      blobKey: stored.kind === 'blob' ? stored.blobKey : null,
    }
    const hash = createHash('sha256')
    for await (const chunk of openBody(fresh.db, blobs, ref)) hash.update(chunk)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
    const from = Math.floor(size / 3)
    const to = Math.min(size, from + 300_000)
    const part: Buffer[] = []
    for await (const chunk of openBody(fresh.db, blobs, ref, from, to)) part.push(chunk)
    expect(Buffer.concat(part).equals(bytes.subarray(from, to))).toBe(true)
    await intake.stop()
  },
)

/** Files, chunk rows and reservations. */
async function leftOf(blobs: BlobStore): Promise<number> {
  let files = 0
  for await (const _ of blobs.list()) files++
  const [row] = await fresh.db.query<{ n: number }>(
    'SELECT (SELECT count(*) FROM body_chunk)::int + (SELECT count(*) FROM blob_reservation)::int AS n',
  )
  return files + row!.n
}

test('an aborted body leaves neither rows nor files nor reservations', async () => {
  const blobs = diskBlobStore(folder)
  const intake = createBodyIntake({ db: fresh.db, blobs, clock: systemClock, config })
  for (const size of [10_000, 600_000, 2_000_000]) {
    const sink = intake.open(organisationId, newId(Date.now()))
    for await (const chunk of slices(randomBytes(size), () => 65_536)) await sink.write(chunk)
    sink.abort()
  }
  for (let tries = 0; tries < 50 && (await leftOf(blobs)) > 0; tries++) await systemClock.sleep(50)
  expect(await leftOf(blobs)).toBe(0)
  await intake.stop()
})

test.each([10_000, 600_000, 3_000_000])('%i bytes on a full disk: disk-full, and nothing of it stays', async (size) => {
  const blobs = diskBlobStore(folder)
  let room = size - 1
  const disk = {
    spend(bytes: number) {
      if (bytes > room) throw new WireError('disk-full')
      room -= bytes
    },
  }
  const intake = createBodyIntake({ db: fresh.db, blobs, clock: systemClock, config, disk })
  const sink = intake.open(organisationId, newId(Date.now()))
  for await (const chunk of slices(randomBytes(size), () => 65_536)) await sink.write(chunk)
  await expect(sink.finish()).rejects.toMatchObject({ code: 'disk-full' })
  sink.abort()
  for (let tries = 0; tries < 50 && (await leftOf(blobs)) > 0; tries++) await systemClock.sleep(50)
  expect(await leftOf(blobs)).toBe(0)
  await intake.stop()
})

const noRoom = (): Promise<never> => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
test.each(['open', 'write', 'datasync'] as const)(
  'the disk of the blobs is full at %s, though nothing warned of it: disk-full, not an unexpected error',
  async (step) => {
    const disk: Disk = {
      mkdir,
      rename,
      rm,
      async open(path, flags, mode) {
        const handle = await open(path, flags, mode)
        if (flags === 'r') return handle
        if (step !== 'open')
          return {
            write: step === 'write' ? noRoom : (bytes, at) => handle.write(bytes, at),
            datasync: step === 'datasync' ? noRoom : () => handle.datasync(),
            sync: () => handle.sync(),
            close: () => handle.close(),
          }
        await handle.close()
        await rm(path)
        return noRoom()
      },
    }
    const intake = createBodyIntake({ db: fresh.db, blobs: diskBlobStore(folder, disk), clock: systemClock, config })
    const sink = intake.open(organisationId, newId(Date.now()))
    for await (const chunk of slices(randomBytes(2_000_000), () => 65_536)) await sink.write(chunk)
    await expect(sink.finish()).rejects.toMatchObject({ code: 'disk-full' })
    sink.abort()
    await intake.stop()
  },
)

/** Connections for chunk rows that do as they are told, with what became of each. */
function stagingOf(dedicated: (n: number) => Promise<DedicatedSql['query']>): { db: Database; closed: number[] } {
  let n = 0
  const closed: number[] = []
  return {
    closed,
    db: {
      ...fresh.db,
      async dedicated() {
        const mine = n++
        const query = await dedicated(mine)
        const close = (): Promise<void> => {
          closed.push(mine)
          return Promise.resolve()
        }
        return { query, close } as DedicatedSql
      },
    },
  }
}
async function chunked(intake: ReturnType<typeof createBodyIntake>): Promise<string> {
  const sink = intake.open(organisationId, newId(Date.now()))
  try {
    await sink.write(Buffer.alloc(262_144))
    return (await sink.finish()).kind
  } catch (error) {
    return (error as WireError).code
  }
}

test('two that fail on one lost connection close that one alone, not the fresh one that took its place', async () => {
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
  // Each of the first two connections breaks under two sinks, one after the other.
  const breaks: (() => void)[][] = [[], []]
  const { db, closed } = stagingOf((n) =>
    Promise.resolve(() =>
      n < 2 ? new Promise((_, reject) => breaks[n]!.push(() => reject(reset))) : Promise.resolve([]),
    ),
  )
  const intake = createBodyIntake({ db, blobs: diskBlobStore(folder), clock: systemClock, config })
  const results: string[] = []
  const note = (kind: string): void => void results.push(kind)
  for (let i = 0; i < 4; i++) void chunked(intake).then(note)
  await expect.poll(() => breaks.map((of) => of.length)).toEqual([2, 2])
  for (const of of breaks) of[0]!()
  await expect.poll(() => results).toEqual(['database-unavailable', 'database-unavailable'])
  expect([await chunked(intake), await chunked(intake)]).toEqual(['chunks', 'chunks'])
  for (const of of breaks) of[1]!()
  await expect.poll(() => results.length).toBe(4)
  await new Promise((resolve) => setImmediate(resolve))
  expect(new Set(closed)).toEqual(new Set([0, 1]))
  await intake.stop()
})

test('a connection that could not be opened, for whatever reason, is opened anew for the next', async () => {
  const { db } = stagingOf((n) =>
    n < 2 ? Promise.reject(new Error('something new')) : Promise.resolve(() => Promise.resolve([])),
  )
  const intake = createBodyIntake({ db, blobs: diskBlobStore(folder), clock: systemClock, config })
  const results = []
  for (let i = 0; i < 4; i++) results.push(await chunked(intake))
  expect(results).toEqual(['database-unavailable', 'database-unavailable', 'chunks', 'chunks'])
  await intake.stop()
})

test('a medium body wanted for the hand-over is kept as it came; room is bounded and given back', async () => {
  const blobs = diskBlobStore(folder)
  const intake = createBodyIntake({ db: fresh.db, blobs, clock: systemClock, config })
  const bytes = randomBytes(900_000)
  const take = async (keep: boolean, sent = bytes) => {
    const sink = intake.open(organisationId, newId(Date.now()), { keep })
    for await (const chunk of slices(sent, () => 50_000)) await sink.write(chunk)
    const stored = await sink.finish()
    return { sink, kept: stored.kind === 'chunks' ? stored.bytes : undefined }
  }
  const whole = (kept: readonly Buffer[] | undefined): boolean => Buffer.concat(kept ?? []).equals(bytes)
  expect(whole((await take(false)).kept)).toBe(false)
  const holding = []
  // 33,554,432 octets are room for 37 of them
  for (let i = 0; i < 38; i++) holding.push(await take(true))
  expect(holding.map(({ kept }) => whole(kept))).toEqual([...Array<boolean>(37).fill(true), false])
  holding[0]!.sink.release()
  holding[0]!.sink.release()
  const next = await take(true)
  expect(whole(next.kept)).toBe(true)
  expect((await take(true)).kept).toBeUndefined()
  next.sink.abort()
  expect(whole((await take(true)).kept)).toBe(true)
  await intake.stop()
})
