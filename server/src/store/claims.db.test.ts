/** Leases and outcomes on a real database: who may take what, who may say what became of it, and what is written beside. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../testkit/factories.ts'
import { AttemptOutcome, DeliveryState } from '../platform/codes.ts'
import { newId, type Id } from '../platform/ids.ts'
import type { Sql } from '../platform/db/database.ts'
import { CLAIM_WALK, claimDue, type ClaimWalk, expireLeases, giveBack, openPassage, renewLeases } from './claims.ts'
import { beat } from './nodes.ts'
import { writeOutcomes, type OutcomeRow } from './outcomes.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let node: Id
beforeAll(async () => (fresh = await freshDatabase()))
afterAll(() => fresh.drop())
beforeEach(async () => {
  await fresh.db.query('TRUNCATE delivery, message, attempt, ledger, parking, node')
  org = await makeOrganisation(fresh.db, { people: ['alice'] })
  node = newId(Date.now())
  await beat(fresh.db, node, 'deliver')
})

interface Wish {
  state?: number
  /** seconds from now */
  due?: number
  lease?: Id | null
  held?: boolean
  routeId?: Id
}

async function deliveries(count: number, wish: Wish = {}): Promise<Id[]> {
  const made: Id[] = []
  for (let i = 0; i < count; i++) {
    const messageId = newId(Date.now())
    const deliveryId = newId(Date.now())
    await fresh.db.query(
      `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
       VALUES ($1, $2, now(), 1, '', 1, '\\x00', 1, '\\x')`,
      [org.organisationId, messageId],
    )
    await fresh.db.query(
      `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, lease, held, accepted_at)
       VALUES ($1, $2, $3, 'a@corp.test', $4, $5, $6, now() + make_interval(secs => $7), $8, $9, now())`,
      [
        org.organisationId,
        deliveryId,
        messageId,
        org.people.alice!.personId,
        wish.routeId ?? org.routeId,
        wish.state ?? DeliveryState.ready,
        wish.due ?? -1,
        wish.lease ?? null,
        wish.held ?? false,
      ],
    )
    made.push(deliveryId)
  }
  return made
}

interface Row {
  deliveryId: Id
  state: number
  reason: string | null
  lease: Id | null
  attempts: number
  /** seconds until next_attempt */
  wait: number
  finished: boolean
}
const rowOf = async (id: Id): Promise<Row> =>
  (
    await fresh.db.query<Row>(
      `SELECT delivery_id AS "deliveryId", state, reason, lease, attempts, extract(epoch FROM next_attempt - now())::float8 AS wait,
         finished_at IS NOT NULL AS finished FROM delivery WHERE delivery_id = $1`,
      [id],
    )
  )[0]!
const attemptsOf = (id: Id) =>
  fresh.db.query<{ n: number; outcome: number; reason: string }>(
    'SELECT attempt_no AS n, outcome, reason FROM attempt WHERE delivery_id = $1 ORDER BY 1',
    [id],
  )
const claim = (limit: number, by = node, routeIds = [org.routeId]) =>
  claimDue(fresh.db, { routeIds, limits: routeIds.map(() => limit), nodeId: by, leaseSeconds: 60 })
const expire = (unsureWait = 900, by = node) =>
  expireLeases(fresh.db, {
    nodeId: by,
    waits: [{ routeId: org.routeId, seconds: unsureWait }],
    defaultWait: 5,
    limit: 100,
    newId: () => newId(Date.now()),
  })

const wish = () => ({ routeIds: [org.routeId], nodeId: node, leaseSeconds: 60 })
const silent = (id: Id) => fresh.db.query(`UPDATE node SET seen_at = now() - interval '16 s' WHERE node_id = $1`, [id])

interface PlanNode {
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Plans'?: PlanNode[]
}
/** Rows of `delivery` that a plan went through, those it threw away included. */
function rowsRead(node: PlanNode): number {
  const own =
    node['Relation Name'] === 'delivery'
      ? ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
      : 0
  return (node.Plans ?? []).reduce((sum, below) => sum + rowsRead(below), own)
}

function outcome(deliveryId: Id, change: Partial<OutcomeRow> = {}): OutcomeRow {
  return {
    organisationId: org.organisationId,
    deliveryId,
    outcome: AttemptOutcome.delivered,
    state: DeliveryState.delivered,
    reason: 'delivered',
    againIn: null,
    host: 'primary.test:25',
    code: 250,
    enhanced: '2.0.0',
    reply: 'Ok',
    remoteId: null,
    tls: null,
    tookMs: 3,
    at: Date.now(),
    ledgerId: newId(Date.now()),
    returnEventId: null,
    byReturn: false,
    ...change,
  }
}

