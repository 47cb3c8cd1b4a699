/**
 * Parked mail that an admin gives to a person: it goes on to them, is in their mailbox as if it had been accepted for them,
 * waits where their mail waits, and nothing of it is there or sent twice. Each run ends with a check of the database.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeList, makeRedirect } from '../../../testkit/factories.ts'
import { parkedFixture, type ParkedFixture } from '../../../testkit/parked-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { CopySource, DeliveryState } from '../../platform/codes.ts'
import type { WireError } from '../../platform/errors.ts'
import { idTime, newId, type Id } from '../../platform/ids.ts'
import { readAudit } from '../audit/index.ts'
import { threadIdOf } from '../routing/index.ts'
import { actOnDelivery, assignParked, searchTrace } from './index.ts'

const DAY = 86_400_000
let it: ParkedFixture
beforeAll(async () => {
  it = await parkedFixture()
})
afterAll(() => it.close())
afterEach(async () => {
  await it.pinRoute('normal')
  await it.pinRoute(null)
})

/** What the admin hears where it is refused. */
const refusal = async (deliveryId: Id, address: string): Promise<[string, string]> => {
  const error = (await it.assign(deliveryId, address).then(
    () => new Error('it was assigned'),
    (thrown: unknown) => thrown,
  )) as WireError
  return [error.code, error.message]
}
const alice = () => it.owner('alice').personId

test('it leaves the parking lot, is queued for the person by their own address, and is in their Inbox as at accept', async () => {
  const receivedAt = Date.now() - 20 * DAY
  const { id, messageId, messageIdHeader } = await it.parked(receivedAt)
  const inbox = () =>
    it.fresh.db.query<{ total: number; unseen: number; uidnext: number }>(
      'SELECT total, unseen, uidnext FROM folder WHERE person_id = $1 AND folder_no = 1',
      [alice()],
    )
  const [before] = await inbox()
  expect(await it.isParked(id)).toBe(true)
  const began = Date.now()
  expect(await it.assign(id, ' Alice@corp.test ')).toEqual({ address: 'Alice@corp.test', outcome: 'queued' })

  expect(await it.isParked(id)).toBe(false)
  expect(await it.deliveryOf(id)).toEqual({
    state: DeliveryState.ready,
    reason: 'assigned-by-admin',
    recipient: 'Alice@corp.test',
    personId: alice(),
    routeId: it.org.routeId,
    held: false,
    via: 'Unknown@corp.test',
    orcpt: 'rfc822;Unknown@corp.test',
    released: false,
    finishedAt: null,
  })
  const [copy, ...more] = await it.copiesOf(messageId, alice())
  expect(more).toEqual([])
  expect(copy).toMatchObject({
    source: CopySource.received,
    policy: 'organisation:14d',
    deliveryId: id,
    threadId: threadIdOf(alice(), messageIdHeader, id),
    placed: true,
    folder: 1,
  })
  // Its time is the message's; the person's right to it begins now, or it would be over.
  expect(idTime(copy!.copyId)).toBe(receivedAt)
  expect((copy!.expiresAt as Date).getTime()).toBeGreaterThanOrEqual(began + 14 * DAY)
  const [after] = await inbox()
  expect(after).toEqual({ total: before!.total + 1, unseen: before!.unseen + 1, uidnext: before!.uidnext + 1 })
  expect(await it.due()).toContain(id)
  const [audit] = await readAudit(it.fresh.db, it.org.organisationId, null, 1)
  expect(audit).toMatchObject({ action: 'parked-assigned', subject: `delivery:${id}`, actor: 'operator:boss' })
  expect(audit!.detail).toEqual({ message: messageId, from: 'Unknown@corp.test', to: 'Alice@corp.test' })
  // Who looks for the address that the sender wrote to still finds it.
  const { items } = await searchTrace(it.fresh.db, { ...it.org, q: 'unknown@corp.test', after: null, limit: 50 })
  expect(items.map((one) => one.messageId)).toContain(messageId)
})

test('in an emergency it is in the Inbox at once and waits with what is owed; under a hold as well', async () => {
  for (const pin of ['emergency', 'hold'] as const) {
    const { id, messageId } = await it.parked()
    await it.pinRoute(pin)
    expect(await it.assign(id, 'alice@corp.test')).toEqual({ address: 'alice@corp.test', outcome: 'waits' })
    expect(await it.deliveryOf(id)).toMatchObject({ state: DeliveryState.ready, held: true, personId: alice() })
    expect((await it.copiesOf(messageId, alice())).map(({ folder }) => folder)).toEqual([1])
    await it.pinRoute('normal')
  }
})

