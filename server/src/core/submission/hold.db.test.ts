/** A pinned hold over what people send: kept with its reason where an admin sees it, and let go by hand alone. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { DeliveryState } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { claimDue } from '../../store/claims.ts'
import { readAudit } from '../audit/index.ts'
import { placeWaiting } from '../mailbox/index.ts'
import { actOnDelivery, listParked } from '../trace/index.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())
afterEach(async () => {
  // A hold that ends leaves an emergency; nobody judges here.
  await pinRoute('normal')
  await pinRoute(null)
  await pinAlice(null)
})

const pinRoute = (pin: 'hold' | 'normal' | null) =>
  it.continuity.pins.pinRoute({ ...it.org, pin, reason: 'broken into', actor: 'operator:boss' })
const pinAlice = (pin: 'hold' | 'normal' | null) =>
  it.continuity.pins.pinTarget({
    ...it.org,
    target: 'person',
    targetId: it.owner('alice').personId,
    pin,
    reason: 'stolen',
    actor: 'operator:boss',
  })

/** Sends to a colleague and to the outside; what became of the two deliveries, and where the colleague sees it. */
async function send(from: 'alice' | 'bob') {
  const [to, now] = [from === 'alice' ? 'bob' : 'alice', Date.now()]
  const bytes = Buffer.from(
    `From: ${from}@corp.test\r\nTo: ${to}@corp.test, x@outside.test\r\nSubject: s\r\nMessage-ID: <${newId(now)}@corp.test>\r\n\r\nbody\r\n`,
  )
  const draft = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: now, source: 'draft' } as const
  const { copyId } = (await it.mailbox.appendToFolder(it.owner(from), draft))!
  const sent = await it.submission.submit({ ...it.owner(from), copyId, identityAddress: `${from}@corp.test` })
  const [outside, colleague] = await it.fresh.db.query<{ id: string; state: number; held: boolean; reason: string }>(
    `SELECT delivery_id AS id, state, held, reason FROM delivery WHERE message_id = $1 ORDER BY recipient = 'x@outside.test' DESC`,
    [sent.messageId],
  )
  const seen = await it.fresh.db.query('SELECT 1 FROM placement WHERE message_id = $1 AND person_id = $2', [
    sent.messageId,
    it.owner(to).personId,
  ])
  return { id: sent.id, outside: outside!, colleague: colleague!, seen: seen.length }
}
const stateOf = async (id: string): Promise<number> =>
  (await it.fresh.db.query<{ state: number }>('SELECT state FROM delivery WHERE delivery_id = $1', [id]))[0]!.state
/** Of the person whom a delivery is for. */
const placesOf = async (deliveryId: string): Promise<number> =>
  (
    await it.fresh.db.query(
      `SELECT 1 FROM delivery d JOIN placement USING (organisation_id, person_id, message_id) WHERE d.delivery_id = $1`,
      [deliveryId],
    )
  ).length
const parked = async (): Promise<string[]> =>
  (await listParked(it.fresh.db, it.org.organisationId, null, 100)).map((row) => `${row.reason} ${row.deliveryId}`)
const release = (deliveryId: string) =>
  actOnDelivery(it.fresh.db, { ...it.org, deliveryId, act: 'release', actor: 'operator:boss' })
/** What a worker would take of the way out. */
const due = async (): Promise<string[]> => {
  const nodeId = newId(Date.now())
  const ask = { routeIds: [it.org.outboundRouteId], limits: [100], nodeId, leaseSeconds: 60 }
  return (await claimDue(it.fresh.db, ask)).map(({ deliveryId }) => deliveryId)
}

test('hold of the route: outside is kept, a colleague sees it here and their primary waits, until an admin releases', async () => {
  await pinRoute('hold')
  const { id, outside, colleague, seen } = await send('alice')
  expect(outside).toMatchObject({ state: DeliveryState.parked, reason: 'pinned-hold', held: false })
  expect(colleague).toMatchObject({ state: DeliveryState.ready, held: true })
  expect(seen).toBe(1)
  expect(await parked()).toEqual([`pinned-hold ${outside.id}`])
  const [shown] = await it.submission.list(it.owner('alice'), { ids: [id] })
  expect(shown!.recipients.map(({ delivered }) => delivered)).toEqual(['queued', 'queued'])

  await pinRoute(null)
  expect(await due()).toEqual([])
  expect(await parked()).toEqual([`pinned-hold ${outside.id}`])
  await release(outside.id)
  expect(await parked()).toEqual([])
  expect(await due()).toEqual([outside.id])
  const [audit] = await readAudit(it.fresh.db, it.org.organisationId, null, 1)
  expect(audit).toMatchObject({ action: 'parked-released', subject: `delivery:${outside.id}`, actor: 'operator:boss' })
})

test('released while the hold goes on: it leaves, the next one is kept again', async () => {
  await pinRoute('hold')
  const { outside } = await send('alice')
  await release(outside.id)
  expect(await due()).toEqual([outside.id])
  expect((await send('alice')).outside.state).toBe(DeliveryState.parked)
})

test('hold of one person: theirs is kept, from colleagues too; colleagues go on, and theirs too when the pin is gone', async () => {
  await pinAlice('hold')
  const alice = await send('alice')
  expect(alice.outside).toMatchObject({ state: DeliveryState.parked, reason: 'pinned-hold' })
  expect(alice.colleague).toMatchObject({ state: DeliveryState.parked, reason: 'pinned-hold', held: false })
  expect(alice.seen).toBe(0)
  const bob = await send('bob')
  expect(bob.outside).toMatchObject({ state: DeliveryState.ready, reason: null })
  expect(bob.colleague).toMatchObject({ state: DeliveryState.ready, held: true })
  await pinAlice(null)
  expect((await send('alice')).outside.state).toBe(DeliveryState.ready)
  expect(await stateOf(alice.outside.id)).toBe(DeliveryState.parked)
})

test('what a held person wrote to a colleague: out of sight, whatever scopes change, until it is let go; dropped, never', async () => {
  await pinAlice('hold')
  const [first, second] = [await send('alice'), await send('alice')]
  await pinAlice(null)
  expect(await it.fresh.db.transaction((sql) => placeWaiting(sql, it.org.organisationId))).toBe(0)
  expect(await placesOf(first.colleague.id)).toBe(0)
  await release(first.colleague.id)
  expect(await placesOf(first.colleague.id)).toBe(1)
  expect(await stateOf(first.colleague.id)).toBe(DeliveryState.ready)
  await actOnDelivery(it.fresh.db, {
    ...it.org,
    deliveryId: second.colleague.id,
    act: 'drop',
    actor: 'operator:boss',
  })
  expect(await placesOf(second.colleague.id)).toBe(0)
})

test("a route's hold keeps also what a person sends who was pinned to normal", async () => {
  await pinRoute('hold')
  await pinAlice('normal')
  expect((await send('alice')).outside.state).toBe(DeliveryState.parked)
  expect((await send('bob')).outside.state).toBe(DeliveryState.parked)
})
