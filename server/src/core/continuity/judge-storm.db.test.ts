/** Everything fails at once: steps are stored several at a time, and a round ends before it would take itself for a pause. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { EvidenceKind, Mode } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { ensureModes } from '../../store/modes.ts'
import { createRouteBook } from '../directory/index.ts'
import { createModeBoard } from './board.ts'
import { createJudge } from './judge.ts'

let fresh: FreshDatabase
beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 12 })
})
afterEach(() => fresh.drop())

const ROUTES = 40
/** of each step that is stored, as on a disk that is at its end */
const SLOW_MS = 500

/** Forty routes, and a judge of them whose every step takes long to store. */
async function stage(times: () => number = () => 0) {
  const { db } = fresh
  const { organisationId } = await makeOrganisation(db)
  await db.query(
    `INSERT INTO route (organisation_id, route_id, name, kind, settings)
     SELECT $1, gen_random_uuid(), 'route ' || n, 1, '{"hosts": [{"host": "192.0.2.1"}], "sensitivity": "quick"}' FROM generate_series(1, $2::int) n`,
    [organisationId, ROUTES],
  )
  await ensureModes(db)
  const routes = createRouteBook({ db, clock: systemClock, log: silentLog })
  await routes.refresh()
  const board = createModeBoard({ db, clock: systemClock, log: silentLog })
  await board.refresh()
  const slow: Database = {
    ...db,
    transaction: async (work) => {
      await systemClock.sleep(SLOW_MS)
      return db.transaction(work)
    },
  }
  const judge = createJudge({
    ...{ db: slow, clock: systemClock, log: silentLog, nodeId: newId(Date.now()), board, routes },
    pause: { times, isAway: () => false } as never,
    sight: {
      look: () => Promise.resolve({ blind: null, forgetBefore: 0, waits: new Set<Id>() }),
      forgetBefore: () => 0,
      isBlind: () => false,
      why: () => null,
    },
  })
  await judge.tick()
  const fail = (): Promise<unknown> =>
    db.query(
      `INSERT INTO evidence (organisation_id, route_id, kind, second, seen)
       SELECT organisation_id, route_id, ${EvidenceKind.connectRefused}, date_trunc('second', now()) - make_interval(secs => s), 3
       FROM route, generate_series(0, 4) s WHERE name LIKE 'route %' ON CONFLICT DO NOTHING`,
    )
  const stepped = async (): Promise<number> =>
    (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM route_mode WHERE mode <> ${Mode.normal}`))[0]!.n
  return { judge, fail, stepped }
}

test('a round over many that step stores some, in time, and the next ones the rest', async () => {
  const { judge, fail, stepped } = await stage()
  await fail()
  const began = Date.now()
  await judge.tick()
  // One after the other it would take twenty seconds.
  expect(Date.now() - began).toBeLessThan(12_000)
  const first = await stepped()
  expect(first).toBeGreaterThanOrEqual(16)
  expect(first).toBeLessThan(ROUTES)
  for (let rounds = 0; (await stepped()) < ROUTES && rounds < 4; rounds++) await judge.tick()
  expect(await stepped()).toBe(ROUTES)
  await judge.stop()
})

test('after a pause nothing from before is judged, also of those that the first round had no time for', async () => {
  let pauses = 0
  const { judge, fail, stepped } = await stage(() => pauses)
  await fail()
  pauses++
  for (let rounds = 0; rounds < 4; rounds++) await judge.tick()
  expect(await stepped()).toBe(0)
  // What comes now counts.
  await systemClock.sleep(1_100)
  await fail()
  for (let rounds = 0; (await stepped()) < ROUTES && rounds < 6; rounds++) {
    await judge.tick()
    await fail()
  }
  expect(await stepped()).toBe(ROUTES)
  await judge.stop()
})