test('a pin of the person alone counts as it does at accept', async () => {
  const { id } = await it.parked()
  const pinBob = (pin: 'hold' | null) =>
    it.continuity.pins.pinTarget({
      ...it.org,
      target: 'person',
      targetId: it.owner('bob').personId,
      pin,
      reason: 'stolen',
      actor: 'operator:boss',
    })
  await pinBob('hold')
  expect((await it.assign(id, 'bob@corp.test')).outcome).toBe('waits')
  await pinBob(null)
  expect((await it.assign((await it.parked()).id, 'bob@corp.test')).outcome).toBe('queued')
})

test('scopes: only the rolling copy gives a copy without a place, none of them gives nothing; it goes on all the same', async () => {
  const [first, second] = [await it.parked(), await it.parked()]
  expect((await it.assign(first.id, it.carol.address)).outcome).toBe('queued')
  expect(await it.copiesOf(first.messageId, it.carol.personId)).toMatchObject([
    { policy: 'organisation:14d', placed: false, folder: null },
  ])
  expect((await it.assign(second.id, it.dave.address)).outcome).toBe('queued')
  expect(await it.copiesOf(second.messageId, it.dave.personId)).toEqual([])
  expect(await it.due()).toEqual(expect.arrayContaining([first.id, second.id]))
})

test('two admins at once: one wins, the other hears so, and it is there once', async () => {
  const { id, messageId } = await it.parked()
  const people = ['alice', 'bob', 'alice', 'bob']
  const ends = await Promise.allSettled(people.map((name) => it.assign(id, `${name}@corp.test`)))
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const end of ends)
    if (end.status === 'rejected') expect((end.reason as WireError).message).toMatch(/not parked any more/)
  const winner = people[ends.findIndex(({ status }) => status === 'fulfilled')]!
  expect(await it.deliveryOf(id)).toMatchObject({
    recipient: `${winner}@corp.test`,
    personId: it.owner(winner).personId,
  })
  const all = await it.fresh.db.query<{ personId: Id }>(
    'SELECT person_id AS "personId" FROM placement WHERE message_id = $1',
    [messageId],
  )
  expect(all).toEqual([{ personId: it.owner(winner).personId }])
})

test('one assigns while another releases or drops: never both', async () => {
  for (const act of ['release', 'drop'] as const) {
    const { id, messageId } = await it.parked()
    const [assigned, acted] = await Promise.allSettled([
      it.assign(id, 'alice@corp.test'),
      actOnDelivery(it.fresh.db, { ...it.org, deliveryId: id, act, actor: 'operator:two' }),
    ])
    expect([assigned.status, acted.status].sort()).toEqual(['fulfilled', 'rejected'])
    const isTheirs = assigned.status === 'fulfilled'
    expect((await it.deliveryOf(id)).personId).toBe(isTheirs ? alice() : null)
    expect(await it.copiesOf(messageId, alice())).toHaveLength(isTheirs ? 1 : 0)
  }
})

test('who has the message already gets no second place, and nothing is sent to them a second time', async () => {
  const message = await it.take(['alice@corp.test', 'one@corp.test', 'two@corp.test'])
  const own = message.of('alice@corp.test')
  expect(await it.assign(message.of('one@corp.test'), 'alice@corp.test')).toEqual({
    address: 'alice@corp.test',
    outcome: 'already',
  })
  expect(await it.copiesOf(message.messageId, alice())).toMatchObject([{ deliveryId: own, folder: 1 }])
  const ended = await it.deliveryOf(message.of('one@corp.test'))
  expect(ended).toMatchObject({ state: DeliveryState.cancelled, reason: 'already-theirs', personId: alice() })
  expect(ended['finishedAt']).not.toBeNull()
  expect(await it.isParked(message.of('one@corp.test'))).toBe(false)
  const [audit] = await readAudit(it.fresh.db, it.org.organisationId, null, 1)
  expect(audit).toMatchObject({ action: 'parked-assigned', detail: { cause: 'already-theirs' } })
  // Deleted before it went home: theirs it was, and it does not come back this way.
  const [copy] = await it.copiesOf(message.messageId, alice())
  await it.mailbox.update(it.owner('alice'), [{ copyId: copy!.copyId, destroy: true }])
  expect(await it.deliveryOf(own)).toMatchObject({ reason: 'deleted-by-person' })
  expect((await it.assign(message.of('two@corp.test'), 'alice@corp.test')).outcome).toBe('already')
  const claimed = await it.due()
  for (const address of ['one@corp.test', 'two@corp.test']) expect(claimed).not.toContain(message.of(address))
})

test('who wrote it has it in Sent: it goes on to them, and there is no second place', async () => {
  const message = await it.take(['unknown@corp.test'], { fromAlice: true })
  expect((await it.assign(message.of('unknown@corp.test'), 'alice@corp.test')).outcome).toBe('queued')
  expect(await it.copiesOf(message.messageId, alice())).toMatchObject([{ source: CopySource.sent, folder: 3 }])
})

