/** Claims in order, the runner against a pretended delivery room, and what a person deletes while it is owed. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { AttemptOutcome, DeliveryState, EvidenceKind, Mode, OwedState, StandardFolder } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import {
  CLAIM_WINDOW,
  claimOfPersons,
  claimOldestPerPerson,
  closeReturnEvent,
  ledgerPage,
  openReturnEvent,
  peopleWithOpen,
  returnEvents,
  returnNumbers,
  returnRest,
} from '../../store/returns.ts'
import { addSentOwed, countSentOwed } from '../../store/owed.ts'
import { confirmDeletions, readDeletions } from './deletions.ts'
import { createOwedMail } from './owed.ts'
import type { AttemptResult, ClaimedDelivery, ReturnWorker } from './ports.ts'
import { runReturn, type RunEnd } from './runner.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let me: Id

beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], mode: Mode.recovering })
  me = newId(Date.now())
})
afterEach(() => fresh.drop())
// Messages here have no bytes and copies no place, and the pretended delivery room writes less than the real one (roles/main-job.db.test.ts).
afterEach(() =>
  expectSound(fresh.db, null, {
    except: [
      'body-row',
      'copy-placed',
      'delivery-proof',
      'delivery-finished',
      'delivery-lease',
      'delivery-visible',
      'ledger-attempt',
      'ledger-event',
      'return-proof',
      'folder-counters',
      'folder-uidnext',
    ],
  }),
)

const person = (name: string): Id => org.people[name]!.personId

interface Owe {
  person?: string
  recipient?: string
  state?: number
  reason?: string
  inSeconds?: number
  messageId?: Id
}

/** An owed delivery with message and copy; ids in the order of the calls. */
async function owe(wish: Owe = {}): Promise<{ deliveryId: Id; copyId: Id; messageId: Id }> {
  const deliveryId = newId(Date.now())
  const copyId = newId(Date.now())
  const messageId = wish.messageId ?? newId(Date.now())
  const o = org.organisationId
  await fresh.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix, subject)
     VALUES ($1, $2, now(), 1, 'x@y.test', 10, '\\x00', 1, '\\x00', 'hello') ON CONFLICT DO NOTHING`,
    [o, messageId],
  )
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, reason, next_attempt, held, accepted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), true, now())`,
    [
      o,
      deliveryId,
      messageId,
      wish.recipient ?? `${wish.person ?? 'nobody'}@${org.domain}`,
      wish.person ? person(wish.person) : null,
      org.routeId,
      wish.state ?? DeliveryState.ready,
      wish.reason ?? null,
      wish.inSeconds ?? 0,
    ],
  )
  if (wish.person)
    await fresh.db.query(
      `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id)
       VALUES ($1, $2, $3, $4, 1, 'infinity', 'owed', $5, $2)`,
      [o, copyId, messageId, person(wish.person), deliveryId],
    )
  return { deliveryId, copyId, messageId }
}

const claim = (limit = 10): Promise<ClaimedDelivery[]> =>
  claimOldestPerPerson(fresh.db, {
    organisationId: org.organisationId,
    routeId: org.routeId,
    limit,
    nodeId: me,
    leaseSeconds: 60,
  })
const ids = (claims: readonly { deliveryId: Id }[]): Id[] => claims.map((c) => c.deliveryId)

async function finish(claims: readonly { deliveryId: Id }[], state: number = DeliveryState.delivered): Promise<void> {
  for (const { deliveryId } of claims)
    await fresh.db.query('UPDATE delivery SET state = $2, lease = NULL, finished_at = now() WHERE delivery_id = $1', [
      deliveryId,
      state,
    ])
}

