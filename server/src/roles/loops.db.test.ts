/** Loops at the door: too many hops, mail that comes back for the same recipient, and for one of two. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { actOnDelivery } from '../core/trace/index.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob] = ['alice@corp.test', 'bob@corp.test']
const received = 'Received: from a.test by b.test; Mon, 1 Jan 2024 10:00:00 +0000\r\n'
/** What the primary got, sent to us again as it is: by another system, or by itself. */
const comeBack = async (nonce: string, to: string[], localAddress = '127.0.0.9') => {
  const got = await one.primary.store.waitFor((mail) => mail.nonce === nonce, 10_000)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) > 0)
  return sendMail(one.server.ports.mx!, { from: 'sender@outside.test', to }, got.bytes, { localAddress })
}

test('25 Received lines are a loop (RFC 5321 section 6.3), 24 are a long way', async () => {
  const looped = await one.send('hops25', [alice], {}, received.repeat(25) + one.mail('hops25'))
  expect(looped.final).toMatchObject({ code: 554, text: expect.stringMatching(/^5\.4\.6 /) as string })
  expect(await one.count('message')).toBe(0)
  expect((await one.send('hops24', [alice], {}, received.repeat(24) + one.mail('hops24'))).ok).toBe(true)
  await one.primary.store.waitFor((mail) => mail.nonce === 'hops24', 10_000)
})

test('mail that comes back from somewhere for the recipient it was accepted for is refused, and nothing of it stays', async () => {
  expect((await one.send('again', [alice])).ok).toBe(true)
  const back = await comeBack('again', [alice])
  expect(back.final).toMatchObject({ code: 554, text: expect.stringMatching(/^5\.4\.6 /) as string })
  expect(await one.count('message')).toBe(1)
  expect(await one.count('body')).toBe(1)
  // Under another name of hers it is the same loop; to somebody else it is none.
  expect((await comeBack('again', ['Alice+news@corp.test'])).final!.code).toBe(554)
  expect((await comeBack('again', [bob])).ok).toBe(true)
})

test('the primary that sends back what it got from us is known by its address: parked at once, and nobody hears a refusal', async () => {
  expect((await one.send('pong', [alice])).ok).toBe(true)
  expect((await comeBack('pong', [alice], '127.0.0.1')).ok).toBe(true)
  expect(await one.count(`parking WHERE reason = 'loop'`)).toBe(1)
  expect(one.primary.store.of(alice)).toHaveLength(1)

  // By the addresses of its name as well.
  await one.db.query(`UPDATE route SET settings = jsonb_set(settings, '{hosts,0,host}', '"localhost"') WHERE kind = 1`)
  await bumpDirectory(one.db)
  await one.until('taken up', () =>
    [...one.server.core.routes.all()].some(({ settings }) => settings.hosts[0]?.host === 'localhost'),
  )
  expect((await comeBack('pong', [alice], '127.0.0.1')).ok).toBe(true)
  expect((await comeBack('pong', [alice])).final!.code).toBe(554)
  expect(await one.count(`parking WHERE reason = 'loop'`)).toBe(2)
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
