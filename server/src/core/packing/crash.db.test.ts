/**
 * Packing that is cut off at each of its steps, as by a power cut: nothing is lost, all is sound at once, and the next run
 * puts it right. What a step leaves behind is what the sweep knows how to find.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forgetfulDisk } from '../../../testkit/forgetful-disk.ts'
import { packingStage, type PackingStage, type Stored } from '../../../testkit/packing-fixture.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { silentLog } from '../../platform/log.ts'
import type { BlobStore, BlobWriter } from '../../store/blobs/blob-store.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { createSweeper } from '../queue/index.ts'

let stage: PackingStage
let stored: Stored[]
let orphans: BlobWriter[]
beforeEach(async () => {
  stage = await packingStage()
  const org = await stage.organisation()
  stored = []
  orphans = []
  for (const size of [300, 49_152, 300_000, 700_000, 5_000_000]) stored.push(await stage.store(org, 3, size))
})
afterEach(() => stage.end())
afterEach(() => Promise.all(orphans.map((writer) => writer.abort())))

class PowerCut extends Error {}

/** From this moment on nothing reaches the disk or the database any more. */
interface Power {
  isOff: boolean
  cut(): never
}
function power(): Power {
  const state: Power = {
    isOff: false,
    cut() {
      state.isOff = true
      throw new PowerCut()
    },
  }
  return state
}
const dead = (state: Power): void => {
  if (state.isOff) throw new PowerCut()
}

function mortalDb(state: Power, strike: (text: string) => boolean): Database {
  const mortal = (sql: Sql): Sql => ({
    query(text, values, name) {
      dead(state)
      if (strike(text)) state.cut()
      return sql.query(text, values, name)
    },
  })
  return {
    ...stage.db,
    ...mortal(stage.db),
    transaction: (work, options) =>
      stage.db.transaction(async (sql) => {
        const result = await work(mortal(sql))
        dead(state)
        return result
      }, options),
  }
}

function mortalBlobs(state: Power, strike: (step: string) => boolean): BlobStore {
  const at = (step: string): void => {
    dead(state)
    if (strike(step)) state.cut()
  }
  return {
    ...stage.blobs,
    async create(key) {
      at('create')
      const writer = await stage.blobs.create(key)
      let written = 0
      return {
        async write(chunk) {
          await writer.write(chunk)
          written += chunk.length
          if (written > 400_000) at('written')
        },
        async commit() {
          at('before commit')
          await writer.commit()
          at('committed')
        },
        // A process that is gone cleans nothing up.
        async abort() {
          if (state.isOff) orphans.push(writer)
          else await writer.abort()
        },
      }
    },
    async remove(key) {
      dead(state)
      await stage.blobs.remove(key)
    },
  }
}

const nth = (n: number, pattern: RegExp) => {
  let seen = 0
  return (text: string): boolean => pattern.test(text) && ++seen === n
}
const steps: [string, { sql?: () => (text: string) => boolean; blob?: string; moved: number }][] = [
  ['before the reservation', { sql: () => nth(1, /INSERT INTO blob_reservation/), moved: 0 }],
  ['before the blob is begun', { blob: 'create', moved: 0 }],
  ['in the middle of the bytes', { blob: 'written', moved: 0 }],
  ['before the blob is durable', { blob: 'before commit', moved: 0 }],
  ['after the blob is durable', { blob: 'committed', moved: 0 }],
  ['in the transaction, at the reservation', { sql: () => nth(1, /DELETE FROM blob_reservation/), moved: 0 }],
  ["in the transaction, at the pack's row", { sql: () => nth(1, /INSERT INTO pack/), moved: 0 }],
  ['in the transaction, at the messages', { sql: () => nth(1, /UPDATE message/), moved: 0 }],
  ['in the transaction, at the living bytes', { sql: () => nth(1, /UPDATE pack SET dead_bytes/), moved: 0 }],
  ['in the transaction, at the rows', { sql: () => nth(2, /DELETE FROM body/), moved: 0 }],
  ['in the second page of messages', { sql: () => nth(2, /UPDATE message/), moved: 4 }],
]

test.each(steps)('cut off %s', async (_, { sql, blob, moved }) => {
  const state = power()
  const packer = stage.packer({
    db: mortalDb(state, sql?.() ?? (() => false)),
    blobs: mortalBlobs(state, (step) => step === blob),
  })
  await packer.run().catch(() => undefined)
  expect(state.isOff).toBe(true)
  expect(await stage.count('message WHERE body_store = 5')).toBe(moved)
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
  await expectSound(stage.db, stage.blobs)

  expect(await stage.packer().run()).toMatchObject({ messages: stored.length - moved, left: 0 })
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
  expect(await stage.count('body')).toBe(0)
  expect(await stage.count('body_chunk')).toBe(0)
  await expectSound(stage.db, stage.blobs)

  // Half a day later the sweep, and the packer for what is half dead, have taken away what was left behind.
  await stage.db.query(`UPDATE blob_reservation SET reserved_at = now() - interval '2 hours'`)
  const later = { ...systemClock, now: () => systemClock.now() + 13 * 3_600_000 }
  await createSweeper({ db: stage.db, blobs: stage.blobs, clock: later, log: silentLog }).run()
  for (let i = 0; i < 3; i++) {
    await stage.age('2 hours')
    await stage.packer().run()
  }
  expect(await stage.count('blob_reservation')).toBe(0)
  expect(await stage.count('pack WHERE dead_bytes > 0')).toBe(0)
  const keys: string[] = []
  for await (const { key } of stage.blobs.list()) keys.push(key)
  expect(keys.sort()).toEqual(
    (await stage.db.query<{ key: string }>('SELECT blob_key AS key FROM pack ORDER BY 1')).map(({ key }) => key),
  )
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
})

test('the machine loses its power before any call to the disk: whatever the database says is in a pack is there', async () => {
  let moved = 0
  let cuts = 0
  for (let isOver = false; !isOver; cuts++) {
    const own = await packingStage()
    const org = await own.organisation()
    const mail = [await own.store(org, 3, 300), await own.store(org, 3, 600_000)]
    const disk = forgetfulDisk(own.root)
    disk.dieAt(cuts + 1)
    const running = own.packer({ blobs: diskBlobStore(own.folder, disk) }).run()
    while (!disk.isDead() && !isOver)
      isOver = await Promise.race([running.then(() => true), systemClock.sleep(1).then(() => false)])
    await disk.crash()
    moved = await own.count('message WHERE body_store = 5')
    for (const one of mail) expect((await own.read(one.ref)).equals(one.bytes), `died at call ${cuts + 1}`).toBe(true)
    // The database sees that the process is gone.
    await own.db
      .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast packing'
      AND datname = current_database()`)
    await expect
      .poll(() =>
        own.count(`pg_stat_activity WHERE application_name = 'holdfast packing' AND datname = current_database()`),
      )
      .toBe(0)
    expect((await own.packer().run()).messages).toBe(2 - moved)
    for (const one of mail) expect((await own.read(one.ref)).equals(one.bytes)).toBe(true)
    await own.end()
  }
  expect(moved).toBe(2)
  expect(cuts).toBeGreaterThan(8)
})
