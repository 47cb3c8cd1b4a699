/**
 * A dead primary under `ask`: the engine asks and does not switch, the alarm stands once however many find it, a letter goes
 * to the address outside, one answer switches, and the return is asked for again. Letters have a pace.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { claimAlarms, noteTold, putOff, type AlarmCause } from '../../store/alarms.ts'
import { addEvidence } from '../../store/evidence.ts'
import { removeRoutes } from '../../store/model-removals.ts'
import { modesOf } from '../../store/modes.ts'
import { readAudit } from '../audit/index.ts'
import { checkDatabase } from '../check/index.ts'
import { createContinuity, type Continuity } from '../continuity/index.ts'
import { createRouteBook } from '../directory/index.ts'
import type { Incoming } from '../queue/index.ts'
import { acknowledgeAlarm, alarmsPage, createAlarmTeller, endAlarm, raiseAlarm, type AlarmTeller } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let letters: { to: string; text: string }[]
const stops: (() => Promise<void> | void)[] = []
const OUTSIDE = 'admin@elsewhere.example'

beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  letters = []
  const switching = { away: 'ask', home: 'ask' }
  org = await makeOrganisation(fresh.db, {
    route: { hosts: [{ host: '192.0.2.1' }], sensitivity: 'quick', switching, probe: { enabled: false } },
  })
  await fresh.db.query('UPDATE organisation SET alarms_to = $2 WHERE organisation_id = $1', [
    org.organisationId,
    JSON.stringify([OUTSIDE]),
  ])
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await fresh.drop()
})

async function node(): Promise<Continuity> {
  const deps = { db: fresh.db, clock: systemClock, log: silentLog }
  const routes = createRouteBook(deps)
  await routes.start()
  const continuity = createContinuity({ ...deps, nodeId: newId(Date.now()), routes, helo: 'holdfast.test' })
  stops.push(
    () => routes.stop(),
    () => continuity.judge.stop(),
  )
  return continuity
}

/** The queue: what is accepted is a letter. */
function teller(): AlarmTeller {
  return createAlarmTeller({
    db: fresh.db,
    clock: systemClock,
    log: silentLog,
    config: { hostname: 'holdfast.test', publicUrl: 'https://mail.corp.test' },
    routing: {
      outbound: (_input: unknown, addresses: string[]) =>
        Promise.resolve({
          deliveries: addresses.map((recipient) => ({ recipient })),
          copies: [],
          refused: [],
          postings: [],
        }),
    } as never,
    ownId: { header: () => '' },
    sign: () => Promise.resolve(null),
    accept: {
      accept: (incoming: Incoming) => {
        const text = incoming.body.kind === 'row' ? incoming.body.bytes.toString().replaceAll('=\r\n', '') : ''
        letters.push({ to: incoming.deliveries[0]!.recipient, text })
        return Promise.resolve()
      },
    } as never,
  })
}

const alarms = () => alarmsPage(fresh.db, org.organisationId, { after: null, limit: 50 })
const standing = async () => (await alarms()).filter(({ endedAt }) => endedAt === null)
const mode = async () => (await modesOf(fresh.db, [org.routeId]))[0]!.mode
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function feed(judge: Continuity['judge'], kind: EvidenceKind, until: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 30 && !(await until()); i++) {
    await addEvidence(fresh.db, [{ ...org, kind, probe: '', seen: 3, lastText: 'connection refused' }])
    await judge.tick()
    await sleep(500)
  }
  expect(await until()).toBe(true)
}

test('asked, told once, answered, home again after one more answer', async () => {
  const a = await node()
  const b = await node()
  const tells = teller()
  await a.board.refresh()
  await feed(a.judge, EvidenceKind.connectRefused, async () => (await standing()).length === 1)
  expect(await mode()).toBe(Mode.suspect)
  await b.judge.tick()
  await feed(a.judge, EvidenceKind.connectRefused, async () => (await standing()).length === 1)
  expect((await alarms()).map(({ kind }) => kind)).toEqual(['ask-away'])
  await Promise.all([tells.run(), teller().run()])
  await tells.run()
  expect(letters).toHaveLength(1)
  expect(letters[0]!.to).toBe(OUTSIDE)
  expect(letters[0]!.text).toContain(`https://mail.corp.test/admin/${org.organisationId}/alarms`)
  expect(letters[0]!.text).toContain('connection refused')

  // The other direction is not asked; this one is, and by whichever process it is answered.
  await expect(b.pins.answer({ ...org, direction: 'home', actor: 'cli:x' })).rejects.toMatchObject({ code: 'conflict' })
  await b.pins.answer({ ...org, direction: 'away', actor: 'cli:x' })
  expect(await mode()).toBe(Mode.emergency)
  expect((await standing()).map(({ kind }) => kind)).toEqual(['emergency'])
  await expect(a.pins.answer({ ...org, direction: 'away', actor: 'cli:x' })).rejects.toMatchObject({ code: 'conflict' })
  await sleep(1100)
  await feed(a.judge, EvidenceKind.good, async () => (await standing()).some(({ kind }) => kind === 'ask-home'))
  expect(await mode()).toBe(Mode.emergency)
  await a.pins.answer({ ...org, direction: 'home', actor: 'person:y' })
  expect(await mode()).toBe(Mode.recovering)
  await a.judge.tell(org, { kind: 'drained' })
  expect(await mode()).toBe(Mode.normal)
  expect(await standing()).toEqual([])
  const audit = await readAudit(fresh.db, org.organisationId, null, 100)
  const switched = audit.filter(({ action }) => action === 'mode-changed').map(({ actor }) => actor)
  expect(switched.reverse()).toEqual(['engine', 'cli:x', 'person:y', 'engine'])
  expect(audit.filter(({ action }) => action === 'switch-asked')).toHaveLength(2)
}, 60_000)

