/** People's reports against a real database: who counts, for which route, once; and what an attacker gets by a thousand of them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { EvidenceKind, Mode } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { protectedPeople, reportCounts } from '../../store/reports.ts'
import { createRouteBook, type RouteBook } from '../directory/index.ts'
import { createReportDesk, type ReportDesk } from './report-desk.ts'
import { createReportWatch } from './report-watch.ts'
import { LEAST_PEOPLE, REPORTS } from './reports.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let routes: RouteBook
let desk: ReportDesk
const clock = fakeClock()
const names = Array.from({ length: 12 }, (_, n) => `p${n}`)
const seen: { kind: EvidenceKind; probe?: string | undefined }[] = []
const hurried: Id[] = []
let mode: Mode = Mode.normal

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: names, domain: 'corp.test' })
  other = await makeOrganisation(fresh.db, { people: ['mallory'] })
  routes = createRouteBook({ db: fresh.db, clock: systemClock, log: silentLog })
  await routes.refresh()
})
afterAll(() => fresh.drop())
beforeEach(async () => {
  await fresh.db.query('DELETE FROM reach_report')
  desk = createReportDesk({ db: fresh.db, clock, log: silentLog })
  seen.length = 0
  hurried.length = 0
  mode = Mode.normal
})

const watchOf = (judges = true) =>
  createReportWatch({
    ...{ db: fresh.db, clock, log: silentLog, routes },
    board: {
      standing: (routeId) => ({
        ...{ organisationId: org.organisationId, routeId, mode, since: 0, pin: null, version: 1, returnEventId: null },
      }),
    },
    evidence: { report: ({ kind, probe }) => void seen.push({ kind, probe }) },
    judges: () => judges,
    hurry: (routeId) => void hurried.push(routeId),
  })
const counts = async () => (await reportCounts(fresh.db, org.organisationId, { recently: 600, lately: 3600 }))[0]
const sign = (name: string) => desk.sign(org.organisationId, org.people[name]!.personId)

test('a person counts once, however often they report', async () => {
  for (let n = 0; n < 20; n++) await sign('p0')
  for (let n = 0; n < 20; n++) desk.claim({ address: 'P0@Corp.test', network: `n${n}` })
  await desk.settled()
  expect(await counts()).toMatchObject({ routeId: org.routeId, signed: 1, claimed: 0 })
  desk.claim({ address: 'p1@corp.test', network: 'x' })
  await desk.settled()
  expect(await counts()).toMatchObject({ signed: 1, claimed: 1 })
})

test('five who have signed in are evidence; four are not', async () => {
  const watch = watchOf()
  for (const name of names.slice(0, LEAST_PEOPLE - 1)) await sign(name)
  await watch.look()
  expect(seen).toEqual([])
  await sign(names[LEAST_PEOPLE - 1]!)
  await watch.look()
  expect(seen).toEqual([{ kind: EvidenceKind.reachBad, probe: REPORTS }])
})

test('a thousand forged reports of every address: no evidence, a row a person, and the probes are asked once', async () => {
  const watch = watchOf()
  for (let n = 0; n < 1000; n++) {
    desk.claim({ address: `${names[n % names.length]!}@corp.test`, network: `198.51.100.${n}` })
    if (n % 100 === 0) await desk.settled()
  }
  await desk.settled()
  await watch.look()
  await watch.look()
  expect(seen).toEqual([])
  expect(await counts()).toMatchObject({ signed: 0, claimed: names.length })
  expect(hurried).toEqual([org.routeId])
})

test('new reports make the probes ask again, but not more often than every half minute', async () => {
  const watch = watchOf()
  await sign('p0')
  await watch.look()
  await sign('p1')
  await watch.look()
  expect(hurried).toHaveLength(1)
  await clock.advance(31_000)
  await sign('p2')
  await watch.look()
  expect(hurried).toHaveLength(2)
})

test('who is unknown, disabled or without an emergency mailbox leaves no trace; neither does what is no address', async () => {
  const { personId } = await makePerson(fresh.db, org, 'gone')
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [personId])
  const bare = await makePerson(fresh.db, org, 'bare')
  await fresh.db.query('UPDATE person SET scope_emergency = false WHERE person_id = $1', [bare.personId])
  for (const address of [
    'gone@corp.test',
    'bare@corp.test',
    'nobody@corp.test',
    'x@elsewhere.test',
    '"',
    '\0@corp.test',
    '',
  ])
    desk.claim({ address, network: 'n' })
  await desk.settled()
  await desk.sign(org.organisationId, bare.personId)
  expect(await counts()).toBeUndefined()
  await fresh.db.query('DELETE FROM address WHERE person_id = ANY ($1::uuid[])', [`{${personId},${bare.personId}}`])
})

test('another organisation’s people weigh nothing here, not even by an id of ours', async () => {
  for (const name of names.slice(0, 6)) await desk.sign(other.organisationId, org.people[name]!.personId)
  expect(await counts()).toBeUndefined()
})

test('what is answered does not depend on the database: it is not asked before the answer', () => {
  const silent = createReportDesk({
    db: { query: () => new Promise(() => undefined) } as unknown as FreshDatabase['db'],
    ...{ clock, log: silentLog },
  })
  for (let n = 0; n < 5000; n++) silent.claim({ address: `p${n}@corp.test`, network: `n${n}` })
})

test('old reports count no more; without probes they stay an hour once it is an emergency', async () => {
  const watch = watchOf()
  for (const name of names.slice(0, 6)) await sign(name)
  await fresh.db.query(`UPDATE reach_report SET at = now() - interval '11 minutes'`)
  await watch.look()
  expect(seen).toEqual([])
  mode = Mode.emergencyReach
  await watch.look()
  expect(seen.map(({ kind }) => kind)).toEqual([EvidenceKind.reachBad])
  await fresh.db.query(`UPDATE reach_report SET at = now() - interval '61 minutes'`)
  await watch.look()
  expect(seen).toHaveLength(1)
})

test('who does not judge the route says nothing', async () => {
  for (const name of names) await sign(name)
  await watchOf(false).look()
  expect([seen, hurried]).toEqual([[], []])
})

test('a person’s own route, a group’s and the domain’s are found as routing finds them', async () => {
  expect(await protectedPeople(fresh.db, org.organisationId, org.routeId)).toBeGreaterThanOrEqual(names.length)
  const { personId } = org.people.p11!
  await fresh.db.query('UPDATE person SET route_id = $2 WHERE person_id = $1', [personId, org.outboundRouteId])
  await sign('p11')
  expect((await counts())!.routeId).toBe(org.outboundRouteId)
})