test('only what is due and open is claimed, oldest due first, each route up to its own limit', async () => {
  const [late] = await deliveries(1, { due: -10 })
  const [later] = await deliveries(1, { due: -20, state: DeliveryState.deferred })
  const [latest] = await deliveries(1, { due: -30, state: DeliveryState.unsure })
  await deliveries(1, { due: 60 })
  await deliveries(1, { state: DeliveryState.delivered })
  await deliveries(1, { state: DeliveryState.leased, lease: newId(Date.now()) })
  const [outside] = await deliveries(2, { routeId: org.outboundRouteId, due: -40 })
  const got = await claimDue(fresh.db, {
    routeIds: [org.routeId, org.outboundRouteId],
    limits: [2, 1],
    nodeId: node,
    leaseSeconds: 60,
  })
  const ids = got.map((one) => one.deliveryId)
  expect(new Set(ids)).toEqual(new Set([latest, later, outside]))
  expect(got.find((one) => one.deliveryId === latest)!.wasUnsure).toBe(true)
  expect(got.find((one) => one.deliveryId === later)!.wasUnsure).toBe(false)
  expect((await rowOf(late!)).state).toBe(DeliveryState.ready)
  expect(await rowOf(later!)).toMatchObject({ state: DeliveryState.leased, lease: node })
  expect((await rowOf(later!)).wait).toBeGreaterThan(50)
})

test('two nodes at once never get the same delivery, and neither waits for what the other has in hand', async () => {
  const all = await deliveries(30)
  const other = newId(Date.now())
  const lists = await Promise.all([claim(10), claim(10, other), claim(10), claim(10, other)])
  const ids = lists.flat().map((one) => one.deliveryId)
  expect(new Set(ids).size).toBe(ids.length)
  const rest = await claim(100)
  expect(new Set([...ids, ...rest.map((one) => one.deliveryId)])).toEqual(new Set(all))
  await fresh.db.query('UPDATE delivery SET state = 0, lease = NULL, next_attempt = now()')
  await fresh.db.transaction(async (sql) => {
    await claimDue(sql, { routeIds: [org.routeId], limits: [10], nodeId: node, leaseSeconds: 60 })
    // Before that commit: its rows are locked, not waited for.
    expect(await claim(100, other)).toHaveLength(20)
  })
})