test('a cause that comes and goes sends a handful of letters, and none that is over before it is told', async () => {
  const tells = teller()
  const cause = { organisationId: org.organisationId, kind: 'emergency' as const, subject: `route:${org.routeId}` }
  for (let i = 0; i < 50; i++) {
    await fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: { detail: `${i}` }, now: Date.now() }))
    await tells.run()
    await fresh.db.transaction((sql) => endAlarm(sql, cause))
    await tells.run()
  }
  expect(letters.length).toBeGreaterThan(1)
  expect(letters.length).toBeLessThanOrEqual(4)
})

test('acknowledged: no more reminders; again and again it is one alarm', async () => {
  const cause = { organisationId: org.organisationId, kind: 'ask-home' as const, subject: `route:${org.routeId}` }
  const raise = () =>
    fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: { detail: 'x' }, now: Date.now() }))
  await Promise.all([raise(), raise(), raise()])
  const [alarm] = await alarms()
  expect(await alarms()).toHaveLength(1)
  const tells = teller()
  await tells.run()
  const due = () => fresh.db.query('UPDATE alarm SET tell_at = now() WHERE tell_at IS NOT NULL RETURNING 1')
  expect(await due()).toHaveLength(1)
  await tells.run()
  expect(letters.map(({ text }) => /Subject: .*Reminder/.test(text))).toEqual([false, true])
  await acknowledgeAlarm(fresh.db, { organisationId: org.organisationId, alarmId: alarm!.alarmId, actor: 'person:y' })
  expect(await due()).toHaveLength(0)
  expect((await alarms())[0]).toMatchObject({ acknowledgedBy: 'person:y', endedAt: null, told: 2 })
})

test('what happens to an alarm while its letter is on its way: its end is told, and who has seen it hears no more', async () => {
  const { organisationId } = org
  const cause = { organisationId, kind: 'emergency' as const, subject: `route:${org.routeId}` }
  const raise = (): Promise<unknown> =>
    fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: { detail: 'x' }, now: Date.now() }))
  await raise()
  const [taken] = await claimAlarms(fresh.db, 10, 60)
  await fresh.db.transaction((sql) => endAlarm(sql, cause))
  await noteTold(fresh.db, { organisationId, alarmId: taken!.alarmId, againSeconds: 3600, stood: true })
  await teller().run()
  expect(letters).toHaveLength(1)
  expect((await alarms())[0]).toMatchObject({ told: 2 })
  await teller().run()
  expect(letters).toHaveLength(1)

  await raise()
  const [seen] = await claimAlarms(fresh.db, 10, 60)
  await acknowledgeAlarm(fresh.db, { organisationId, alarmId: seen!.alarmId, actor: 'person:y' })
  await putOff(fresh.db, organisationId, seen!.alarmId, 0)
  expect(await claimAlarms(fresh.db, 10, 60)).toEqual([])
})

test('a clock that was set back: seen and over not before it began, and the check finds it sound', async () => {
  const cause = { organisationId: org.organisationId, kind: 'part-down' as const, subject: `route:${org.routeId}` }
  await fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: {}, now: Date.now() }))
  await fresh.db.query(`UPDATE alarm SET opened_at = now() + interval '1 hour'`)
  const { organisationId } = org
  await acknowledgeAlarm(fresh.db, { organisationId, alarmId: (await alarms())[0]!.alarmId, actor: 'person:y' })
  await fresh.db.transaction((sql) => endAlarm(sql, cause))
  const { problems } = await checkDatabase(fresh.db, { now: Date.now(), blobs: null })
  expect(problems).toEqual([])
})

test('a route that was taken away: what stands about it and its probes is over, and nothing else', async () => {
  const { organisationId, routeId } = await makeOrganisation(fresh.db)
  const raise = (cause: AlarmCause) =>
    fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: {}, now: Date.now() }))
  await raise({ organisationId, kind: 'emergency', subject: `route:${routeId}` })
  await raise({ organisationId, kind: 'certificate', subject: `probe:${routeId}:imap` })
  await raise({ organisationId, kind: 'blind', subject: `node:${newId(1)}` })
  await raise({ organisationId: org.organisationId, kind: 'emergency', subject: `route:${org.routeId}` })
  await fresh.db.query('UPDATE domain SET route_id = NULL WHERE organisation_id = $1', [organisationId])
  await removeRoutes(fresh.db, organisationId, [routeId])
  await teller().run()
  const left = await fresh.db.query<{ kind: string }>('SELECT kind FROM alarm WHERE ended_at IS NULL ORDER BY kind')
  expect(left.map(({ kind }) => kind)).toEqual(['blind', 'emergency'])
  expect((await readAudit(fresh.db, organisationId, null, 9)).map(({ action }) => action)).toContain('alarm-ended')
})

test('a route that is no mail system of ours any more: what its probes said is over', async () => {
  const { organisationId, routeId } = org
  const raise = (cause: AlarmCause) =>
    fresh.db.transaction((sql) => raiseAlarm(sql, { ...cause, facts: {}, now: Date.now() }))
  await raise({ organisationId, kind: 'certificate', subject: `probe:${routeId}:imap` })
  await teller().run()
  expect(await standing()).toHaveLength(1)
  await fresh.db.query(`UPDATE route SET kind = ${RouteKind.smarthost} WHERE route_id = $1`, [routeId])
  await teller().run()
  expect(await standing()).toEqual([])
})
