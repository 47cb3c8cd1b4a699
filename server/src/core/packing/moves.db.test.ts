/** Readers who hold an old word of where bytes are, while these move under them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packingStage, type PackingStage } from '../../../testkit/packing-fixture.ts'
import { BodyStore } from '../../platform/codes.ts'
import { openBody } from '../../store/bodies.ts'
import { letGo } from '../../store/sweep.ts'

let stage: PackingStage
beforeEach(async () => (stage = await packingStage()))
afterEach(() => stage.end())

test.each([
  ['a row', 40_000],
  ['chunks', 1_000_000],
  ['whole chunks', 1_048_576],
])('bytes of %s move between the word of their place and the reading, and again into another pack', async (_, size) => {
  const org = await stage.organisation()
  const beside = await stage.store(org, 3, 900_000, { kept: false })
  const { ref, bytes } = await stage.store(org, 3, size)
  await stage.packer().run()
  expect((await stage.read(ref)).equals(bytes)).toBe(true)
  const [packed] = await stage.db.query<{ key: string }>('SELECT blob_key AS key FROM message WHERE message_id = $1', [
    ref.bodyId,
  ])
  const old = { ...ref, bodyStore: BodyStore.packed, blobKey: packed!.key }
  await letGo(stage.db, [{ organisationId: org.organisationId, id: beside.ref.bodyId }])
  await stage.age('1 day')
  expect((await stage.packer().run()).rewritten).toBe(1)
  expect((await stage.read(old)).equals(bytes)).toBe(true)
  await stage.age('1 day')
  expect((await stage.packer().run()).removed).toBe(1)
  expect(await stage.blobs.size(packed!.key)).toBe(null)
  for (const one of [ref, old]) {
    expect((await stage.read(one)).equals(bytes)).toBe(true)
    expect((await stage.read(one, 1000, 39_000)).equals(bytes.subarray(1000, 39_000))).toBe(true)
  }
})

test.each([1_000_000, 1_048_576])(
  '%i bytes move in the middle of a reading: it goes on at the right byte',
  async (size) => {
    const org = await stage.organisation()
    await stage.store(org, 3, 333)
    const { ref, bytes } = await stage.store(org, 3, size)
    for (const moveAfter of [1, 2, 3, 4]) {
      const again = await stage.store(org, 3, size)
      const pieces: Buffer[] = []
      for await (const piece of openBody(stage.db, stage.blobs, again.ref, 5, size - 7)) {
        pieces.push(piece)
        if (pieces.length === moveAfter) await stage.packer().run()
      }
      expect(Buffer.concat(pieces).equals(again.bytes.subarray(5, size - 7))).toBe(true)
    }
    expect((await stage.read(ref)).equals(bytes)).toBe(true)
  },
)

test('the pack a reader was told of a moment ago is removed before it is opened: the new one is asked', async () => {
  const org = await stage.organisation()
  const beside = await stage.store(org, 3, 2_000, { kept: false })
  const { ref, bytes } = await stage.store(org, 3, 1_000)
  await stage.packer().run()
  let isFirst = true
  const late = {
    ...stage.blobs,
    async *read(key: string, start?: number, end?: number) {
      if (isFirst) {
        isFirst = false
        await letGo(stage.db, [{ organisationId: org.organisationId, id: beside.ref.bodyId }])
        for (let i = 0; i < 2; i++) {
          await stage.age('1 day')
          await stage.packer().run()
        }
      }
      yield* stage.blobs.read(key, start, end)
    },
  }
  const pieces: Buffer[] = []
  for await (const piece of openBody(stage.db, late, { ...ref, bodyStore: BodyStore.packed })) pieces.push(piece)
  expect(isFirst).toBe(false)
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
})

test('what was let go is not found, what is lost is missing, and nobody reads before the first byte', async () => {
  const org = await stage.organisation()
  const gone = await stage.store(org, 3, 1_000, { kept: false })
  const row = await stage.store(org, 3, 1_000)
  await stage.packer().run()
  const key = { organisationId: org.organisationId, id: gone.ref.bodyId }
  await letGo(stage.db, [key])
  for (const bodyStore of [BodyStore.row, BodyStore.packed])
    await expect(stage.read({ ...gone.ref, bodyStore })).rejects.toMatchObject({ code: 'not-found' })
  await expect(stage.read({ ...row.ref, bodyStore: BodyStore.packed }, -5, 5)).rejects.toThrow(/before its first byte/)
  const [pack] = await stage.db.query<{ key: string }>('SELECT blob_key AS key FROM pack')
  const kept = {
    ...stage.blobs,
    // A place where nothing is, also for the one key in 256 that ends so.
    read: (_: string) => stage.blobs.read(pack!.key.replace(/..$/, (end) => (end === '00' ? '11' : '00'))),
  }
  const read = async (): Promise<void> => {
    for await (const _ of openBody(stage.db, kept, row.ref));
  }
  await expect(read()).rejects.toMatchObject({ code: 'bytes-missing' })
})
