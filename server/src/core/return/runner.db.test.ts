/** The runner against a pretended delivery room: order, pace, when it stops and when it is done. */
import { expect, test } from 'vitest'
import { ids, useReturnStage } from '../../../testkit/return-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState, EvidenceKind } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { CLAIM_WINDOW, ledgerPage, returnNumbers } from '../../store/returns.ts'
import type { ReturnWorker } from './ports.ts'

const stage = useReturnStage()
const { owe, person, pretend, run, stateOf } = stage

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
  const of = { organisationId: stage.org.organisationId, routeId: stage.org.routeId, returnEventId: eventId }
  expect(await returnNumbers(stage.db, of)).toEqual({
    total: 61,
    home: 60,
    pending: 1,
    unsure: 0,
    refused: 0,
    cancelled: 0,
  })
  const first = await ledgerPage(stage.db, stage.org.organisationId, eventId, { after: null, limit: 40 })
  const rest = await ledgerPage(stage.db, stage.org.organisationId, eventId, {
    after: first.at(-1)!.ledgerId,
    limit: 40,
  })
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
    void stage.db.query(
      `INSERT INTO evidence (organisation_id, route_id, second, kind, seen)
       VALUES ($1, $2, date_trunc('second', clock_timestamp()), ${EvidenceKind.probeGood}, 1) ON CONFLICT DO NOTHING`,
      [stage.org.organisationId, stage.org.routeId],
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
  await run(counting, () => true, { startAtOnce: 4, mostAtOnce: 4 })
  expect(calls).toEqual([3])
})

test('claims of two kinds are one row: a message to people of both goes when it is the turn of each', async () => {
  const early = await owe({ person: 'alice' })
  const messageId = newId(Date.now())
  const ofBob = await owe({ person: 'bob', messageId })
  const ofAlice = await owe({ person: 'alice', messageId })
  // Bob owns the whole window, so Alice is found by the second claim.
  for (let i = 0; i < CLAIM_WINDOW; i++) await owe({ person: 'bob', inSeconds: -3600 })
  await stage.db.query(`UPDATE delivery SET next_attempt = now() - interval '1 hour' WHERE delivery_id = $1`, [
    ofBob.deliveryId,
  ])
  const worker = pretend(() => 'good')
  const calls: Id[][] = []
  const noting: ReturnWorker = {
    attempt: (claims, ended) => {
      calls.push(ids(claims))
      return worker.attempt(claims, ended)
    },
  }
  let looks = 0
  await run(noting, () => ++looks < 2, { startAtOnce: 4, mostAtOnce: 4 })
  expect(calls[0]!.slice(0, 3)).toEqual(ids([early, ofBob, ofAlice]))
  expect(calls[0]).toEqual([...calls[0]!].sort())
})
