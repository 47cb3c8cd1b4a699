import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../testkit/database.ts'
import { freshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { migrate, pendingMigrations, readMigrations } from './migrate.ts'

let fresh: FreshDatabase
beforeAll(async () => (fresh = await freshDatabase({ empty: true })))
afterAll(() => fresh.drop())

test('several processes may migrate at once, and each migration lands once', async () => {
  const applied = await Promise.all([migrate(fresh.db), migrate(fresh.db), migrate(fresh.db)])
  expect(applied.flat().map((migration) => migration.number)).toEqual(
    readMigrations().map((migration) => migration.number),
  )
  expect(await pendingMigrations(fresh.db)).toEqual([])
})

test('a changed file and a newer database are refused with what to do', async () => {
  const known = readMigrations()
  const changed = [{ ...known[0]!, sha256: Buffer.alloc(32) }, ...known.slice(1)]
  await expect(migrate(fresh.db, changed)).rejects.toThrow(/is not the one this database was made with/)
  await expect(migrate(fresh.db, [])).rejects.toThrow(/made by a newer Holdfast/)
})

test('a failing migration leaves nothing behind', async () => {
  const known = readMigrations()
  const broken = {
    number: known.length + 1,
    name: 'broken',
    text: 'CREATE TABLE half (x int); SELECT 1/0',
    sha256: Buffer.alloc(32),
  }
  await expect(migrate(fresh.db, [...known, broken])).rejects.toThrow(/division by zero/)
  expect(await fresh.db.query(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }])
  expect(await pendingMigrations(fresh.db)).toEqual([])
})

test('the template has an organisation made quickly', async () => {
  const other = await freshDatabase()
  const org = await makeOrganisation(other.db, { people: ['alice', 'bob'], domain: 'corp.test' })
  expect(org.people.alice?.address).toBe('alice@corp.test')
  expect(await other.db.query('SELECT count(*)::int AS n FROM folder')).toEqual([{ n: 12 }])
  expect(await other.db.query('SELECT epoch FROM installation')).toEqual([{ epoch: 1 }])
  await other.drop()
})