test('claims: the oldest of each person, never two of one person, strangers by recipient', async () => {
  const a1 = await owe({ person: 'alice' })
  const a2 = await owe({ person: 'alice' })
  const b1 = await owe({ person: 'bob' })
  const s1 = await owe({ recipient: 's@x.test' })
  const s2 = await owe({ recipient: 's@x.test' })
  const t1 = await owe({ recipient: 't@x.test' })
  const first = await claim()
  expect(ids(first)).toEqual(ids([a1, b1, s1, t1]))
  expect(first[0]).toMatchObject({ personId: person('alice'), envelopeFrom: 'x@y.test', held: true, wasUnsure: false })
  expect(await claim()).toEqual([])
  await finish([a1, s1])
  expect(ids(await claim())).toEqual(ids([a2, s2]))
  expect(ids(await claim())).toEqual([])
  await finish([b1, t1, a2, s2])
  expect(await returnRest(fresh.db, org.routeId)).toEqual({ due: false, underWay: false, routeFault: false })
})

test('claims: a limit takes the oldest first; two nodes never get the same', async () => {
  const made = [await owe({ person: 'alice' }), await owe({ person: 'bob' }), await owe({ person: 'carol' })]
  expect(ids(await claim(2))).toEqual(ids(made.slice(0, 2)))
  const both = await Promise.all([claim(5), claim(5), claim(5)])
  expect(both.flatMap(ids)).toEqual(ids(made.slice(2)))
})

test("claims: a full mailbox's back-off lets later mail pass, a failure of the route does not", async () => {
  await owe({ person: 'alice', state: DeliveryState.deferred, reason: 'recipient-tempfail', inSeconds: 600 })
  const a2 = await owe({ person: 'alice' })
  await owe({ person: 'bob', state: DeliveryState.deferred, reason: 'connect-refused', inSeconds: 600 })
  await owe({ person: 'bob' })
  const unsure = await owe({ person: 'carol', state: DeliveryState.unsure })
  const claims = await claim()
  expect(ids(claims)).toEqual(ids([a2, unsure]))
  expect(claims.find((c) => c.deliveryId === unsure.deliveryId)).toMatchObject({ wasUnsure: true })
  expect(await returnRest(fresh.db, org.routeId)).toEqual({ due: true, underWay: true, routeFault: true })
})

test('claims: several of a person in a row, up to the first that must wait; people are what is limited', async () => {
  const a = [await owe({ person: 'alice' }), await owe({ person: 'alice' }), await owe({ person: 'alice' })]
  const b1 = await owe({ person: 'bob' })
  await owe({ person: 'bob', state: DeliveryState.deferred, reason: 'connect-refused', inSeconds: 600 })
  await owe({ person: 'bob' })
  await owe({ person: 'carol' })
  const want = { organisationId: org.organisationId, routeId: org.routeId, nodeId: me, leaseSeconds: 60 }
  const claims = await claimOldestPerPerson(fresh.db, { ...want, limit: 2, depth: 2 })
  expect(ids(claims)).toEqual(ids([a[0]!, a[1]!, b1]))
  expect(claims.map(({ place }) => place)).toEqual([1, 2, 1])
  // Alice and Bob have something under way: nobody gets their later mail.
  expect(await claimOldestPerPerson(fresh.db, { ...want, limit: 9, depth: 9 })).toHaveLength(1)
})

