import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreshDatabase } from '../../testkit/database.ts'
import { freshDatabase } from '../../testkit/database.ts'
import { newId } from '../platform/ids.ts'
import { insertBodyRow } from './bodies.ts'
import { ensurePartitions } from './partitions.ts'

const DAY = 86_400_000
let fresh: FreshDatabase
beforeAll(async () => (fresh = await freshDatabase()))
afterAll(() => fresh.drop())

const partitionOf = async (bodyId: string): Promise<string> =>
  (
    await fresh.db.query<{ t: string }>('SELECT tableoid::regclass::text AS t FROM body WHERE body_id = $1', [bodyId])
  )[0]!.t

test('rows go to the partition of their day, uncompressed and out of line', async () => {
  const now = Date.now()
  for (const day of [-1, 0, 1, 7]) {
    const id = newId(now + day * DAY)
    await insertBodyRow(fresh.db, id, id, Buffer.from('x'))
    expect(await partitionOf(id)).toBe(
      `body_${new Date(now + day * DAY).toISOString().slice(0, 10).replaceAll('-', '')}`,
    )
  }
  const storage = await fresh.db.query(
    `SELECT DISTINCT attstorage AS s FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname LIKE 'body%' AND a.attname = 'bytes' AND c.relkind IN ('r', 'p')`,
  )
  expect(storage).toEqual([{ s: 'e' }])
})

test('a day that is made late takes its rows out of the default partition; making it again changes nothing', async () => {
  const then = Date.now() + 20 * DAY
  const id = newId(then)
  await insertBodyRow(fresh.db, id, id, Buffer.from('late'))
  expect(await partitionOf(id)).toBe('body_default')
  expect(await ensurePartitions(fresh.db, then)).toHaveLength(18)
  expect(await partitionOf(id)).toMatch(/^body_\d{8}$/)
  expect(await ensurePartitions(fresh.db, then)).toEqual([])
  expect(await fresh.db.query('SELECT count(*)::int AS n FROM body_default')).toEqual([{ n: 0 }])
})

test('several processes may make them at once', async () => {
  const then = Date.now() + 60 * DAY
  await Promise.all([1, 2, 3].map(() => ensurePartitions(fresh.db, then)))
  expect(await ensurePartitions(fresh.db, then)).toEqual([])
})