/** Due deliveries of one person in a row, the oldest of them `due` seconds from now, a millisecond apart. */
async function crowd(personId: Id, count: number, due: number): Promise<void> {
  const [message] = await deliveries(1, { state: DeliveryState.delivered })
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at)
     SELECT organisation_id, gen_random_uuid(), message_id, 'b@corp.test', $2, $3, ${DeliveryState.ready},
       now() + make_interval(secs => $4::float8 + i * 0.001), now()
     FROM delivery, generate_series(1, $5) AS i WHERE delivery_id = $1`,
    [message!, personId, org.routeId, due, count],
  )
}
const ids = (claims: { deliveryId: Id }[]): Id[] => claims.map((one) => one.deliveryId)

const waits = (personId: Id) => ({ ...openPassage, waitPersons: [personId] })

test('mail of pinned people, however much, neither is taken nor stands in the way of others', async () => {
  const pinned = newId(Date.now())
  const [front] = await deliveries(1, { due: -100 })
  await crowd(pinned, 2.5 * CLAIM_WALK, -90)
  const [middle] = await deliveries(1, { due: -80 })
  await crowd(pinned, 2.5 * CLAIM_WALK, -70)
  const [newest] = await deliveries(1, { due: -1 })
  const walk: ClaimWalk = new Map()
  const past = () => claimDue(fresh.db, { ...wish(), limits: [50], pins: waits(pinned), walk })
  expect(new Set(ids(await past()))).toEqual(new Set([front, newest]))
  const later: Id[] = []
  for (let i = 0; i < 5; i++) later.push(...ids(await past()))
  expect(later).toEqual([middle])
  // Round again: what became due at the front meanwhile, as an undone deletion may.
  const [again] = await deliveries(1, { due: -200 })
  for (let i = 0; i < 6 && later.length < 2; i++) later.push(...ids(await past()))
  expect(later).toEqual([middle, again])
  // Without the pin it is taken as any other.
  expect(await claimDue(fresh.db, { ...wish(), limits: [50], pins: openPassage, walk })).toHaveLength(50)
})

test('the limit of a claim passes nobody over, whatever comes in at the other end', async () => {
  const pinned = newId(Date.now())
  await crowd(pinned, CLAIM_WALK - 3, -90)
  const waiting = await deliveries(5, { due: -80 })
  await crowd(pinned, CLAIM_WALK, -70)
  const walk: ClaimWalk = new Map()
  const got: Id[] = []
  for (let i = 0; i < 4; i++) {
    await deliveries(2, { due: -1 })
    got.push(...ids(await claimDue(fresh.db, { ...wish(), limits: [2], pins: waits(pinned), walk })))
  }
  expect(got).toEqual(expect.arrayContaining(waiting))
})

test('a claim past pinned people reads a bounded part of what waits', async () => {
  const pinned = newId(Date.now())
  await crowd(pinned, 6 * CLAIM_WALK, -90)
  await fresh.db.query('ANALYZE delivery')
  let read = 0
  const walk: ClaimWalk = new Map()
  const counting: Sql = {
    async query(text, values) {
      const [{ plan }] = (
        await fresh.db.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values)
      ).map((row) => ({ plan: row['QUERY PLAN'][0].Plan })) as [{ plan: PlanNode }]
      read += rowsRead(plan)
      return fresh.db.query(text, values)
    },
  }
  await claimDue(counting, { ...wish(), limits: [50], pins: waits(pinned), walk })
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(3 * CLAIM_WALK)
})

test('a lease is renewed and given back by its holder only', async () => {
  const [mine, gone] = await deliveries(2, { state: DeliveryState.leased, lease: node, due: 1 })
  await fresh.db.query('UPDATE delivery SET lease = $2 WHERE delivery_id = $1', [gone!, newId(Date.now())])
  const { organisationId } = org
  await renewLeases(fresh.db, {
    organisationIds: [organisationId, organisationId],
    deliveryIds: [mine!, gone!],
    nodeId: node,
    leaseSeconds: 60,
  })
  expect((await rowOf(mine!)).wait).toBeGreaterThan(50)
  expect((await rowOf(gone!)).wait).toBeLessThan(5)
  const untried = { organisationId, wasUnsure: false }
  await giveBack(fresh.db, node, [
    { ...untried, deliveryId: mine! },
    { ...untried, deliveryId: gone! },
  ])
  expect(await rowOf(mine!)).toMatchObject({ state: DeliveryState.ready, lease: null, attempts: 0 })
  expect((await rowOf(gone!)).state).toBe(DeliveryState.leased)
})

test('given back to be due later, each at its own time', async () => {
  const [soon, late] = await deliveries(2, { state: DeliveryState.leased, lease: node, due: 1 })
  const untried = { organisationId: org.organisationId, wasUnsure: false }
  await giveBack(fresh.db, node, [
    { ...untried, deliveryId: soon!, inSeconds: 10.5 },
    { ...untried, deliveryId: late!, inSeconds: 300 },
  ])
  const waits = [(await rowOf(soon!)).wait, (await rowOf(late!)).wait]
  expect(waits.map((wait, i) => [10.5, 300][i]! - wait).every((past) => past >= 0 && past < 2)).toBe(true)
  expect(await claim(5)).toEqual([])
})

test('what may have arrived is marked as such ever after: given back it is unsure, and so it is after a deferral', async () => {
  const [id] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: -1 })
  await expire(0)
  const again = await claim(1)
  expect(again[0]).toMatchObject({ deliveryId: id, wasUnsure: true, attempts: 1 })
  await giveBack(fresh.db, node, again)
  expect((await rowOf(id!)).state).toBe(DeliveryState.unsure)
  await claim(1)
  const deferral = { outcome: AttemptOutcome.deferred, state: DeliveryState.deferred, reason: 'host-tempfail' }
  await writeOutcomes(fresh.db, node, [outcome(id!, { ...deferral, againIn: 0 })])
  expect((await claim(1))[0]).toMatchObject({ deliveryId: id, wasUnsure: true, attempts: 2 })
})

test("people who wait by hand are passed over and stand in nobody else's way", async () => {
  await deliveries(3, { due: -100 })
  const [other] = await deliveries(1, { due: -1 })
  await fresh.db.query('UPDATE delivery SET person_id = NULL WHERE delivery_id = $1', [other!])
  const pins = waits(org.people.alice!.personId)
  const want = { routeIds: [org.routeId], limits: [2], nodeId: node, leaseSeconds: 60 }
  expect((await claimDue(fresh.db, { ...want, pins })).map((one) => one.deliveryId)).toEqual([other])
})

test('a lease that ran out during a return is a row of the ledger too', async () => {
  const [out] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: -1 })
  await fresh.db.query('UPDATE delivery SET held = true WHERE delivery_id = $1', [out!])
  expect(await expire()).toBe(1)
  const ledger = await fresh.db.query('SELECT delivery_id AS d, attempt_no AS n, outcome FROM ledger')
  expect(ledger).toEqual([{ d: out, n: 1, outcome: AttemptOutcome.unsure }])
})

test('a lease that ran out becomes unsure, with its attempt, and rests as its route says', async () => {
  const [out] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: -1 })
  const [alive] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 30 })
  const [elsewhere] = await deliveries(1, {
    state: DeliveryState.leased,
    lease: node,
    due: -1,
    routeId: org.outboundRouteId,
  })
  expect(await expire()).toBe(2)
  const row = await rowOf(out!)
  expect(row).toMatchObject({ state: DeliveryState.unsure, reason: 'lease-expired', lease: null, attempts: 1 })
  expect(row.wait).toBeGreaterThan(890)
  expect((await rowOf(elsewhere!)).wait).toBeLessThan(6)
  expect(await attemptsOf(out!)).toEqual([{ n: 1, outcome: AttemptOutcome.unsure, reason: 'lease-expired' }])
  expect(await fresh.db.query('SELECT 1 FROM ledger')).toEqual([])
  expect((await rowOf(alive!)).state).toBe(DeliveryState.leased)
  expect(await expire()).toBe(0)
})

test('the leases of a node that shows no sign of life, or never did, run out at once', async () => {
  const dead = newId(Date.now())
  await beat(fresh.db, dead, 'deliver')
  await silent(dead)
  await fresh.db.query(`UPDATE node SET steady_since = now() - interval '16 s' WHERE node_id = $1`, [node])
  const ids = [
    ...(await deliveries(1, { state: DeliveryState.leased, lease: dead, due: 60 })),
    ...(await deliveries(1, { state: DeliveryState.leased, lease: newId(Date.now()), due: 60 })),
  ]
  expect(await expire()).toBe(2)
  for (const id of ids) expect((await rowOf(id)).state).toBe(DeliveryState.unsure)
})

test('after an outage of the database nobody is dead: neither oneself nor others who are only slower to come back', async () => {
  const [other, gone] = [newId(Date.now()), newId(Date.now())]
  const mine = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 60 })
  const theirs = await deliveries(1, { state: DeliveryState.leased, lease: other, due: 60 })
  const lost = await deliveries(1, { state: DeliveryState.leased, lease: gone, due: 60 })
  for (const id of [node, other, gone]) {
    await beat(fresh.db, id, 'deliver')
    await fresh.db.query(`UPDATE node SET steady_since = now() - interval '1 hour' WHERE node_id = $1`, [id])
    await silent(id)
  }
  // The database is back: we look after leases before anybody has said that he lives.
  expect(await expire()).toBe(0)
  await beat(fresh.db, other, 'deliver')
  expect(await expire()).toBe(0)
  expect(await expire(900, other)).toBe(0)
  // One that never came back is dead when we have been here for as long as that takes.
  await fresh.db.query(`UPDATE node SET steady_since = now() - interval '16 s' WHERE node_id = $1`, [node])
  expect(await expire()).toBe(1)
  expect((await rowOf(lost[0]!)).state).toBe(DeliveryState.unsure)
  for (const id of [...mine, ...theirs]) expect((await rowOf(id)).state).toBe(DeliveryState.leased)
})

test('a sign of life without a gap keeps its beginning; looking after leases is one', async () => {
  const [before] = await fresh.db.query('SELECT steady_since AS at FROM node')
  await beat(fresh.db, node, 'deliver')
  expect(await fresh.db.query('SELECT steady_since AS at FROM node')).toEqual([before])
  await silent(node)
  await expire()
  const [after] = await fresh.db.query<{ seen: boolean; anew: boolean }>(
    `SELECT seen_at > now() - interval '5 s' AS seen, steady_since > now() - interval '5 s' AS anew FROM node`,
  )
  expect(after).toEqual({ seen: true, anew: true })
})

test('an outcome ends the lease and is a row of the trace; a deferral says when again', async () => {
  const [done, again] = await deliveries(2, { state: DeliveryState.leased, lease: node, due: 60 })
  const moved = await writeOutcomes(fresh.db, node, [
    outcome(done!, { reply: 'Ok\0 \ud800 queued as 4xYz' }),
    outcome(again!, {
      outcome: AttemptOutcome.deferred,
      state: DeliveryState.deferred,
      reason: 'host-tempfail',
      againIn: 120_000,
      code: 0,
    }),
  ])
  expect(moved).toHaveLength(2)
  expect(await rowOf(done!)).toMatchObject({ state: DeliveryState.delivered, lease: null, attempts: 1, finished: true })
  const row = await rowOf(again!)
  expect(row).toMatchObject({ state: DeliveryState.deferred, reason: 'host-tempfail', attempts: 1, finished: false })
  expect(row.wait).toBeGreaterThan(115)
  expect(row.wait).toBeLessThanOrEqual(120)
  const [attempt] = await fresh.db.query('SELECT reply, smtp_code FROM attempt WHERE delivery_id = $1', [done!])
  expect(attempt).toEqual({ reply: 'Ok \ufffd queued as 4xYz', smtp_code: 250 })
  const [silent] = await fresh.db.query('SELECT smtp_code FROM attempt WHERE delivery_id = $1', [again!])
  expect(silent).toEqual({ smtp_code: null })
})

test('the outcome of a lease that was lost: moves nothing that another holds or finished, but settles what is unsure', async () => {
  const other = newId(Date.now())
  const [theirs] = await deliveries(1, { state: DeliveryState.leased, lease: other, due: 60 })
  const [finished] = await deliveries(1, { state: DeliveryState.cancelled })
  const [unsure] = await deliveries(1, { state: DeliveryState.unsure, due: 900 })
  const moved = await writeOutcomes(fresh.db, node, [outcome(theirs!), outcome(finished!), outcome(unsure!)])
  expect(moved.map((one) => one.deliveryId)).toEqual([unsure])
  expect(await rowOf(theirs!)).toMatchObject({ state: DeliveryState.leased, lease: other, attempts: 0 })
  expect((await rowOf(finished!)).state).toBe(DeliveryState.cancelled)
  expect((await rowOf(unsure!)).state).toBe(DeliveryState.delivered)
  expect(await attemptsOf(theirs!)).toEqual([])
  expect(await attemptsOf(finished!)).toEqual([])
})

test('what was held, and what the return attempts, is a row of the ledger; ordinary traffic is not', async () => {
  const [plain] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 60 })
  const [held] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 60, held: true })
  const [returned] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 60 })
  const event = newId(Date.now())
  await writeOutcomes(fresh.db, node, [
    outcome(plain!),
    outcome(held!, { reply: 'queued as ABCD' }),
    outcome(returned!, { byReturn: true, returnEventId: event }),
  ])
  const rows = await fresh.db.query(
    `SELECT delivery_id AS id, return_event_id AS event, attempt_no AS n, outcome, proof, person_id AS person FROM ledger ORDER BY ledger_id`,
  )
  const person = org.people.alice!.personId
  expect(rows).toEqual([
    { id: held, event: null, n: 1, outcome: AttemptOutcome.delivered, proof: '250 2.0.0 queued as ABCD', person },
    { id: returned, event, n: 1, outcome: AttemptOutcome.delivered, proof: '250 2.0.0 Ok', person },
  ])
})

test('what is parked is on the list an admin sees, once', async () => {
  const [id] = await deliveries(1, { state: DeliveryState.leased, lease: node, due: 60 })
  const parked = outcome(id!, {
    outcome: AttemptOutcome.refused,
    state: DeliveryState.parked,
    reason: 'sender-not-aligned',
  })
  await writeOutcomes(fresh.db, node, [parked])
  await writeOutcomes(fresh.db, node, [parked])
  expect(await fresh.db.query('SELECT delivery_id AS id, reason FROM parking')).toEqual([
    { id, reason: 'sender-not-aligned' },
  ])
  expect(await attemptsOf(id!)).toHaveLength(1)
})
