/** Bytes that were let go really go: packs with dead bytes are rewritten, dead ones removed, and nothing that lives is lost. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packingStage, type PackingStage, type Stored } from '../../../testkit/packing-fixture.ts'
import type { SoundOptions } from '../../../testkit/sound.ts'
import { letGo } from '../../store/sweep.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { insertPack, holdForExport } from '../../store/packs.ts'
import { movePage } from '../../store/pack-moves.ts'
import { createSweeper } from '../queue/index.ts'

let stage: PackingStage
let broken: NonNullable<SoundOptions['except']>
beforeEach(async () => {
  stage = await packingStage()
  broken = []
})
afterEach(() => stage.end({ except: broken }))

const drop = (...all: Stored[]): Promise<void> =>
  letGo(
    stage.db,
    all.map(({ ref }) => ({ organisationId: ref.organisationId, id: ref.bodyId })),
  )
const keys = async (where = 'true'): Promise<string[]> =>
  (await stage.db.query<{ key: string }>(`SELECT blob_key AS key FROM pack WHERE ${where} ORDER BY 1`)).map(
    ({ key }) => key,
  )

test('a pack of which a quarter is dead is rewritten; the old one is removed after a grace', async () => {
  const org = await stage.organisation()
  const kept = [await stage.store(org, 3, 30_000), await stage.store(org, 3, 300_000)]
  const little = await stage.store(org, 3, 1_000, { kept: false })
  const much = await stage.store(org, 3, 200_000, { kept: false })
  await stage.packer().run()
  const [old] = await keys()
  await drop(little)
  await stage.age('2 hours')
  // Not much, and not for long.
  expect((await stage.packer().run()).rewritten).toBe(0)
  await drop(much)
  expect(await stage.packer().run()).toMatchObject({ rewritten: 1, removed: 0, messages: 0 })
  expect(await keys('ended_at IS NOT NULL')).toEqual([old])
  const [fresh] = await keys('ended_at IS NULL')
  expect(await stage.blobs.size(fresh!)).toBe(330_000)
  expect(await stage.blobs.size(old!)).toBe(531_000)
  await stage.age('2 hours')
  expect((await stage.packer().run()).removed).toBe(1)
  expect(await stage.blobs.size(old!)).toBe(null)
  expect(await keys()).toEqual([fresh])
  for (const one of kept) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
  const file = readFileSync(join(stage.folder, fresh!))
  for (const one of [little, much]) expect(file.includes(one.bytes.subarray(0, 500))).toBe(false)
})

test('however few dead bytes: after a week the pack is rewritten; a pack with nothing alive is removed unread', async () => {
  const org = await stage.organisation()
  const kept = await stage.store(org, 3, 500_000)
  const dead = await stage.store(org, 3, 10, { kept: false })
  const all = [await stage.store(org, 6, 700, { kept: false }), await stage.store(org, 6, 90_000, { kept: false })]
  await stage.packer().run()
  await drop(dead, ...all)
  await stage.age('6 days')
  expect((await stage.packer().run()).rewritten).toBe(0)
  expect(await keys('ended_at IS NOT NULL')).toHaveLength(1)
  await stage.age('2 days')
  expect(await stage.packer().run()).toMatchObject({ rewritten: 1, removed: 1 })
  await stage.age('2 hours')
  expect(await stage.packer().run()).toMatchObject({ rewritten: 0, removed: 1 })
  expect(await keys()).toHaveLength(1)
  expect((await stage.read(kept.ref)).equals(kept.bytes)).toBe(true)
  expect(await stage.packer().run()).toMatchObject({ rewritten: 0, removed: 0 })
})

test('the sweep lets packed mail go that nobody has a copy of: its bytes count as dead', async () => {
  const org = await stage.organisation()
  await stage.store(org, 3, 5_000)
  await stage.store(org, 3, 900, { kept: false })
  await stage.packer().run()
  const sweeper = createSweeper({ db: stage.db, blobs: stage.blobs, clock: systemClock, log: silentLog })
  expect(await sweeper.run()).toMatchObject({ ownerless: 1 })
  expect(await keys('dead_bytes = 900 AND dead_since IS NOT NULL')).toHaveLength(1)
  expect(await sweeper.run()).toMatchObject({ ownerless: 0 })
  expect(await keys('dead_bytes = 900')).toHaveLength(1)
})

test('letting go and moving at once: each message is counted once, whoever comes first', async () => {
  const org = await stage.organisation()
  const kept: Stored[] = []
  const loose: Stored[] = []
  for (let i = 0; i < 60; i++) {
    kept.push(await stage.store(org, 3, 100 + i))
    loose.push(await stage.store(org, 3, 1_000 + i, { kept: false }))
  }
  const packing = stage.packer({ packBytes: 9_000 }).run()
  for (let i = 0; i < 60; i += 6) await drop(...loose.slice(i, i + 6))
  await packing
  await stage.age('2 hours')
  await Promise.all([stage.packer().run(), drop(...loose)])
  for (const one of kept) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
})

test('a message that is let go in the moment in which it moves is counted dead, or does not move', async () => {
  const org = await stage.organisation()
  const kept = await stage.store(org, 3, 700)
  const loose = await stage.store(org, 3, 900, { kept: false })
  let packing: Promise<unknown> | undefined
  const db: Database = {
    ...stage.db,
    transaction: (work, options) =>
      stage.db.transaction(
        (sql) =>
          work({
            async query(text, values, name) {
              if (/UPDATE message/.test(text)) {
                packing = stage.packer().run()
                await systemClock.sleep(300)
              }
              return sql.query(text, values, name)
            },
          }),
        options,
      ),
  }
  await letGo(db, [{ organisationId: org.organisationId, id: loose.ref.bodyId }])
  expect(await packing).toMatchObject({ messages: 1 })
  expect(await keys('dead_bytes = 900')).toHaveLength(1)
  expect((await stage.read(kept.ref)).equals(kept.bytes)).toBe(true)
})

test('a rewriting that is cut short between two pages goes on in the next round', async () => {
  const org = await stage.organisation()
  const kept = [await stage.store(org, 3, 5_000_000), await stage.store(org, 3, 3_000_000)]
  const dead = await stage.store(org, 3, 4_000_000, { kept: false })
  await stage.packer().run()
  await drop(dead)
  await stage.age('2 hours')
  let pages = 0
  const db: Database = {
    ...stage.db,
    transaction: (work, options) =>
      stage.db.transaction(
        (sql) =>
          work({
            query(text, values, name) {
              if (text.includes('FOR UPDATE') && ++pages === 2) throw new Error('cut')
              return sql.query(text, values, name)
            },
          }),
        options,
      ),
  }
  await expect(stage.packer({ db }).run()).rejects.toThrow('cut')
  expect(await keys('ended_at IS NULL')).toHaveLength(2)
  for (let i = 0; i < 4; i++) {
    await stage.age('2 hours')
    await stage.packer().run()
  }
  expect(await keys('dead_bytes > 0')).toEqual([])
  for (const one of kept) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
})

test('a message that is damaged in its pack stays there, and the rest is brought away', async () => {
  const org = await stage.organisation()
  const [damaged, sound] = [await stage.store(org, 3, 70_000), await stage.store(org, 3, 80_000)]
  const dead = await stage.store(org, 3, 90_000, { kept: false })
  await stage.packer().run()
  const [old] = await keys()
  const bytes = readFileSync(join(stage.folder, old!))
  bytes[3]! ^= 1
  const writer = await stage.blobs.create(old!)
  await writer.write(bytes)
  await writer.commit()
  broken = ['digest-big']
  await drop(dead)
  await stage.age('2 hours')
  const packer = stage.packer()
  expect(await packer.run()).toMatchObject({ rewritten: 1, left: 1 })
  expect(await packer.run()).toMatchObject({ rewritten: 0, left: 0 })
  await stage.age('2 hours')
  await packer.run()
  expect(await stage.blobs.size(old!)).toBe(240_000)
  expect((await stage.read(sound.ref)).equals(sound.bytes)).toBe(true)
  expect((await stage.read(damaged.ref)).length).toBe(70_000)
})

test('while an export holds them no blob of a pack is removed', async () => {
  const org = await stage.organisation()
  const dead = await stage.store(org, 3, 700, { kept: false })
  await stage.packer().run()
  await drop(dead)
  await stage.age('2 hours')
  await stage.packer().run()
  await stage.age('2 hours')
  const connection = await stage.db.dedicated('test')
  await holdForExport(connection)
  expect((await stage.packer().run()).removed).toBe(0)
  await connection.close()
  expect((await stage.packer().run()).removed).toBe(1)
})

test('nothing moves into a pack that has ended', async () => {
  const org = await stage.organisation()
  const { ref } = await stage.store(org, 3, 10)
  const { organisationId, bodyId } = ref
  const key = `${organisationId}/2026-01-01/${newId(Date.now())}`
  await insertPack(stage.db, { blobKey: key, organisationId, firstId: bodyId, lastId: bodyId, bytes: 10 })
  await stage.db.query('UPDATE pack SET ended_at = now()')
  const move = { organisationId, from: null, to: key, placed: [{ messageId: bodyId, offset: 0 }] }
  await expect(stage.db.transaction((sql) => movePage(sql, move))).rejects.toThrow(/has ended/)
  expect(await stage.count('message WHERE body_store = 5')).toBe(0)
})
