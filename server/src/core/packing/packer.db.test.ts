/** Packing on a real database and disk: what moves, what stays, and that bytes are the same afterwards. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { DAY, packingStage, type PackingStage, type Stored } from '../../../testkit/packing-fixture.ts'
import type { SoundOptions } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog, type Log } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { insertBodyRow } from '../../store/bodies.ts'
import { createSweeper } from '../queue/index.ts'

let stage: PackingStage
let broken: NonNullable<SoundOptions['except']>
beforeEach(async () => {
  stage = await packingStage()
  broken = []
})
afterEach(() => stage.end({ except: broken }))

const placeOf = async ({ ref }: Stored) =>
  (
    await stage.db.query<{ store: number; key: string | null; at: number | null }>(
      'SELECT body_store AS store, blob_key AS key, pack_offset AS at FROM message WHERE message_id = $1',
      [ref.bodyId],
    )
  )[0]!

test('old bytes of several organisations move, each into packs of its own, and are the same from any place and range', async () => {
  const orgs = [await stage.organisation(), await stage.organisation()]
  const sizes = [0, 1, 900, 49_152, 49_153, 262_144, 524_288, 700_001, 8_388_608]
  const stored: Stored[] = []
  for (const org of orgs)
    for (const days of [3, 5]) for (const size of sizes) stored.push(await stage.store(org, days, size))
  const recent = [await stage.store(orgs[0]!, 0, 500), await stage.store(orgs[0]!, 0, 100_000)]

  const round = await stage.packer().run()
  expect(round).toMatchObject({ packs: 4, messages: 4 * sizes.length, left: 0, more: false })
  expect(round.bytes).toBe(4 * sizes.reduce((a, b) => a + b))
  for (const one of stored) {
    const { store, key } = await placeOf(one)
    expect(store).toBe(5)
    expect(key!.slice(0, 36)).toBe(one.ref.organisationId)
    const { length } = one.bytes
    // The reader may have an old word of where they are, or ask just now.
    for (const ref of [one.ref, { ...one.ref, bodyStore: 5, blobKey: key }]) {
      expect((await stage.read(ref)).equals(one.bytes)).toBe(true)
      for (const [from, to] of [
        [0, 10],
        [Math.max(0, length - 5), length + 100],
        [262_143, 262_146],
        [length, Infinity],
      ] as const)
        expect((await stage.read(ref, from, to)).equals(one.bytes.subarray(from, to))).toBe(true)
    }
  }
  for (const one of recent) expect((await placeOf(one)).store).toBe(one.ref.bodyStore)
  expect(await stage.count('body')).toBe(1)
  expect(await stage.count('body_chunk')).toBe(1)
  expect(await stage.count('blob_reservation')).toBe(0)
  expect(await stage.count('pack WHERE dead_bytes > 0')).toBe(0)
  expect(await stage.packer().run()).toMatchObject({ packs: 0, messages: 0, more: false })
})

test('in rounds of a bounded number of bodies and packs of a bounded size', async () => {
  const org = await stage.organisation()
  const stored: Stored[] = []
  for (let i = 0; i < 7; i++) stored.push(await stage.store(org, 4, 1000))
  for (let i = 0; i < 3; i++) stored.push(await stage.store(org, 4, 60_000))
  const packer = stage.packer({ stretch: 3, packBytes: 2000 })
  const rounds = []
  do rounds.push(await packer.run())
  while (rounds.at(-1)!.more)
  expect(rounds.map((round) => round.messages)).toEqual([6, 3, 1])
  // Three rows of 1000 and three of 60,000, of which each is larger than a pack; then three rows; then one.
  expect(rounds.reduce((n, { packs }) => n + packs, 0)).toBeGreaterThanOrEqual(7)
  expect(await stage.count('pack WHERE bytes > 2000')).toBe(3)
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
})

test('an installation that waits longer packs later, and bytes in the default partition are packed too', async () => {
  const org = await stage.organisation()
  const old = await stage.store(org, 40, 700)
  const younger = await stage.store(org, 3, 700)
  expect(await stage.count('body_default')).toBe(2)
  const config = configSchema.parse({ storage: { packAfterHours: 24 * 7 } })
  expect(await stage.packer({ config }).run()).toMatchObject({ messages: 1 })
  expect([(await placeOf(old)).store, (await placeOf(younger)).store]).toEqual([5, 1])
  for (const packAfterHours of [0, 8761, 1.5])
    expect(configSchema.safeParse({ storage: { packAfterHours } }).success).toBe(false)
})

test('uploads and what was never linked are left to the sweep', async () => {
  const org = await stage.organisation()
  const kept = await stage.store(org, 3, 700)
  const [upload, unlinked] = [newId(Date.now() - 3 * DAY), newId(Date.now() - 3 * DAY)]
  for (const id of [upload, unlinked]) await insertBodyRow(stage.db, org.organisationId, id, Buffer.from('x'))
  await stage.db.query(
    `INSERT INTO upload (organisation_id, upload_id, person_id, type, size, body_store) VALUES ($1, $2, $1, 'a/b', 1, 1)`,
    [org.organisationId, upload],
  )
  expect(await stage.packer().run()).toMatchObject({ messages: 1, left: 0 })
  expect((await placeOf(kept)).store).toBe(5)
  expect(await stage.count('body')).toBe(2)
  const sweeper = createSweeper({ db: stage.db, blobs: stage.blobs, clock: systemClock, log: silentLog })
  expect(await sweeper.run()).toMatchObject({ unlinked: 1 })
})

test('the sweep leaves packs alone, however old their blobs are', async () => {
  const org = await stage.organisation()
  const stored = [await stage.store(org, 3, 700), await stage.store(org, 3, 90_000)]
  await stage.packer().run()
  const later = { ...systemClock, now: () => systemClock.now() + DAY }
  const sweeper = createSweeper({ db: stage.db, blobs: stage.blobs, clock: later, log: silentLog })
  expect(await sweeper.run()).toMatchObject({ blobs: 0 })
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
})

test('bytes that are not what was accepted stay where they are, are told once a day, and hold up nothing', async () => {
  const org = await stage.organisation()
  const row = await stage.store(org, 3, 700)
  const chunks = await stage.store(org, 3, 300_000)
  const alone = await stage.store(org, 5, 700)
  const sound = [await stage.store(org, 3, 800), await stage.store(org, 3, 400_000)]
  await stage.db.query(
    `UPDATE body SET bytes = set_byte(bytes, 9, 1 - get_byte(bytes, 9) % 2) WHERE body_id = ANY ($1)`,
    [[row.ref.bodyId, alone.ref.bodyId]],
  )
  await stage.db.query(
    `UPDATE body_chunk SET bytes = set_byte(bytes, 9, 1 - get_byte(bytes, 9) % 2) WHERE body_id = $1 AND seq = 1`,
    [chunks.ref.bodyId],
  )
  broken = ['digest-row', 'digest-big']
  const told: object[] = []
  const log: Log = { ...silentLog, error: (facts: object) => told.push(facts) }
  const packer = stage.packer({ log })
  expect(await packer.run()).toMatchObject({ messages: 2, left: 3 })
  expect(told).toHaveLength(3)
  for (const one of [row, chunks, alone]) expect((await placeOf(one)).store).toBe(one.ref.bodyStore)
  for (const one of sound) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
  expect(await packer.run()).toMatchObject({ messages: 0, left: 0 })
  expect(told).toHaveLength(3)
  // What came over before it turned out wrong is dead in the pack, and counted.
  expect(await stage.count('pack WHERE dead_bytes = 300000')).toBe(1)
})

test('one process packs at a time', async () => {
  const org = await stage.organisation()
  for (let i = 0; i < 5; i++) await stage.store(org, 3, 200_000)
  const rounds = await Promise.all([1, 2, 3].map(() => stage.packer().run()))
  expect(rounds.map(({ messages }) => messages).sort()).toEqual([0, 0, 5])
  expect(await stage.count('pack')).toBe(1)
})

test('a disk at its reserve ends the round and leaves nothing half done; with room again all of it is packed', async () => {
  const org = await stage.organisation()
  const stored: Stored[] = []
  for (let i = 0; i < 4; i++) stored.push(await stage.store(org, 3, 300_000))
  let room = 700_000
  const disk = {
    check: () => undefined,
    isFull: () => room <= 0,
    spend(bytes: number) {
      room -= bytes
      if (room < 0) throw new WireError('disk-full')
    },
  }
  const packer = stage.packer({ disk })
  expect(await packer.run()).toMatchObject({ messages: 0, packs: 0, left: 0, more: false })
  expect(await packer.run()).toMatchObject({ messages: 0 })
  expect(await stage.count('blob_reservation')).toBe(0)
  for await (const { key } of stage.blobs.list()) expect(key).toBe('none')
  room = Infinity
  expect(await packer.run()).toMatchObject({ messages: 4 })
})

test('it keeps to its pace, and stops at once', async () => {
  const org = await stage.organisation()
  for (let i = 0; i < 3; i++) await stage.store(org, 3, 2_097_152)
  const clock = fakeClock(Date.now())
  const config = configSchema.parse({ storage: { packBytesPerSecond: 2_097_152 } })
  const packer = stage.packer({ clock, config })
  let ended: string | null = null
  const running = packer.run().then(
    () => (ended = 'done'),
    (error: unknown) => (ended = String(error)),
  )
  const real = (ms: number): Promise<void> => systemClock.sleep(ms)
  for (let i = 0; i < 10; i++) {
    await clock.advance(100)
    await real(20)
  }
  // A second went by: at most a third is copied.
  expect(ended).toBe(null)
  await packer.stop()
  await running
  expect(ended).toMatch(/Abort/)
  expect(await stage.count('message WHERE body_store = 5')).toBe(0)
  expect(await stage.count('blob_reservation')).toBe(0)
  expect(clock.pending()).toBe(0)
  expect(await stage.packer().run()).toMatchObject({ messages: 3 })
})

test('what it did can be read from the metrics', async () => {
  const org = await stage.organisation()
  await stage.store(org, 3, 700)
  await stage.store(org, 9, 300)
  const metrics = createMetrics()
  await stage.packer({ metrics }).run()
  const text = await metrics.registry.metrics()
  for (const line of [
    'packed_messages_total 2',
    'packed_bytes_total 1000',
    'packs_made_total 2',
    'packing_behind_seconds 0',
  ])
    expect(text).toContain(`\nholdfast_${line}\n`)
})

test('started, it packs after two minutes and then every quarter of an hour, says what it did, and stops without a trace', async () => {
  const org = await stage.organisation()
  await stage.store(org, 3, 700)
  const clock = fakeClock(Date.now())
  const told: object[] = []
  const log = { ...silentLog, info: (facts: object) => told.push(facts) } as unknown as Log
  const packer = stage.packer({ clock, log })
  packer.start()
  await clock.advance(119_000)
  await systemClock.sleep(50)
  expect(told).toEqual([])
  const until = async (times: number): Promise<void> => {
    for (let i = 0; i < 500 && told.length < times; i++) {
      await clock.advance(1)
      await systemClock.sleep(10)
    }
  }
  await clock.advance(1_000)
  await until(1)
  expect(told).toMatchObject([{ messages: 1, packs: 1, bytes: 700, left: 0 }])
  await stage.store(org, 3, 800)
  await clock.advance(900_000)
  await until(2)
  expect(told[1]).toMatchObject({ messages: 1, bytes: 800 })
  await packer.stop()
  expect(clock.pending()).toBe(0)
})

test('a blob store that does not write is told, and does not keep other organisations from being packed', async () => {
  const [bad, good] = [await stage.organisation(), await stage.organisation()]
  await stage.store(bad, 3, 700)
  await stage.store(good, 3, 700)
  const blobs = {
    ...stage.blobs,
    create: (key: string) =>
      key.startsWith(bad.organisationId) ? Promise.reject(new Error('EACCES')) : stage.blobs.create(key),
  }
  expect(await stage.packer({ blobs }).run()).toMatchObject({ messages: 1, left: 1 })
  expect(await stage.count('blob_reservation')).toBe(0)
  expect(await stage.packer().run()).toMatchObject({ messages: 1, left: 0 })
})
