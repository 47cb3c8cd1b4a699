/** What probes of two processes find out, while the lease of their route goes to and fro. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import { silentLog } from '../../platform/log.ts'
import { createProbeAlarms } from './probe-alarms.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
/** which process judges the route */
let judge: number

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db)
  judge = 0
})
afterEach(() => fresh.drop())

function process(number: number) {
  const clock = fakeClock(Date.now())
  const alarms = createProbeAlarms({ db: fresh.db, clock, log: silentLog, judges: () => judge === number })
  return {
    /** What the round of the prober does with an answer. */
    async hears(result: ReachResult, probe = 'imap') {
      alarms.heard({ ...org, name: 'primary' }, probe, result)
      await fresh.db.query('SELECT pg_sleep(0.1)')
    },
    /** A minute of its time; `probes`: what is asked of the route. */
    async looks(probes = ['imap']) {
      await clock.advance(60_000)
      await alarms.keep(new Map(judge === number ? [[org.routeId, new Set(probes)]] : []))
    },
  }
}

const refused = reached('refused', 'NO wrong password')
const good = reached('good', 'fine')
const all = () =>
  fresh.db.query<{ kind: string; stands: boolean }>(
    'SELECT kind, ended_at IS NULL AS stands FROM alarm ORDER BY opened_at',
  )
const row = (stands: boolean, kind = 'probe-refused') => ({ kind, stands })

test('whoever judges the route then says what is so then, whatever it said when it last did', async () => {
  const [a, b] = [process(0), process(1)]
  await a.looks()
  await a.hears(refused)
  expect(await all()).toEqual([row(true)])
  judge = 1
  await Promise.all([a.looks(), b.looks()])
  expect(await all()).toEqual([row(true)])
  await b.hears(good)
  expect(await all()).toEqual([row(false)])
  // An answer to the old judge that came late says nothing.
  await a.hears(refused)
  expect(await all()).toEqual([row(false)])
  judge = 0
  await Promise.all([a.looks(), b.looks()])
  await a.hears(refused)
  expect(await all()).toEqual([row(false), row(true)])
  judge = 1
  await Promise.all([a.looks(), b.looks()])
  await b.hears(good)
  expect(await all()).toEqual([row(false), row(false)])
})

test('a start raises nothing anew', async () => {
  await process(0).hears({ ...good, certificateDays: 5 })
  await fresh.db.query('UPDATE alarm SET told = 1, told_at = now(), tell_at = NULL')
  const again = process(0)
  await again.looks()
  await again.hears({ ...good, certificateDays: 4 })
  expect(await fresh.db.query(`SELECT facts->>'days' AS days, told, tell_at, ended_at FROM alarm`)).toEqual([
    { days: '4', told: 1, tell_at: null, ended_at: null },
  ])
})

test('of a probe that is asked no more it ends; what another process said in between is corrected', async () => {
  const a = process(0)
  await a.hears(refused)
  await a.hears(refused, 'second')
  await a.looks(['second'])
  expect(await fresh.db.query('SELECT subject FROM alarm WHERE ended_at IS NULL')).toEqual([
    { subject: `probe:${org.routeId}:second` },
  ])
  await fresh.db.query('UPDATE alarm SET ended_at = now() WHERE ended_at IS NULL')
  await a.looks(['second'])
  await a.hears(refused, 'second')
  expect(await all()).toEqual([row(false), row(false), row(true)])
})
