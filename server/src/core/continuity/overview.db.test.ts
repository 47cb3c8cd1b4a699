/** What pages show of routes: counted once for all who look, fresh after a pin, and shared numbers of returns. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { expectSound } from '../../../testkit/sound.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createRouteBook } from '../directory/index.ts'
import { createContinuity, type Continuity } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let clock: FakeClock
let continuity: Continuity
/** statements that count what waits, and what a return brought home */
let counted: { open: number; ledger: number }

function counting(db: Database): Database {
  return {
    ...db,
    query(text, values, name) {
      if (text.includes('AS "oldestOpenAt"')) counted.open++
      if (name === 'return-numbers') counted.ledger++
      return db.query(text, values, name)
    },
  }
}

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'] })
  clock = fakeClock()
  counted = { open: 0, ledger: 0 }
  const db = counting(fresh.db)
  const routes = createRouteBook({ db, clock, log: silentLog })
  await routes.refresh()
  continuity = createContinuity({ db, clock, log: silentLog, nodeId: newId(1), routes, helo: 'h', judging: false })
  await continuity.board.refresh()
})
afterEach(() => fresh.drop())
afterEach(() => expectSound(fresh.db, null))

const primary = async () => (await continuity.overview(org.organisationId)).find((route) => route.id === org.routeId)!

test('many tabs are one count, and a second later one more', async () => {
  await Promise.all(Array.from({ length: 20 }, () => primary()))
  await primary()
  expect(counted.open).toBe(1)
  await clock.advance(1_000)
  await primary()
  expect(counted.open).toBe(2)
})

test('after a pin everybody sees it at once', async () => {
  expect(await primary()).toMatchObject({ mode: 'normal', pin: null })
  const pin = { organisationId: org.organisationId, routeId: org.routeId, actor: 'cli:test' }
  await continuity.pins.pinRoute({ ...pin, pin: 'emergency', reason: 'test' })
  expect(await primary()).toMatchObject({ mode: 'emergency', pin: { kind: 'emergency' } })
})

test('the numbers of a return are counted once for board and list; those of a finished one stay for a minute', async () => {
  const pin = { organisationId: org.organisationId, routeId: org.routeId, actor: 'cli:test' }
  await continuity.pins.pinRoute({ ...pin, pin: 'emergency', reason: 'test' })
  const event = (await primary()).returnEvent!
  const key = { organisationId: org.organisationId, routeId: org.routeId, returnEventId: event.id }
  expect(await continuity.returnNumbers(key, false)).toEqual({ ...event, id: undefined, startedAt: undefined })
  expect(counted.ledger).toBe(1)
  await clock.advance(1_000)
  for (let i = 0; i < 5; i++) await continuity.returnNumbers(key, true)
  await clock.advance(50_000)
  await continuity.returnNumbers(key, true)
  expect(counted.ledger).toBe(2)
})