test('claims: what somebody holds is passed over by its place, and the return gives back what came after it', async () => {
  const mine = [await owe({ person: 'alice' }), await owe({ person: 'alice' }), await owe({ person: 'alice' })]
  const others = [await owe({ person: 'bob' })]
  const worker = pretend(() => 'good')
  const blocked = fresh.db.transaction(async (sql) => {
    await sql.query('SELECT FROM delivery WHERE delivery_id = $1 FOR UPDATE', [mine[1]!.deliveryId])
    const end = run(worker, () => true, {}, { startAtOnce: 4, mostAtOnce: 4 })
    while (worker.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(ids(worker.log).sort()).toEqual(ids([mine[0]!, ...others]).sort())
    return { end }
  })
  await (
    await blocked
  ).end
  expect(ids(worker.log.filter((c) => c.personId === person('alice')))).toEqual(ids(mine))
})

test('claims: who is pinned to waiting waits, and does not keep the return from ending', async () => {
  await owe({ person: 'alice' })
  const b = await owe({ person: 'bob' })
  const want = { organisationId: org.organisationId, routeId: org.routeId, limit: 9, nodeId: me, leaseSeconds: 60 }
  const except = [person('alice')]
  const claims = await claimOldestPerPerson(fresh.db, { ...want, except })
  expect(ids(claims)).toEqual([b.deliveryId])
  expect(await claimOfPersons(fresh.db, { ...want, except, personIds: except })).toEqual([])
  await finish(claims)
  expect(await returnRest(fresh.db, org.routeId, except)).toMatchObject({ due: false, underWay: false })
  expect(await returnRest(fresh.db, org.routeId)).toMatchObject({ due: true })
})

test('claims: one person with most of the mail does not hide the others', async () => {
  const o = org.organisationId
  await fresh.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
     SELECT $1, gen_random_uuid(), now(), 1, '', 1, '\\x00', 1, '\\x00' FROM generate_series(1, 1)`,
    [o],
  )
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, held, accepted_at)
     SELECT $1, gen_random_uuid(), (SELECT message_id FROM message LIMIT 1), 'a@b', $2, $3, 0, now() - interval '1 hour', true, now()
     FROM generate_series(1, 1000)`,
    [o, person('alice'), org.routeId],
  )
  const b = await owe({ person: 'bob' })
  const c = await owe({ person: 'carol' })
  expect(await claim()).toHaveLength(1)
  const personIds = await peopleWithOpen(fresh.db, o, null)
  expect(personIds).toEqual(['alice', 'bob', 'carol'].map(person).sort())
  expect(await peopleWithOpen(fresh.db, o, personIds[1]!)).toEqual(personIds.slice(2))
  const want = { organisationId: o, routeId: org.routeId, limit: 10, nodeId: me, leaseSeconds: 60, personIds }
  expect(ids(await claimOfPersons(fresh.db, want))).toEqual(ids([b, c]))
})

test('claims: a person who waits with most of the mail does not hide those without a person', async () => {
  for (let i = 0; i < CLAIM_WINDOW + 20; i++) await owe({ person: 'alice' })
  const stranger = await owe({ recipient: 'new@corp.test' })
  const want = { organisationId: org.organisationId, routeId: org.routeId, limit: 9, nodeId: me, leaseSeconds: 60 }
  expect(ids(await claimOldestPerPerson(fresh.db, { ...want, except: [person('alice')] }))).toEqual([
    stranger.deliveryId,
  ])
})

/** A delivery room that answers by a rule and moves the rows as the real one does. */
function pretend(
  rule: (claim: ClaimedDelivery, n: number) => 'good' | 'mailbox-full' | 'route-down',
  eventId: Id | null = null,
): ReturnWorker & { log: ClaimedDelivery[]; most: number } {
  let now = 0
  const worker = {
    log: [] as ClaimedDelivery[],
    most: 0,
    async attempt(claims: ClaimedDelivery[], ended: (results: AttemptResult[]) => void): Promise<void> {
      const lanes = new Map<string, ClaimedDelivery[]>()
      for (const one of claims) {
        const owner = one.personId ?? one.recipient
        lanes.set(owner, [...(lanes.get(owner) ?? []), one])
      }
      await Promise.all(
        [...lanes.values()].map(async (lane) => {
          let isDown = false
          for (const one of lane) {
            if (isDown) {
              await fresh.db.query(
                'UPDATE delivery SET state = 0, lease = NULL, next_attempt = now() WHERE delivery_id = $1',
                [one.deliveryId],
              )
              ended([
                {
                  deliveryId: one.deliveryId,
                  outcome: AttemptOutcome.deferred,
                  evidence: EvidenceKind.neutral,
                  tried: false,
                },
              ])
              continue
            }
            const result = await worker.one(one)
            isDown = result.evidence === EvidenceKind.connectRefused
            ended([result])
          }
        }),
      )
    },
    async one(one: ClaimedDelivery): Promise<AttemptResult> {
      worker.most = Math.max(worker.most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 3))
      worker.log.push(one)
      const what = rule(one, worker.log.length)
      const good = what === 'good'
      const reason = what === 'mailbox-full' ? 'recipient-tempfail' : 'connect-refused'
      await fresh.db.query(
        `UPDATE delivery SET state = $2, lease = NULL, reason = $3, next_attempt = now() + interval '60 s', attempts = attempts + 1 WHERE delivery_id = $1`,
        [one.deliveryId, good ? DeliveryState.delivered : DeliveryState.deferred, good ? 'delivered' : reason],
      )
      const outcome = good ? AttemptOutcome.delivered : AttemptOutcome.deferred
      await fresh.db.query(
        `INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, '250 ok')`,
        [
          one.organisationId,
          newId(Date.now()),
          eventId,
          one.routeId,
          one.personId,
          one.deliveryId,
          one.messageId,
          outcome,
        ],
      )
      now -= 1
      return {
        deliveryId: one.deliveryId,
        outcome,
        evidence: good
          ? EvidenceKind.good
          : what === 'mailbox-full'
            ? EvidenceKind.neutral
            : EvidenceKind.connectRefused,
      }
    },
  }
  return worker
}

