/**
 * Board, judge, setter and pins on a real database, with two processes' worth of instances: they agree on the mode, only
 * one judges, killing one moves the lease, and a switch updates no delivery's state.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import type { ProbeResult } from '../../clients/smtp/probe.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState, EvidenceKind, Mode, Pin, RouteKind } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { addEvidence, evidenceOf } from '../../store/evidence.ts'
import { modesOf } from '../../store/modes.ts'
import { readAudit, verifyAuditChain } from '../audit/index.ts'
import { createRouteBook } from '../directory/index.ts'
import { createContinuity, type Continuity } from './index.ts'
import type { AskReach } from './reach-prober.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let alive = true
const stops: (() => Promise<void> | void)[] = []

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(what: string, ms: number, ready: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + ms
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(50)
  }
}

async function answer(): Promise<ProbeResult> {
  return alive
    ? { ok: true, stage: 'rcpt', code: 250, text: '250 ok', tookMs: 1 }
    : { ok: false, stage: 'connect', text: 'connect ECONNREFUSED', tookMs: 1 }
}

async function node(options: { judging?: boolean; askReach?: AskReach } = {}): Promise<Continuity> {
  const routes = createRouteBook({ db: fresh.db, clock: systemClock, log: silentLog })
  await routes.start()
  const continuity = createContinuity({
    db: fresh.db,
    clock: systemClock,
    log: silentLog,
    nodeId: newId(Date.now()),
    routes,
    helo: 'holdfast.test',
    probe: answer,
    ...options,
  })
  stops.push(() => routes.stop())
  return continuity
}

async function owe(state: number, reason: string | null = null, later = false): Promise<string> {
  const id = newId(Date.now())
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, reason, next_attempt, accepted_at)
     VALUES ($1, $2, $3, 'a@b.test', NULL, $4, $5, $6, now() + CASE WHEN $7 THEN interval '1 hour' ELSE interval '0' END, now())`,
    [org.organisationId, id, newId(Date.now()), org.routeId, state, reason, later],
  )
  return id
}

beforeEach(async () => {
  alive = true
  fresh = await freshDatabase({ poolSize: 12 })
  org = await makeOrganisation(fresh.db, {
    people: ['alice'],
    route: { hosts: [{ host: '127.0.0.1', port: 9 }], sensitivity: 'quick' },
  })
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await fresh.drop()
})

const modeOf = async (): Promise<number> => (await modesOf(fresh.db, [org.routeId]))[0]!.mode

const of = (routeId: Id, personId: Id | null) => ({
  organisationId: org.organisationId,
  routeId,
  personId,
  address: 'alice@corp.test',
})

test('a primary dies and comes back: two processes agree, one judges, what is owed is marked, each step is audited', async () => {
  const [a, b] = [await node(), await node()]
  stops.push(
    () => a.stop(),
    () => b.stop(),
  )
  const ready = await owe(DeliveryState.ready)
  const ownBackoff = await owe(DeliveryState.deferred, 'recipient-tempfail', true)
  const routeBackoff = await owe(DeliveryState.deferred, 'connect-refused', true)
  const done = await owe(DeliveryState.delivered)
  await a.start()
  await b.start()
  expect(a.judge.judges(org.routeId)).not.toBe(b.judge.judges(org.routeId))
  expect(a.judge.judges(org.outboundRouteId) || b.judge.judges(org.outboundRouteId)).toBe(false)
  await sleep(1500)
  expect(await modeOf()).toBe(Mode.normal)

  alive = false
  await until('emergency at both', 9000, () =>
    [a, b].every((n) => n.board.standing(org.routeId).mode === Mode.emergency),
  )
  expect(a.board.standing(org.routeId)).toEqual(b.board.standing(org.routeId))
  expect(a.board.flow(of(org.routeId, null), 'inboundProtected')).toBe('wait')
  expect(a.board.flow(of(org.outboundRouteId, null), 'fromPeople')).toBe('relay')
  const rows = await fresh.db.query<{ id: string; state: number; held: boolean; due: boolean }>(
    'SELECT delivery_id AS id, state, held, next_attempt <= now() AS due FROM delivery',
  )
  const row = (id: string) => rows.find((r) => r.id === id)
  expect(row(ready)).toMatchObject({ state: DeliveryState.ready, held: true, due: true })
  expect(row(ownBackoff)).toMatchObject({ state: DeliveryState.deferred, held: true, due: false })
  expect(row(routeBackoff)).toMatchObject({ state: DeliveryState.deferred, held: true, due: false })
  expect(row(done)).toMatchObject({ state: DeliveryState.delivered, held: false })

  alive = true
  await until('recovering at both', 9000, () =>
    [a, b].every((n) => n.board.standing(org.routeId).mode === Mode.recovering),
  )
  const due = await fresh.db.query('SELECT 1 FROM delivery WHERE state < 10 AND next_attempt <= now()')
  expect(due).toHaveLength(3)
  const event = a.board.standing(org.routeId).returnEventId
  expect(event).not.toBeNull()
  await b.judge.tell(org, { kind: 'drained' })
  await until('normal at both', 3000, () => [a, b].every((n) => n.board.standing(org.routeId).mode === Mode.normal))
  const [stored] = await fresh.db.query<{ finished: Date | null; owed: number }>(
    'SELECT finished_at AS finished, owed_at_start AS owed FROM return_event WHERE return_event_id = $1',
    [event!],
  )
  expect(stored!.finished).not.toBeNull()
  expect(stored!.owed).toBe(3)
  const audit = (await readAudit(fresh.db, org.organisationId, null, 100)).map((r) => r.action).reverse()
  expect(audit).toEqual([
    'mode-changed',
    'alarm-raised',
    'mode-changed',
    'return-begun',
    'mode-changed',
    'alarm-ended',
    'mode-changed',
    'return-finished',
  ])
  expect(await verifyAuditChain(fresh.db, org.organisationId)).toMatchObject({ ok: true })
  const page = (await a.overview(org.organisationId)).find((r) => r.id === org.routeId)!
  expect(page).toMatchObject({ kind: 'primary', mode: 'normal', cause: 'return-drained', open: 3, returnEvent: null })
  expect(page.probe).toMatchObject({ good: true })
  expect(page.evidence.some((e) => e.kind === 'probeBad' && e.count >= 3)).toBe(true)
})

test('killing the judge moves the lease, and the new one judges on', async () => {
  const [a, b] = [await node(), await node()]
  stops.push(
    () => a.stop(),
    () => b.stop(),
  )
  await a.judge.tick()
  await b.judge.tick()
  expect([a, b].map((n) => n.judge.judges(org.routeId))).toEqual([true, false])
  // a is gone without a word: it never renews.
  await until('b holds the lease', 8000, async () => {
    await b.judge.tick()
    return b.judge.judges(org.routeId)
  })
  await a.judge.tick()
  expect(a.judge.judges(org.routeId)).toBe(false)
})

test('a planned stop hands the lease over at once', async () => {
  const [a, b] = [await node(), await node()]
  await a.judge.tick()
  await a.judge.stop()
  await b.judge.tick()
  expect(b.judge.judges(org.routeId)).toBe(true)
})

test('two judges at the same version: one step is stored, not two', async () => {
  const nodes = await Promise.all([node(), node(), node(), node()])
  const pin = (n: Continuity, i: number) =>
    n.pins.pinRoute({ ...org, pin: 'emergency', reason: `drill ${i}`, actor: 'cli:test', version: 1 })
  const results = await Promise.allSettled(nodes.map(pin))
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
  for (const r of results) if (r.status === 'rejected') expect(r.reason).toMatchObject({ code: 'conflict' })
  const events = await fresh.db.query('SELECT 1 FROM return_event')
  expect(events).toHaveLength(1)
})

test('pins: win over evidence, end by themselves, need a reason, and are told to every process', async () => {
  const [a, b] = [await node(), await node({ judging: false })]
  stops.push(
    () => a.stop(),
    () => b.stop(),
  )
  await a.start()
  await b.start()
  await expect(a.pins.pinRoute({ ...org, pin: 'hold', reason: ' ', actor: 'cli:test' })).rejects.toMatchObject({
    code: 'bad-request',
  })
  await a.pins.pinRoute({
    ...org,
    pin: 'emergency',
    reason: 'drill',
    actor: 'cli:test',
    until: new Date(Date.now() + 2500),
  })
  await until('the other process knows', 2000, () => b.board.standing(org.routeId).mode === Mode.emergency)
  expect(b.board.standing(org.routeId).pin).toBe(Pin.emergency)
  await sleep(1000)
  expect(await modeOf()).toBe(Mode.emergency)
  await until('the pin is over, the primary is well: return', 8000, async () => (await modeOf()) === Mode.recovering)
  const audit = await readAudit(fresh.db, org.organisationId, null, 100)
  expect(audit.find((r) => r.action === 'pin-set')).toMatchObject({ actor: 'cli:test' })
  expect(audit.find((r) => r.action === 'pin-removed')).toMatchObject({ actor: 'engine' })

  const alice = org.people.alice!.personId
  await a.pins.pinTarget({
    ...org,
    target: 'person',
    targetId: alice,
    pin: 'hold',
    reason: 'stolen',
    actor: 'operator:x',
  })
  expect(a.board.flow(of(org.routeId, alice), 'fromPeople')).toBe('keep')
  // also where the person's own mail goes by a way that has no mode
  expect(a.board.flow(of(org.outboundRouteId, alice), 'fromPeople')).toBe('keep')
  expect(a.board.flow(of(org.routeId, null), 'fromPeople')).toBe('relay')
  await a.pins.pinTarget({ ...org, target: 'person', targetId: alice, pin: null, reason: '', actor: 'operator:x' })
  expect(a.board.flow(of(org.routeId, alice), 'fromPeople')).toBe('relay')
})

test('a way out cannot be pinned, and nothing of the try is left', async () => {
  const a = await node({ judging: false })
  await a.board.refresh()
  for (const kind of [RouteKind.smarthost, RouteKind.mx]) {
    await fresh.db.query('UPDATE route SET kind = $2 WHERE route_id = $1', [org.outboundRouteId, kind])
    for (const pin of ['emergency', 'normal', 'hold'] as const)
      await expect(
        a.pins.pinRoute({ ...org, routeId: org.outboundRouteId, pin, reason: 'drill', actor: 'cli:test' }),
      ).rejects.toMatchObject({ code: 'bad-request', detail: expect.stringContaining('a way out') as string })
  }
  expect((await modesOf(fresh.db, [org.outboundRouteId]))[0]).toMatchObject({
    mode: Mode.normal,
    pin: null,
    version: 1,
  })
  expect(await fresh.db.query('SELECT 1 FROM return_event')).toEqual([])
  expect(await readAudit(fresh.db, org.organisationId, null, 10)).toEqual([])
})

test('a primary that was pinned and became a way out can be unpinned', async () => {
  const a = await node({ judging: false })
  await a.pins.pinRoute({ ...org, pin: 'hold', reason: 'broken into', actor: 'cli:test' })
  await fresh.db.query('UPDATE route SET kind = $2 WHERE route_id = $1', [org.routeId, RouteKind.smarthost])
  await a.pins.pinRoute({ ...org, pin: null, reason: '', actor: 'cli:test' })
  expect((await modesOf(fresh.db, [org.routeId]))[0]).toMatchObject({ pin: null })
})

test('a route made while running gets its row and starts as normal', async () => {
  const a = await node()
  stops.push(() => a.stop())
  await a.start()
  const routeId = newId(Date.now())
  await fresh.db.query(`INSERT INTO route (organisation_id, route_id, name, kind) VALUES ($1, $2, 'second', 1)`, [
    org.organisationId,
    routeId,
  ])
  await until('a row', 3000, async () => (await modesOf(fresh.db, [routeId])).length === 1)
  expect((await modesOf(fresh.db, [routeId]))[0]).toMatchObject({ mode: Mode.normal, cause: 'first-seen' })
})

test('evidence is counted, not listed: a flood of observations is a few rows', async () => {
  const a = await node({ judging: false })
  for (let i = 0; i < 5000; i++)
    a.evidence.report({ ...org, kind: i % 2 ? EvidenceKind.tempfail : EvidenceKind.good, text: `t${i}` })
  await a.evidence.flush()
  await addEvidence(fresh.db, [{ ...org, kind: EvidenceKind.good, probe: '', seen: 3, lastText: null }])
  const rows = await evidenceOf(fresh.db, [{ ...org, seconds: 60 }])
  expect(rows.length).toBeLessThanOrEqual(4)
  expect(rows.filter((r) => r.kind === EvidenceKind.good).reduce((n, r) => n + r.seen, 0)).toBe(2503)
  expect(rows.find((r) => r.kind === EvidenceKind.tempfail)).toMatchObject({ seen: 2500, text: 't4999' })
})

test('a judge that was away forgets what it saw: nothing switches', async () => {
  const a = await node()
  await a.judge.tick()
  // Evidence that would do for suspicion, from before.
  const bad = { ...org, kind: EvidenceKind.connectRefused, probe: '', seen: 5, lastText: 'x' }
  await addEvidence(fresh.db, [bad])
  await sleep(5500)
  await addEvidence(fresh.db, [bad])
  await a.judge.tick()
  await a.judge.tick()
  expect(await modeOf()).toBe(Mode.normal)
  const [row] = await modesOf(fresh.db, [org.routeId])
  expect((row!.memory as { ignoreBefore: number }).ignoreBefore).toBeGreaterThan(Date.now() - 10_000)

  // It says so: on the board with since and why, in the audit once, until something is seen again.
  const board = async () => (await a.overview(org.organisationId)).find((route) => route.id === org.routeId)!
  const { blind } = await board()
  expect(blind!.why).toMatch(/^nothing could be judged for \d+ s$/)
  expect(Date.parse(blind!.since)).toBeGreaterThan(Date.now() - 10_000)
  await sleep(5500)
  await a.judge.tick()
  expect((await board()).blind).toEqual(blind)
  const told = (await readAudit(fresh.db, org.organisationId, null, 100)).filter((r) => r.action === 'judging-blind')
  expect(told).toMatchObject([{ actor: 'engine', subject: `route:${org.routeId}`, detail: { why: blind!.why } }])
  await sleep(1100)
  await addEvidence(fresh.db, [{ ...bad, kind: EvidenceKind.good }])
  await a.judge.tick()
  expect((await board()).blind).toBeNull()
  expect(await verifyAuditChain(fresh.db, org.organisationId)).toMatchObject({ ok: true })
})

test('people cannot reach their mail: its own emergency, mail goes on, each probe is told apart, and it ends by itself', async () => {
  await fresh.db.query(`UPDATE route SET settings = settings || $2::jsonb WHERE route_id = $1`, [
    org.routeId,
    JSON.stringify({
      reach: [
        { name: 'sign-in', kind: 'oidc', issuer: 'https://login.test', every: 0.4 },
        { name: 'webmail', kind: 'https', url: 'https://mail.test/', every: 0.4 },
      ],
    }),
  ])
  let signIn: ReachResult = reached('good', 'fine')
  const a = await node({ askReach: async ({ name }) => (name === 'sign-in' ? signIn : reached('good', 'fine')) })
  stops.push(() => a.stop())
  await a.start()
  const mode = () => a.board.standing(org.routeId).mode
  await until('both were asked', 9000, async () =>
    (await a.overview(org.organisationId)).some(({ reach }) => reach.length === 2 && reach.every(({ last }) => last)),
  )
  signIn = reached('bad', 'no answer')
  await until('emergency', 9000, () => mode() === Mode.emergencyReach)
  expect(a.board.flow(of(org.routeId, null), 'inboundProtected')).toBe('relay')
  const overview = (await a.overview(org.organisationId)).find(({ id }) => id === org.routeId)!
  expect(overview).toMatchObject({ mode: 'emergencyReach', cause: 'reach-lost' })
  expect(overview.detail).toContain('sign-in: no answer')
  expect(overview.reach.map(({ last }) => last?.outcome)).toEqual(['bad', 'good'])

  signIn = reached('good', 'fine')
  await until('normal', 9000, () => mode() === Mode.normal)
  const audit = await readAudit(fresh.db, org.organisationId, null, 50)
  expect(
    audit.filter(({ action }) => action === 'mode-changed').map(({ detail }) => (detail as { cause: string }).cause),
  ).toEqual(expect.arrayContaining(['reach-lost', 'reach-back']))
})
