/** What the return claims: in order for each person, nobody hidden by others, no further than what must wait. */
import { expect, test } from 'vitest'
import { ids, useReturnStage } from '../../../testkit/return-fixture.ts'
import { DeliveryState } from '../../platform/codes.ts'
import { openPassage } from '../../store/claims.ts'
import { CLAIM_WINDOW, claimOfPersons, claimOldestPerPerson, peopleWithOpen, returnRest } from '../../store/returns.ts'

const stage = useReturnStage()
const { claim, finish, owe, person, pretend, run } = stage

test('the oldest of each person, never two of one person, strangers by recipient', async () => {
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
  expect(await returnRest(stage.db, stage.org.routeId)).toEqual({ due: false, underWay: false, routeFault: false })
})

test('a limit takes the oldest first; two nodes never get the same', async () => {
  const made = [await owe({ person: 'alice' }), await owe({ person: 'bob' }), await owe({ person: 'carol' })]
  expect(ids(await claim(2))).toEqual(ids(made.slice(0, 2)))
  const both = await Promise.all([claim(5), claim(5), claim(5)])
  expect(both.flatMap(ids)).toEqual(ids(made.slice(2)))
})

test("a full mailbox's back-off lets later mail pass, a failure of the route does not", async () => {
  await owe({ person: 'alice', state: DeliveryState.deferred, reason: 'recipient-tempfail', inSeconds: 600 })
  const a2 = await owe({ person: 'alice' })
  await owe({ person: 'bob', state: DeliveryState.deferred, reason: 'connect-refused', inSeconds: 600 })
  await owe({ person: 'bob' })
  const unsure = await owe({ person: 'carol', state: DeliveryState.unsure })
  const claims = await claim()
  expect(ids(claims)).toEqual(ids([a2, unsure]))
  expect(claims.find((c) => c.deliveryId === unsure.deliveryId)).toMatchObject({ wasUnsure: true })
  expect(await returnRest(stage.db, stage.org.routeId)).toEqual({ due: true, underWay: true, routeFault: true })
})

test('several of a person in a row, up to the first that must wait; people are what is limited', async () => {
  const a = [await owe({ person: 'alice' }), await owe({ person: 'alice' }), await owe({ person: 'alice' })]
  const b1 = await owe({ person: 'bob' })
  await owe({ person: 'bob', state: DeliveryState.deferred, reason: 'connect-refused', inSeconds: 600 })
  await owe({ person: 'bob' })
  await owe({ person: 'carol' })
  const want = {
    organisationId: stage.org.organisationId,
    routeId: stage.org.routeId,
    nodeId: stage.me,
    leaseSeconds: 60,
  }
  const claims = await claimOldestPerPerson(stage.db, { ...want, limit: 2, depth: 2 })
  expect(ids(claims)).toEqual(ids([a[0]!, a[1]!, b1]))
  expect(claims.map(({ place }) => place)).toEqual([1, 2, 1])
  // Alice and Bob have something under way: nobody gets their later mail.
  expect(await claimOldestPerPerson(stage.db, { ...want, limit: 9, depth: 9 })).toHaveLength(1)
})

test('what somebody holds is passed over by its place, and the return gives back what came after it', async () => {
  const mine = [await owe({ person: 'alice' }), await owe({ person: 'alice' }), await owe({ person: 'alice' })]
  const others = [await owe({ person: 'bob' })]
  const worker = pretend(() => 'good')
  const blocked = stage.db.transaction(async (sql) => {
    await sql.query('SELECT FROM delivery WHERE delivery_id = $1 FOR UPDATE', [mine[1]!.deliveryId])
    const end = run(worker, () => true, { startAtOnce: 4, mostAtOnce: 4 })
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

test('who is pinned to waiting waits, and does not keep the return from ending', async () => {
  await owe({ person: 'alice' })
  const b = await owe({ person: 'bob' })
  const want = {
    organisationId: stage.org.organisationId,
    routeId: stage.org.routeId,
    limit: 9,
    nodeId: stage.me,
    leaseSeconds: 60,
  }
  const pins = { ...openPassage, waitPersons: [person('alice')] }
  const claims = await claimOldestPerPerson(stage.db, { ...want, pins })
  expect(ids(claims)).toEqual([b.deliveryId])
  expect(await claimOfPersons(stage.db, { ...want, pins, personIds: [person('alice')] })).toEqual([])
  await finish(claims)
  expect(await returnRest(stage.db, stage.org.routeId, pins)).toMatchObject({ due: false, underWay: false })
  expect(await returnRest(stage.db, stage.org.routeId)).toMatchObject({ due: true })
})

test('one person with most of the mail does not hide the others', async () => {
  const o = stage.org.organisationId
  await stage.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
     SELECT $1, gen_random_uuid(), now(), 1, '', 1, '\\x00', 1, '\\x00' FROM generate_series(1, 1)`,
    [o],
  )
  await stage.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, held, accepted_at)
     SELECT $1, gen_random_uuid(), (SELECT message_id FROM message LIMIT 1), 'a@b', $2, $3, 0, now() - interval '1 hour', true, now()
     FROM generate_series(1, 1000)`,
    [o, person('alice'), stage.org.routeId],
  )
  const b = await owe({ person: 'bob' })
  const c = await owe({ person: 'carol' })
  expect(await claim()).toHaveLength(1)
  const personIds = await peopleWithOpen(stage.db, o, null)
  expect(personIds).toEqual(['alice', 'bob', 'carol'].map(person).sort())
  expect(await peopleWithOpen(stage.db, o, personIds[1]!)).toEqual(personIds.slice(2))
  const want = {
    organisationId: o,
    routeId: stage.org.routeId,
    limit: 10,
    nodeId: stage.me,
    leaseSeconds: 60,
    personIds,
  }
  expect(ids(await claimOfPersons(stage.db, want))).toEqual(ids([b, c]))
})

test('a person who waits with most of the mail does not hide those without a person', async () => {
  for (let i = 0; i < CLAIM_WINDOW + 20; i++) await owe({ person: 'alice' })
  const stranger = await owe({ recipient: 'new@corp.test' })
  const want = {
    organisationId: stage.org.organisationId,
    routeId: stage.org.routeId,
    limit: 9,
    nodeId: stage.me,
    leaseSeconds: 60,
  }
  expect(ids(await claimOldestPerPerson(stage.db, { ...want, except: [person('alice')] }))).toEqual([
    stranger.deliveryId,
  ])
})