const run = (
  worker: ReturnWorker,
  goOn = (): boolean => true,
  more: { perPersonPerMinute?: number } = {},
  pace: { startAtOnce: number; mostAtOnce: number } = { startAtOnce: 1, mostAtOnce: 4 },
): Promise<RunEnd> =>
  runReturn(
    { db: fresh.db, clock: systemClock, log: silentLog, nodeId: me, leaseSeconds: 60, worker },
    { organisationId: org.organisationId, routeId: org.routeId },
    { ...pace, ...more },
    goOn,
  )

test('the return: everything goes home, in order for each person, slowly at first, and it says when it is done', async () => {
  const eventId = newId(Date.now())
  const names = ['alice', 'bob', 'carol']
  for (let i = 0; i < 60; i++) await owe({ person: names[i % 3]! })
  const full = await owe({ person: 'bob' })
  const worker = pretend((one) => (one.deliveryId === full.deliveryId ? 'mailbox-full' : 'good'), eventId)
  expect(await run(worker)).toEqual({ kind: 'drained' })
  expect(worker.log).toHaveLength(61)
  for (const name of names) {
    const mine = worker.log.filter((c) => c.personId === person(name)).map((c) => c.deliveryId)
    expect(mine).toEqual([...mine].sort())
  }
  expect(worker.most).toBeLessThanOrEqual(4)
  expect(worker.most).toBeGreaterThan(1)
  const of = { organisationId: org.organisationId, routeId: org.routeId, returnEventId: eventId }
  expect(await returnNumbers(fresh.db, of)).toEqual({
    total: 61,
    home: 60,
    pending: 1,
    unsure: 0,
    refused: 0,
    cancelled: 0,
  })
  const first = await ledgerPage(fresh.db, org.organisationId, eventId, { after: null, limit: 40 })
  const rest = await ledgerPage(fresh.db, org.organisationId, eventId, { after: first.at(-1)!.ledgerId, limit: 40 })
  expect(first.length + rest.length).toBe(61)
  expect(first[0]).toMatchObject({ person: 'Alice', subject: 'hello', proof: '250 ok', attemptNo: 1 })
})

test('a pace for each person: nobody gets more than so many a minute, and everything goes home all the same', async () => {
  for (let i = 0; i < 8; i++) await owe({ person: i % 2 ? 'alice' : 'bob' })
  await owe({ recipient: 's@x.test' })
  const good = pretend(() => 'good')
  const begun: { to: Id | null; at: number }[] = []
  const timed: ReturnWorker = {
    attempt(claims, ended) {
      for (const { personId } of claims) begun.push({ to: personId, at: systemClock.monotonic() })
      return good.attempt(claims, ended)
    },
  }
  expect(await run(timed, () => true, { perPersonPerMinute: 100 })).toEqual({ kind: 'drained' })
  expect(good.log).toHaveLength(9)
  for (const name of ['alice', 'bob']) {
    const times = begun.filter(({ to }) => to === person(name)).map(({ at }) => at)
    expect(times).toHaveLength(4)
    const gaps = times.slice(1).map((at, i) => at - times[i]!)
    // 600 ms apart; the clock here is looked at a moment after the runner's.
    expect(Math.min(...gaps)).toBeGreaterThan(550)
  }
})

