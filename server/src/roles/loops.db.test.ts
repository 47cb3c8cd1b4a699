/** Loops at the door: too many hops, mail that comes back for the same recipient, and for one of two. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { actOnDelivery } from '../core/trace/index.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob] = ['alice@corp.test', 'bob@corp.test']
const received = 'Received: from a.test by b.test; Mon, 1 Jan 2024 10:00:00 +0000\r\n'
/** What the primary got, sent to us again as it is. */
const comeBack = async (nonce: string, to: string[]) => {
  const got = await one.primary.store.waitFor((mail) => mail.nonce === nonce, 10_000)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) > 0)
  return one.send(nonce, to, {}, got.bytes)
}

test('25 Received lines are a loop (RFC 5321 section 6.3), 24 are a long way', async () => {
  const looped = await one.send('hops25', [alice], {}, received.repeat(25) + one.mail('hops25'))
  expect(looped.final).toMatchObject({ code: 554, text: expect.stringMatching(/^5\.4\.6 /) as string })
  expect(await one.count('message')).toBe(0)
  expect((await one.send('hops24', [alice], {}, received.repeat(24) + one.mail('hops24'))).ok).toBe(true)
  await one.primary.store.waitFor((mail) => mail.nonce === 'hops24', 10_000)
})

test('mail that comes back for the recipient it was accepted for is refused, and nothing of it stays', async () => {
  expect((await one.send('again', [alice])).ok).toBe(true)
  const back = await comeBack('again', [alice])
  expect(back.final).toMatchObject({ code: 554, text: expect.stringMatching(/^5\.4\.6 /) as string })
  expect(await one.count('message')).toBe(1)
  expect(await one.count('body')).toBe(1)
  // Under another name of hers it is the same loop; to somebody else it is none.
  expect((await comeBack('again', ['Alice+news@corp.test'])).final!.code).toBe(554)
  expect((await comeBack('again', [bob])).ok).toBe(true)
})

test('for one of two recipients it is parked, the other has it; released it is visible and goes home', async () => {
  expect((await one.send('half', [alice])).ok).toBe(true)
  expect((await comeBack('half', [alice, bob])).ok).toBe(true)
  await one.primary.store.waitFor((mail) => mail.recipients.includes(bob), 10_000)
  const [parked] = await one.db.query<{ id: string; recipient: string; reason: string }>(
    'SELECT delivery_id AS id, recipient, reason FROM delivery JOIN parking USING (organisation_id, delivery_id, reason) WHERE state = 13',
  )
  expect(parked).toMatchObject({ recipient: alice, reason: 'loop' })
  await one.until('bob has it', async () => (await one.count('delivery WHERE state = 10')) === 2)
  expect(one.primary.store.of(alice)).toHaveLength(1)

  await one.primary.setFault('rcpt-4xx')
  const { organisationId } = one.org
  await actOnDelivery(one.db, { organisationId, deliveryId: parked!.id, act: 'release', actor: 'cli:test' })
  await one.until('tried', async () => (await one.count('attempt WHERE outcome = 2')) > 0)
  expect(await one.count('placement JOIN person USING (organisation_id, person_id) WHERE name = $1', ['Alice'])).toBe(2)
  await one.primary.setFault(null)
  await one.until('home', () => one.primary.store.of(alice).length === 2)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 3)
})
