/**
 * The end of every integration test: whatever happened, the rows agree with each other and with the bytes. Register it
 * after the hook that drops the database (hooks run in reverse): `afterEach(() => expectSound(fresh.db, blobs))`.
 */
import { expect } from 'vitest'
import { checkDatabase } from '../src/core/check/index.ts'
import type { invariants } from '../src/core/check/index.ts'
import type { Sql } from '../src/platform/db/database.ts'
import type { BlobStore } from '../src/store/blobs/blob-store.ts'

export interface SoundOptions {
  /** what the test's own made-up rows break, such as messages without bytes */
  except?: readonly (keyof typeof invariants)[]
}

export async function expectSound(sql: Sql, blobs: BlobStore | null, options: SoundOptions = {}): Promise<void> {
  const { problems } = await checkDatabase(sql, { now: Date.now(), blobs, full: true, most: 5 })
  const excepted = new Set<string>(options.except)
  expect(problems.filter((problem) => !excepted.has(problem.invariant))).toEqual([])
}