test('the return stops on bad evidence after a few attempts; continued, it starts with what failed, in order', async () => {
  for (let i = 0; i < 12; i++) await owe({ person: i % 2 ? 'alice' : 'bob' })
  const down = pretend((_, n) => (n > 3 ? 'route-down' : 'good'))
  // Two people only: each blocks behind its own failure, so failures come slowly here; the judge would notice by probes.
  let seen = 0
  const end = await run(down, () => ++seen < 60)
  expect(['fallback', 'stopped']).toContain(end.kind)
  expect(down.log.length).toBeLessThan(12)
  const up = pretend(() => 'good')
  expect(await run(up)).toEqual({ kind: 'drained' })
  for (const name of ['alice', 'bob']) {
    const delivered = [...down.log.slice(0, 3), ...up.log].filter((c) => c.personId === person(name))
    expect(ids(delivered)).toEqual([...new Set(ids(delivered))].sort())
    expect(delivered).toHaveLength(6)
  }
})

test('one message that always fails neither stops the return nor keeps it from ending, once the primary answered others', async () => {
  const poison = await owe({ person: 'alice' })
  for (let i = 0; i < 6; i++) await owe({ person: 'bob' })
  const later = await owe({ person: 'alice' })
  const worker = pretend((one) => (one.deliveryId === poison.deliveryId ? 'route-down' : 'good'))
  const answers = systemClock.every(200, () => {
    void fresh.db.query(
      `INSERT INTO evidence (organisation_id, route_id, second, kind, seen)
       VALUES ($1, $2, date_trunc('second', clock_timestamp()), ${EvidenceKind.probeGood}, 1) ON CONFLICT DO NOTHING`,
      [org.organisationId, org.routeId],
    )
  })
  expect(await run(worker)).toEqual({ kind: 'drained' })
  answers.cancel()
  expect(await stateOf(poison.deliveryId)).toEqual({ state: DeliveryState.deferred, reason: 'message-tempfail' })
  expect(await stateOf(later.deliveryId)).toMatchObject({ state: DeliveryState.delivered })
  expect(worker.log.filter((c) => c.deliveryId === poison.deliveryId).length).toBeLessThanOrEqual(4)
})

test('the return asks for a fall-back when attempt after attempt fails', async () => {
  for (let i = 0; i < 20; i++) await owe({ recipient: `r${i}@x.test` })
  const down = pretend(() => 'route-down')
  expect(await run(down)).toMatchObject({ kind: 'fallback' })
  expect(down.log.length).toBeLessThanOrEqual(6)
})

test('a message to several people is handed over in one call', async () => {
  const messageId = newId(Date.now())
  for (const name of ['alice', 'bob', 'carol']) await owe({ person: name, messageId })
  const calls: number[] = []
  const worker = pretend(() => 'good')
  const counting: ReturnWorker = {
    attempt: (claims, ended) => {
      calls.push(claims.length)
      return worker.attempt(claims, ended)
    },
  }
  await runReturn(
    { db: fresh.db, clock: systemClock, log: silentLog, nodeId: me, leaseSeconds: 60, worker: counting },
    { organisationId: org.organisationId, routeId: org.routeId },
    { startAtOnce: 4, mostAtOnce: 4 },
    () => true,
  )
  expect(calls).toEqual([3])
})

