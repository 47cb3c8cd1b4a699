import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { sqlInvariants } from '../../store/check.ts'
import { checkDatabase, invariants, selfTest } from './index.ts'

test('an empty and a freshly made installation hold every invariant', async () => {
  const fresh = await freshDatabase()
  expect((await checkDatabase(fresh.db, { now: Date.now(), blobs: null, full: true })).problems).toEqual([])
  await makeOrganisation(fresh.db, { people: ['alice', 'bob'] })
  expect((await checkDatabase(fresh.db, { now: Date.now(), blobs: null, full: true })).problems).toEqual([])
  await fresh.drop()
})

test('every seeded corruption is named by its invariant, and every invariant has a corruption', async () => {
  const fresh = await freshDatabase({ poolSize: 2 })
  const results = await selfTest(fresh.db, diskBlobStore(mkdtempSync(join(tmpdir(), 'hf-check-'))), Date.now())
  await fresh.drop()
  expect(results.filter((result) => !result.found)).toEqual([])
  expect(results.length).toBeGreaterThan(25)
  const seeded = new Set(results.map((result) => result.expected))
  expect(Object.keys(invariants).filter((name) => !seeded.has(name as never))).toEqual([])
  expect(sqlInvariants.every((name) => name in invariants)).toBe(true)
})
