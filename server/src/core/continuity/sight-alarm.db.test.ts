/** That processes cannot see, as alarms: each of itself, also when it judges nothing any more, is gone, or was started anew. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { ensureModes } from '../../store/modes.ts'
import { beat, leave } from '../../store/nodes.ts'
import { createRouteBook } from '../directory/index.ts'
import { createModeBoard } from './board.ts'
import { createJudge } from './judge.ts'
import { createSightAlarm, type SightAlarm } from './sight-alarm.ts'

let fresh: FreshDatabase
let org: MadeOrganisation

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db)
})
afterEach(() => fresh.drop())

interface Process {
  nodeId: Id
  alarm: SightAlarm
  /** So many seconds of its own time with a word each: why it cannot see, or null. */
  say(why: string | null, seconds?: number): Promise<void>
}

/** A process that has shown signs of life for an hour, or that has just begun. */
async function process({ isNew = false } = {}): Promise<Process> {
  const nodeId = newId(Date.now())
  const clock = fakeClock(Date.now())
  await beat(fresh.db, nodeId, 'work')
  if (!isNew)
    await fresh.db.query(`UPDATE node SET steady_since = now() - interval '1 hour' WHERE node_id = $1`, [nodeId])
  const alarm = createSightAlarm({ db: fresh.db, clock, nodeId })
  const say = async (why: string | null, seconds = 0): Promise<void> => {
    await alarm.tell(why, [org.organisationId])
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1_000)
      await alarm.tell(why, [org.organisationId])
    }
  }
  return { nodeId, alarm, say }
}

const all = () =>
  fresh.db.query<{ subject: string; stands: boolean }>(
    'SELECT subject, ended_at IS NULL AS stands FROM alarm ORDER BY opened_at',
  )
const of = ({ nodeId }: Process, stands = true) => ({ subject: `node:${nodeId}`, stands })

test('each says what it sees itself: one that sees ends no other’s alarm', async () => {
  const [a, b] = [await process(), await process()]
  await a.say('no uplink')
  await b.say(null, 120)
  expect(await all()).toEqual([of(a)])
  // The other process is alive for all we know: it says so too, when that is sure.
  await b.say('no uplink', 10)
  expect(await all()).toEqual([of(a)])
  await b.say('no uplink', 20)
  expect(await all()).toEqual([of(a), of(b)])
  await a.say(null)
  expect(await all()).toEqual([of(a, false), of(b)])
  await b.say(null)
  expect(await all()).toEqual([of(a, false), of(b, false)])
})

test('of one that is gone it ends too, after the time that a new one takes to say the same', async () => {
  const [a, b] = [await process(), await process()]
  await a.say('no uplink')
  await fresh.db.query(`UPDATE node SET seen_at = now() - interval '20 s' WHERE node_id = $1`, [a.nodeId])
  await b.say(null, 30)
  expect(await all()).toEqual([of(a)])
  await b.say(null, 50)
  expect(await all()).toEqual([of(a, false)])
})

test('started anew while it cannot see: the alarm goes on, and is told once', async () => {
  const a = await process()
  await a.say('no uplink')
  await fresh.db.query('UPDATE alarm SET told = 1, told_at = now(), tell_at = NULL')
  await leave(fresh.db, a.nodeId)
  const b = await process({ isNew: true })
  await b.say(null, 5)
  await b.say('no uplink', 5)
  expect(await all()).toEqual([of(a)])
  // By now it may say of another that it is gone.
  await fresh.db.query(`UPDATE node SET steady_since = now() - interval '16 s'`)
  await b.say('no uplink')
  expect(await all()).toEqual([of(b)])
  expect(await fresh.db.query('SELECT 1 FROM alarm WHERE told = 1 AND tell_at IS NULL')).toHaveLength(1)
  await b.say(null)
  expect(await all()).toEqual([of(b, false)])
})

test('one that judges nothing any more still says when it sees again', async () => {
  const { db } = fresh
  const nodeId = newId(Date.now())
  await beat(db, nodeId, 'work')
  await ensureModes(db)
  const routes = createRouteBook({ db, clock: systemClock, log: silentLog })
  await routes.refresh()
  const board = createModeBoard({ db, clock: systemClock, log: silentLog })
  await board.refresh()
  let why: string | null = 'no uplink'
  const judge = createJudge({
    ...{ db, clock: systemClock, log: silentLog, nodeId, board, routes },
    pause: { times: () => 0, isAway: () => false } as never,
    sight: {
      look: () => Promise.resolve({ blind: why, forgetBefore: 0, waits: new Set<Id>() }),
      forgetBefore: () => 0,
      isBlind: () => why !== null,
      why: () => why,
    },
  })
  await judge.tick()
  const subject = `node:${nodeId}`
  expect(await all()).toEqual([{ subject, stands: true }])
  await db.query(`UPDATE route_mode SET judge = $1, judge_until = now() + interval '1 hour'`, [newId(1)])
  await judge.tick()
  expect([...judge.judged()]).toEqual([])
  expect(await all()).toEqual([{ subject, stands: true }])
  why = null
  await judge.tick()
  expect(await all()).toEqual([{ subject, stands: false }])
})