const owedMail = createOwedMail({ clock: systemClock })
const by = (name: string, copies: readonly { copyId: Id }[]) => ({
  organisationId: org.organisationId,
  personId: person(name),
  copyIds: copies.map((c) => c.copyId),
  actor: `person:${person(name)}`,
})
const stateOf = async (id: Id) =>
  (
    await fresh.db.query<{ state: number; reason: string }>(
      'SELECT state, reason FROM delivery WHERE delivery_id = $1',
      [id],
    )
  )[0]!

test('deleted while owed: not sent home; undo owes it again; both are in the ledger', async () => {
  const [mine, theirs] = [await owe({ person: 'alice' }), await owe({ person: 'bob' })]
  const result = await fresh.db.transaction((sql) => owedMail.cancelOwed(sql, by('alice', [mine, theirs])))
  expect(result).toEqual({ cancelled: [mine.copyId], needConfirmation: [], underWay: [] })
  expect(await stateOf(mine.deliveryId)).toEqual({ state: DeliveryState.cancelled, reason: 'deleted-by-person' })
  expect(await stateOf(theirs.deliveryId)).toMatchObject({ state: DeliveryState.ready })
  expect(ids(await claim())).toEqual([theirs.deliveryId])
  const back = await fresh.db.transaction((sql) => owedMail.restoreOwed(sql, by('alice', [mine])))
  expect(back).toEqual({ restored: [mine.copyId] })
  expect(await stateOf(mine.deliveryId)).toEqual({ state: DeliveryState.ready, reason: 'undeleted-by-person' })
  expect(ids(await claim())).toEqual([mine.deliveryId])
  const ledger = await fresh.db.query<{ outcome: number }>('SELECT outcome FROM ledger ORDER BY ledger_id')
  expect(ledger.map((r) => r.outcome)).toEqual([AttemptOutcome.cancelled, AttemptOutcome.deferred])
})

