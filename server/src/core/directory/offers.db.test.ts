/** What hosts offer is stored when it changes, seldom, and known to every book of routes afterwards. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { silentLog } from '../../platform/log.ts'
import { parseCapabilities } from '../../protocols/smtp/ehlo.ts'
import { readGeneration } from '../../store/directory.ts'
import { createOffers } from './offers.ts'
import { createRouteBook } from './route-book.ts'

let fresh: FreshDatabase
beforeAll(async () => (fresh = await freshDatabase()))
afterAll(() => fresh.drop())

const ehlo = (...lines: string[]) => parseCapabilities(['hop', ...lines])
const [a, b] = [
  { host: 'A.test', port: 25 },
  { host: 'b.test', port: 25 },
]

test('learned once, changed seldom, the smallest and what all have', async () => {
  const clock = fakeClock()
  const { db } = fresh
  const org = await makeOrganisation(db, { route: { hosts: [a, b] } })
  const book = createRouteBook({ db, clock, log: silentLog })
  const offers = createOffers({ db, clock, log: silentLog })
  await book.refresh()
  const route = () => book.get(org.routeId)!
  expect(route().offer).toBeNull()
  const before = await readGeneration(db)
  const writes = async (): Promise<number> => (await readGeneration(db)) - before
  const known = async (count: number): Promise<void> => {
    await expect.poll(writes).toBe(count)
    await book.refresh()
  }

  offers.saw(route(), a, ehlo('SIZE 1000', 'SMTPUTF8'))
  offers.saw(route(), b, ehlo('SIZE 500', '8BITMIME'))
  await clock.advance(1_000)
  await known(1)
  expect(route().offer).toEqual({ size: 500, smtputf8: false, eightBitMime: false, dsn: false, requireTls: false })

  // The same again: nothing to write, however long.
  offers.saw(route(), a, ehlo('SIZE 1000', 'SMTPUTF8'))
  await clock.advance(600_000)
  expect(await writes()).toBe(1)

  offers.saw(route(), b, ehlo('SIZE 2000', 'SMTPUTF8'))
  await clock.advance(1_000)
  await known(2)
  expect(route().offer).toEqual({ size: 1000, smtputf8: true, eightBitMime: false, dsn: false, requireTls: false })

  // One that says something else each time is not written each time; what was seen last counts.
  for (let i = 0; i < 100; i++) {
    offers.saw(route(), b, ehlo(`SIZE ${3000 + i}`))
    await clock.advance(2_000)
  }
  expect(await writes()).toBe(2)
  await clock.advance(300_000)
  offers.saw(route(), b, ehlo('SIZE 700'))
  await clock.advance(1_000)
  await known(3)
  expect(route().offers['b.test:25']!.size).toBe(700)
})

test('ways to the world are not learned from the table', async () => {
  const org = await makeOrganisation(fresh.db, { route: { hosts: [a] } })
  await fresh.db.query(`UPDATE route SET last_ehlo = '{"a.test:25": {"size": 5}}', kind = 3 WHERE route_id = $1`, [
    org.routeId,
  ])
  const book = createRouteBook({ db: fresh.db, clock: fakeClock(), log: silentLog })
  await book.refresh()
  expect(book.get(org.routeId)!.offer).toBeNull()
})
