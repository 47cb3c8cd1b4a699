/** Segments of the log are made once, kept, and not made again; without room or at a stop none. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { silentLog } from '../log.ts'
import { prepareWal } from './prepare-wal.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

const MB = 1_048_576
const segments = async (): Promise<number> =>
  (
    await fresh.db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND size = 16777216`,
    )
  )[0]!.n

const wish = (bytes: number, change: { room?: number; stopping?: boolean } = {}) => ({
  db: fresh.db,
  log: silentLog,
  bytes,
  room: () => change.room ?? 1e12,
  isStopping: () => change.stopping ?? false,
})

test('none without a wish, without room, or at a stop', async () => {
  const many = (await segments()) + 3
  expect(await prepareWal(wish(0))).toBe(0)
  expect(await prepareWal(wish(many * 16 * MB, { room: 16 * MB }))).toBe(0)
  expect(await prepareWal(wish(many * 16 * MB, { stopping: true }))).toBe(0)
})

test('as many as are missing', async () => {
  const wanted = (await segments()) + 2
  expect(await prepareWal(wish(wanted * 16 * MB))).toBe(2)
})