test('a copy without a place gets one where the person has an emergency mailbox now', async () => {
  const message = await it.take(['carol@corp.test', 'unknown@corp.test'])
  const scope = async (emergency: boolean): Promise<void> => {
    await it.fresh.db.query('UPDATE person SET scope_emergency = $2 WHERE person_id = $1', [
      it.carol.personId,
      emergency,
    ])
  }
  // Her own delivery came to nothing.
  await it.fresh.db.query(
    `UPDATE delivery SET state = ${DeliveryState.cancelled}, reason = 'cancelled-by-admin', finished_at = now() WHERE delivery_id = $1`,
    [message.of('carol@corp.test')],
  )
  await it.fresh.db.query(
    `UPDATE delivery SET state = ${DeliveryState.cancelled}, lease = NULL, finished_at = now() WHERE person_id = $1 AND state < 10`,
    [it.carol.personId],
  )
  await scope(true)
  expect((await it.assign(message.of('unknown@corp.test'), it.carol.address)).outcome).toBe('queued')
  expect(await it.copiesOf(message.messageId, it.carol.personId)).toMatchObject([{ placed: true, folder: 1 }])
})

test('only what is parked for want of a recipient is assigned, and only in its organisation', async () => {
  const [loops, open] = [await it.parked(), await it.take(['bob@corp.test'])]
  await it.fresh.db.query("UPDATE delivery SET reason = 'loop' WHERE delivery_id = $1", [loops.id])
  expect(await refusal(loops.id, 'alice@corp.test')).toEqual([
    'bad-request',
    expect.stringMatching(/release it or drop it/),
  ])
  expect(await it.isParked(loops.id)).toBe(true)
  expect(await refusal(open.of('bob@corp.test'), 'alice@corp.test')).toEqual([
    'conflict',
    expect.stringMatching(/not parked/),
  ])
  expect((await refusal(newId(0), 'alice@corp.test'))[0]).toBe('not-found')
  const { id } = await it.parked()
  const { organisationId } = it.other
  await expect(
    assignParked(
      { db: it.fresh.db, clock: systemClock },
      { organisationId, deliveryId: id, address: 'eve@other.test', actor: 'x' },
    ),
  ).rejects.toMatchObject({ code: 'not-found' })
  expect(await it.isParked(id)).toBe(true)
})

test('to nobody but one person of the organisation, by an address of theirs; else it stays parked as it was', async () => {
  const { db } = it.fresh
  const { id, messageId } = await it.parked()
  const info = await makeRedirect(db, it.org, 'info', ['alice@corp.test'])
  const crew = await makeList(db, it.org, 'crew', { members: ['alice@corp.test'] })
  const before = await it.deliveryOf(id)
  const wrong: [string, string, RegExp][] = [
    ['eve@other.test', 'unknown-recipient', /no address of a person/],
    ['nobody@other.test', 'unknown-recipient', /no address of a person/],
    ['somebody@elsewhere.test', 'unknown-recipient', /no address of a person/],
    ['stranger@corp.test', 'unknown-recipient', /no address of a person/],
    ['postmaster@corp.test', 'unknown-recipient', /no address of a person/],
    [info, 'unknown-recipient', /stands for others/],
    [crew, 'unknown-recipient', /stands for others/],
    ['alice', 'address-syntax-recipient', /not a valid address/],
    ['', 'address-syntax-recipient', /not a valid address/],
  ]
  for (const [address, code, text] of wrong)
    expect(await refusal(id, address), address).toEqual([code, expect.stringMatching(text)])
  await db.query("UPDATE domain SET catch_all = 'alice@corp.test' WHERE organisation_id = $1", [it.org.organisationId])
  expect((await refusal(id, 'stranger@corp.test'))[0]).toBe('unknown-recipient')
  await db.query('UPDATE domain SET recipients_complete = true, catch_all = NULL WHERE organisation_id = $1', [
    it.org.organisationId,
  ])
  expect((await refusal(id, 'stranger@corp.test'))[0]).toBe('unknown-recipient')
  await db.query('UPDATE domain SET recipients_complete = false WHERE organisation_id = $1', [it.org.organisationId])
  expect(await it.deliveryOf(id)).toEqual(before)
  expect(await it.copiesOf(messageId, alice())).toEqual([])
  expect(await it.isParked(id)).toBe(true)
})

test('declared meanwhile, the address itself can be named: then nothing says that it came by another', async () => {
  const { id } = await it.parked()
  const { organisationId, domainId } = it.org
  await it.fresh.db.query(
    `INSERT INTO address (organisation_id, address, person_id, domain_id, display) VALUES ($1, 'unknown@corp.test', $2, $3, 'unknown@corp.test')`,
    [organisationId, it.owner('bob').personId, domainId],
  )
  expect(await it.assign(id, 'unknown@corp.test')).toEqual({ address: 'unknown@corp.test', outcome: 'queued' })
  expect(await it.deliveryOf(id)).toMatchObject({ personId: it.owner('bob').personId, via: null, orcpt: null })
})