test('a person under two addresses: one copy, two deliveries, both follow it', async () => {
  const one = await owe({ person: 'alice' })
  const two = newId(Date.now())
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, held, accepted_at)
     SELECT organisation_id, $2, message_id, 'alice+second@x', person_id, route_id, state, next_attempt, held, accepted_at
     FROM delivery WHERE delivery_id = $1`,
    [one.deliveryId, two],
  )
  await place(one.copyId, StandardFolder.trash)
  expect(await readDeletions(fresh.db, alice())).toMatchObject({ waiting: 1 })
  expect(await owedMail.cancelOwed(fresh.db, by('alice', [one]))).toEqual({
    cancelled: [one.copyId],
    needConfirmation: [],
    underWay: [],
  })
  for (const id of [one.deliveryId, two]) expect(await stateOf(id)).toMatchObject({ state: DeliveryState.cancelled })
  expect(await owedMail.restoreOwed(fresh.db, by('alice', [one]))).toEqual({ restored: [one.copyId] })
  for (const id of [one.deliveryId, two]) expect(await stateOf(id)).toMatchObject({ state: DeliveryState.ready })
})

test('what is just being sent, or may have been, is left alone', async () => {
  const leased = await owe({ person: 'alice', state: DeliveryState.leased, inSeconds: 60 })
  const unsure = await owe({ person: 'alice', state: DeliveryState.unsure })
  const gone = await owe({ person: 'alice', state: DeliveryState.delivered })
  const result = await owedMail.cancelOwed(fresh.db, by('alice', [leased, unsure, gone]))
  expect(result).toEqual({ cancelled: [], needConfirmation: [], underWay: [leased.copyId, unsure.copyId] })
  expect(await stateOf(leased.deliveryId)).toMatchObject({ state: DeliveryState.leased })
})

test('the brake: mass deletion stays owed until confirmed; a few at a time count together', async () => {
  const mails = []
  for (let i = 0; i < 60; i++) mails.push(await owe({ person: 'alice' }))
  const all = await owedMail.cancelOwed(fresh.db, by('alice', mails))
  expect(all.cancelled).toEqual([])
  expect(all.needConfirmation).toHaveLength(60)
  expect((await owedMail.cancelOwed(fresh.db, by('alice', mails.slice(0, 15)))).cancelled).toHaveLength(15)
  expect((await owedMail.cancelOwed(fresh.db, by('alice', mails.slice(15, 20)))).cancelled).toHaveLength(5)
  expect((await owedMail.cancelOwed(fresh.db, by('alice', mails.slice(20, 21)))).needConfirmation).toHaveLength(1)
  // Taking some back makes room again.
  expect((await owedMail.restoreOwed(fresh.db, by('alice', mails.slice(0, 5)))).restored).toHaveLength(5)
  expect((await owedMail.cancelOwed(fresh.db, by('alice', mails.slice(20, 21)))).cancelled).toHaveLength(1)
  const confirmed = await owedMail.cancelOwed(fresh.db, { ...by('alice', mails), confirmed: true })
  expect(confirmed.cancelled).toHaveLength(60 - 16)
  expect(await owedMail.cancelOwed(fresh.db, { ...by('alice', mails), confirmed: true })).toMatchObject({
    cancelled: [],
  })
})

/** Puts a copy into a folder; a tombstone says that it was there. */
async function place(copyId: Id, folderNo: number, gone = false): Promise<void> {
  await fresh.db.query(
    `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size, tombstone)
     SELECT c.organisation_id, person_id, $2, (SELECT count(*) + 1 FROM placement), copy_id, message_id, thread_id, 1, 1, 10, CASE WHEN $3 THEN now() END
     FROM copy c WHERE copy_id = $1`,
    [copyId, folderNo, gone],
  )
}
const alice = () => ({ organisationId: org.organisationId, personId: person('alice') })
const confirm = (seen: number) => confirmDeletions({ db: fresh.db, clock: systemClock }, { ...alice(), seen })

test('deleted here and still owed is what lies in Trash or nowhere any more, and only the own', async () => {
  const { inbox, trash } = StandardFolder
  const kept = await owe({ person: 'alice' })
  await place(kept.copyId, inbox)
  const trashed = await owe({ person: 'alice' })
  await place(trashed.copyId, inbox, true)
  await place(trashed.copyId, trash)
  const destroyed = await owe({ person: 'alice', state: DeliveryState.deferred, inSeconds: 60 })
  await place(destroyed.copyId, inbox, true)
  const back = await owe({ person: 'alice' })
  await place(back.copyId, trash, true)
  await place(back.copyId, inbox)
  await owe({ person: 'alice' }) // never had a place: no emergency mailbox
  const underWay = await owe({ person: 'alice', state: DeliveryState.leased, inSeconds: 60 })
  await place(underWay.copyId, trash)
  const theirs = await owe({ person: 'bob' })
  await place(theirs.copyId, trash)
  expect(await readDeletions(fresh.db, alice())).toMatchObject({ waiting: 2 })
  await expect(confirm(1)).rejects.toMatchObject({ code: 'conflict' })
  expect(await confirm(2)).toEqual({ cancelled: 2, waiting: 0 })
  for (const one of [trashed, destroyed])
    expect(await stateOf(one.deliveryId)).toEqual({ state: DeliveryState.cancelled, reason: 'deleted-by-person' })
  for (const one of [kept, back, theirs])
    expect(await stateOf(one.deliveryId)).toMatchObject({ state: DeliveryState.ready })
  expect(await readDeletions(fresh.db, alice())).toEqual({ waiting: 0, oldestAt: null, newestAt: null })
  expect(await fresh.db.query('SELECT action, detail FROM audit')).toEqual([
    { action: 'deletions-confirmed', detail: { cancelled: 2 } },
  ])
})

test('confirming a mass deletion passes the brake; taking one back while it is confirmed keeps it owed', async () => {
  const mails: { deliveryId: Id; copyId: Id }[] = []
  for (let i = 0; i < 30; i++) mails.push(await owe({ person: 'alice' }))
  for (const { copyId } of mails) await place(copyId, StandardFolder.trash)
  expect((await owedMail.cancelOwed(fresh.db, by('alice', mails))).needConfirmation).toHaveLength(30)
  expect(await readDeletions(fresh.db, alice())).toMatchObject({ waiting: 30 })
  // A move out of Trash that holds its locks first: what is confirmed waits for it, and then leaves that one alone.
  const { confirming } = await fresh.db.transaction(async (sql) => {
    await sql.query('UPDATE placement SET folder_no = 1 WHERE copy_id = $1', [mails[0]!.copyId])
    await owedMail.restoreOwed(sql, by('alice', mails.slice(0, 1)))
    const confirming = confirm(30)
    await new Promise((resolve) => setTimeout(resolve, 200))
    return { confirming }
  })
  expect(await confirming).toEqual({ cancelled: 29, waiting: 0 })
  expect(await stateOf(mails[0]!.deliveryId)).toMatchObject({ state: DeliveryState.ready })
})

test('sent mail with an SMTP-only way home stays here, with the reason; with another way it is owed and can be cancelled', async () => {
  const item = async () => ({
    organisationId: org.organisationId,
    owedId: newId(Date.now()),
    routeId: org.routeId,
    personId: person('alice'),
    copyId: (await owe({ person: 'alice' })).copyId,
  })
  const [first, second] = [await item(), await item()]
  await addSentOwed(fresh.db, [first])
  await addSentOwed(fresh.db, [first])
  await fresh.db.query('UPDATE route SET way_back = 2 WHERE route_id = $1', [org.routeId])
  await addSentOwed(fresh.db, [second])
  const rows = await fresh.db.query('SELECT state, reason FROM owed_item ORDER BY owed_id')
  expect(rows).toEqual([
    { state: OwedState.staysHere, reason: 'no-way-home-smtp' },
    { state: OwedState.owed, reason: 'accepted' },
  ])
  expect(await countSentOwed(fresh.db, org.organisationId, person('alice'))).toBe(2)
  await owedMail.cancelOwed(fresh.db, by('alice', [second]))
  expect(await countSentOwed(fresh.db, org.organisationId, person('alice'))).toBe(1)
  await owedMail.restoreOwed(fresh.db, by('alice', [second]))
  expect(await countSentOwed(fresh.db, org.organisationId, person('alice'))).toBe(2)
})

test('deleted, taken back and deleted again is one deleted message; an outage without owed mail is not listed', async () => {
  const eventId = newId(Date.now())
  const of = { organisationId: org.organisationId, routeId: org.routeId, returnEventId: eventId }
  await openReturnEvent(fresh.db, of)
  await fresh.db.query('UPDATE route_mode SET return_event_id = $2 WHERE route_id = $1', [org.routeId, eventId])
  const listed = async () =>
    (await returnEvents(fresh.db, org.organisationId, { before: null, limit: 10 })).map((event) => event.returnEventId)
  expect(await listed()).toEqual([])
  for (let i = 0; i < 3; i++) await owe({ person: 'bob' })
  const { copyId } = await owe({ person: 'alice' })
  expect(await listed()).toEqual([eventId])
  const owed = createOwedMail({ clock: systemClock })
  const mine = { ...of, personId: person('alice'), copyIds: [copyId], actor: 'person:alice' }
  await fresh.db.transaction((sql) => owed.cancelOwed(sql, mine))
  await fresh.db.transaction((sql) => owed.restoreOwed(sql, mine))
  expect(await returnNumbers(fresh.db, of)).toMatchObject({ total: 4, pending: 4, cancelled: 0 })
  await fresh.db.transaction((sql) => owed.cancelOwed(sql, mine))
  expect(await run(pretend(() => 'good', eventId))).toEqual({ kind: 'drained' })
  expect(await closeReturnEvent(fresh.db, of)).toEqual({
    total: 4,
    home: 3,
    pending: 0,
    unsure: 0,
    refused: 0,
    cancelled: 1,
  })
  expect(await listed()).toEqual([eventId])
  await fresh.db.query('UPDATE route_mode SET return_event_id = NULL WHERE route_id = $1', [org.routeId])
})
