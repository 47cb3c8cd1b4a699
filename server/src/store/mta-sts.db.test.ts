/** Kept policies come back as they were, are replaced, and go when their time is over. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { readPolicy, sweepPolicies, writePolicy } from './mta-sts.ts'

let fresh: FreshDatabase
beforeEach(async () => {
  fresh = await freshDatabase()
})
afterEach(() => fresh.drop())

const policy = (domain: string, seconds: number) => ({
  domain,
  id: 'one',
  mode: 'enforce',
  mx: ['mx.corp.test', '*.corp.test'],
  maxAge: 86_400,
  expiresAt: Date.now() + seconds * 1000,
})

test('written, read, replaced, swept', async () => {
  const long = policy('corp.test', 600)
  await writePolicy(fresh.db, long)
  await writePolicy(fresh.db, policy('old.test', -1))
  expect(await readPolicy(fresh.db, 'corp.test')).toEqual(long)
  expect(await readPolicy(fresh.db, 'none.test')).toBeNull()
  await writePolicy(fresh.db, { ...long, id: 'two', mode: 'none', mx: [] })
  expect(await readPolicy(fresh.db, 'corp.test')).toMatchObject({ id: 'two', mode: 'none', mx: [] })
  expect(await sweepPolicies(fresh.db, 10)).toBe(1)
  expect(await readPolicy(fresh.db, 'old.test')).toBeNull()
  expect(await readPolicy(fresh.db, 'corp.test')).not.toBeNull()
})
