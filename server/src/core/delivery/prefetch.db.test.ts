/** Small bodies of claims come together; what is large, moved, or finds no room is left where it is. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { BodyStore } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { insertBodyRow } from '../../store/bodies.ts'
import type { Job } from './job.ts'
import { prefetch } from './prefetch.ts'

let fresh: FreshDatabase
beforeEach(async () => {
  fresh = await freshDatabase()
})
afterEach(() => fresh.drop())

const organisationId = newId(Date.now())

async function jobOf(size: number, change: { bodyStore?: number; stored?: boolean } = {}) {
  const messageId = newId(Date.now())
  const bytes = randomBytes(size)
  if (change.stored !== false) await insertBodyRow(fresh.db, organisationId, messageId, bytes)
  const body = { kind: 'stored', bodyStore: change.bodyStore ?? BodyStore.row, blobKey: null }
  return { bytes, job: { organisationId, messageId, size, body } as Job }
}
const kept = (job: Job): Buffer | null => (job.body.kind === 'memory' ? Buffer.concat(job.body.bytes) : null)

test('in order, each with its own bytes', async () => {
  const made = [await jobOf(10), await jobOf(40_000), await jobOf(3)]
  const jobs = await prefetch(
    fresh.db,
    made.map(({ job }) => job),
    1_000_000,
  )
  expect(jobs.map(({ messageId }) => messageId)).toEqual(made.map(({ job }) => job.messageId))
  expect(jobs.map((job, i) => kept(job)?.equals(made[i]!.bytes))).toEqual([true, true, true])
})

test('of another organisation, moved, of another kind or of another length than it should have: left', async () => {
  const fine = await jobOf(10)
  const other = await jobOf(10)
  const longer = await jobOf(10)
  const jobs = await prefetch(
    fresh.db,
    [
      fine.job,
      { ...other.job, organisationId: newId(Date.now()) },
      (await jobOf(10, { stored: false })).job,
      (await jobOf(10, { bodyStore: BodyStore.chunks })).job,
      { ...longer.job, size: 11 },
    ],
    1_000_000,
  )
  expect(jobs.map((job) => kept(job) !== null)).toEqual([true, false, false, false, false])
})

test('only as much as there is room for', async () => {
  const made = [await jobOf(500), await jobOf(500), await jobOf(500)]
  const jobs = await prefetch(
    fresh.db,
    made.map(({ job }) => job),
    1_000,
  )
  expect(jobs.map((job) => kept(job) !== null)).toEqual([true, true, false])
  expect(await prefetch(fresh.db, jobs.slice(2), 1_000)).toEqual(jobs.slice(2))
})

test('more than one statement takes: each still with its own bytes', async () => {
  const made = [await jobOf(700_000), await jobOf(20), await jobOf(700_000), await jobOf(30)]
  const jobs = await prefetch(
    fresh.db,
    made.map(({ job }) => job),
    10_000_000,
  )
  expect(jobs.map((job, i) => kept(job)?.equals(made[i]!.bytes))).toEqual([true, true, true, true])
})
