/** Through the MX listener to addresses that stand for others: copies, senders, notices that come back, holds, loops. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeRedirect } from '../../testkit/factories.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { readTrace } from '../core/trace/index.ts'
import { presentTrace } from '../servers/admin/present.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob, team, world] = ['alice@corp.test', 'bob@corp.test', 'team@corp.test', 'x@world.test']

async function redirect(name: string, targets: string[], keepCopy = true): Promise<void> {
  await makeRedirect(one.db, one.org, name, targets, keepCopy)
  await bumpDirectory(one.db)
  await one.server.core.directory.refresh()
}
const written = (n: number) =>
  one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === n)
const outside = (nonce: string) => one.sink.store.waitFor((mail) => mail.nonce === nonce, 10_000)
const firstReply = async (nonce: string, to: string, from = 'sender@outside.test') =>
  (await one.send(nonce, [to], { from })).recipients[0]!.reply
const inboxes = async () =>
  (
    await one.db.query<{ name: string }>(
      'SELECT p.name FROM placement l JOIN person p USING (organisation_id, person_id) ORDER BY 1',
    )
  ).map(({ name }) => name)
/** the sender that the world saw */
async function rewritten(nonce: string): Promise<string> {
  expect((await one.send(nonce, [team])).ok).toBe(true)
  return (await outside(nonce)).envelopeFrom
}

test('one copy each, at home and in the world; what the sender asked of the redirect holds for all', async () => {
  await redirect('team', [alice, 'more@corp.test', world])
  await redirect('more', ['Bob@corp.test', alice, team])
  // Alice is named by the sender as well: once.
  const sent = await one.send('every', [team, alice], { rcptParameters: 'NOTIFY=FAILURE' })
  expect(sent.ok).toBe(true)
  await written(3)
  expect(one.primary.store.of(alice)).toHaveLength(1)
  expect(one.primary.store.of(bob)).toHaveLength(1)
  expect((await outside('every')).recipients).toEqual([world])
  expect(await inboxes()).toEqual(['Alice', 'Bob'])
  expect(await one.count('message')).toBe(1)
  const rows = await one.db.query('SELECT recipient, via, orcpt, notify, sender FROM delivery ORDER BY recipient')
  const orcpt = `rfc822;${team}`
  expect(rows).toEqual([
    { recipient: 'Bob@corp.test', via: team, orcpt, notify: 4, sender: null },
    { recipient: alice, via: null, orcpt: null, notify: 4, sender: null },
    { recipient: world, via: team, orcpt, notify: 4, sender: expect.stringMatching(/^SRS0=/) as string },
  ])
  const [message] = await one.db.query<{ id: string }>('SELECT message_id AS id FROM message')
  const { deliveries } = presentTrace((await readTrace(one.db, one.org.organisationId, message!.id))!)
  expect(deliveries.map(({ recipient, via }) => [recipient, via]).sort()).toEqual([
    ['Bob@corp.test', team],
    [alice, null],
    [world, team],
  ])
})

test('the original is not changed on its way, and its sender is ours where it leaves', async () => {
  await redirect('team', [world])
  const from = await rewritten('rewritten')
  expect(from).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=outside\.test=sender@corp\.test$/)
  const { bytes } = await outside('rewritten')
  expect(bytes.toString().endsWith(one.mail('rewritten'))).toBe(true)
  await written(1)
})

test('a notice comes back to the original sender; nobody else gets in by that address', async () => {
  await redirect('team', [world])
  const from = await rewritten('bounced')
  expect((await one.send('notice', [from], { from: '' })).ok).toBe(true)
  const notice = await outside('notice')
  expect([notice.envelopeFrom, notice.recipients]).toEqual(['', ['sender@outside.test']])
  // Folded to lower case by a relay it is the same.
  expect((await one.send('folded', [from.toLowerCase()], { from: '' })).ok).toBe(true)
  expect((await outside('folded')).recipients).toEqual(['sender@outside.test'])
  await written(3)

  const refused = { code: 550, text: expect.stringMatching(/^5\.7\.1 .*from the null sender/) as string }
  expect(await firstReply('spam', from, 'spammer@evil.test')).toMatchObject(refused)
  expect((await firstReply('forged', from.replace('sender@', 'victim@'), '')).code).toBe(550)
  expect((await firstReply('old', 'SRS0=ABCDEFGH=AA=outside.test=sender@corp.test', '')).code).toBe(550)
  expect((await firstReply('elsewhere', from.replace('corp.test', 'world.test'), '')).code).toBe(550)
  expect(await one.count('message')).toBe(3)
})

test('a sender too long to be rewritten is remembered, and its notice finds the way', async () => {
  await redirect('team', [world])
  const long = `${'long.'.repeat(11)}name@outside.test`
  expect((await one.send('long', [team], { from: long })).ok).toBe(true)
  const { envelopeFrom } = await outside('long')
  expect(envelopeFrom).toMatch(/^SRS2=.{1,59}@corp\.test$/)
  expect((await one.send('long-back', [envelopeFrom], { from: '' })).ok).toBe(true)
  expect((await outside('long-back')).recipients).toEqual([long])
  await written(2)
})

test('own senders and the null sender stay; what another has rewritten becomes SRS1 and goes back to them', async () => {
  await redirect('team', [world])
  expect((await one.send('own-sender', [team], { from: bob })).ok).toBe(true)
  expect((await outside('own-sender')).envelopeFrom).toBe(bob)
  expect((await one.send('null-sender', [team], { from: '' })).ok).toBe(true)
  expect((await outside('null-sender')).envelopeFrom).toBe('')
  const theirs = 'SRS0=abcd=QY=outside.test=sender@forwarder.test'
  expect((await one.send('twice', [team], { from: theirs })).ok).toBe(true)
  const { envelopeFrom } = await outside('twice')
  expect(envelopeFrom).toMatch(
    /^SRS1=[A-Z2-7]{8}=[A-Z2-7]{2}=forwarder\.test==abcd=QY=outside\.test=sender@corp\.test$/,
  )
  expect((await one.send('twice-back', [envelopeFrom], { from: '' })).ok).toBe(true)
  expect((await outside('twice-back')).recipients).toEqual([theirs])
  await written(4)
})

test('recipients of one message with differing senders are not joined, from memory and from the queue', async () => {
  await redirect('team', [world])
  const [{ source }] = [{ source: { networks: ['127.0.0.1', '::1'] } }]
  await one.db.query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify([source])])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
  await one.server.core.directory.refresh()
  const senders = (nonce: string) =>
    one.sink.store
      .all()
      .filter((mail) => mail.nonce === nonce)
      .map(({ envelopeFrom, recipients }) => [envelopeFrom.slice(0, 5), ...recipients])
      .sort()
  // The primary forwards a stranger's mail to somebody in the world, and to the redirect.
  const expected = [
    ['SRS0=', world],
    ['sende', 'y@world.test'],
  ]
  expect((await one.send('from-memory', ['y@world.test', team])).ok).toBe(true)
  await written(2)
  expect(senders('from-memory')).toEqual(expected)
  await one.sink.setFault('rcpt-4xx')
  expect((await one.send('from-queue', ['y@world.test', team])).ok).toBe(true)
  await one.until('deferred', async () => (await one.count('attempt WHERE outcome = 2')) >= 2)
  await one.sink.setFault(null)
  await written(4)
  expect(senders('from-queue')).toEqual(expected)
})

test('in an emergency what is for people waits for them and is visible; the world gets its own', async () => {
  await redirect('team', [alice, world])
  const { organisationId, routeId } = one.org
  await one.server.core.continuity.pins.pinRoute({
    organisationId,
    routeId,
    pin: 'emergency',
    reason: 'away',
    actor: 'operator:boss',
  })
  expect((await one.send('held', [team])).ok).toBe(true)
  await outside('held')
  expect(await inboxes()).toEqual(['Alice'])
  expect(await one.count('delivery WHERE held AND state = 0 AND recipient = $1', [alice])).toBe(1)
  expect(one.primary.store.all()).toEqual([])
})

test('the own copy of a person: kept or not', async () => {
  await redirect('alice', [world], false)
  await redirect('bob', [world])
  expect((await one.send('away', [alice])).ok).toBe(true)
  await outside('away')
  expect((await one.send('both', [bob])).ok).toBe(true)
  await outside('both')
  await written(3)
  expect(await inboxes()).toEqual(['Bob'])
  expect(one.primary.store.all().flatMap(({ recipients }) => recipients)).toEqual([bob])
})

test('who is unknown is left out; the reply at RCPT is about the address itself', async () => {
  await redirect('team', ['gone@corp.test', alice])
  await redirect('empty', ['gone@corp.test'])
  expect((await one.send('rest', [team])).ok).toBe(true)
  await written(1)
  await one.server.core.directory.refresh()
  expect((await one.server.core.directory.resolve(team)).redirect!.unknown).toEqual(['gone@corp.test'])
  expect((await firstReply('none', 'empty@corp.test')).text).toMatch(/^5\.1\.1 /)
  await one.db.query('UPDATE organisation SET outbound_route_id = NULL')
  await redirect('stuck', [world, alice])
  expect((await firstReply('stuck', 'stuck@corp.test')).code).toBe(451)
})

test('a loop over another system is found: by the redirect, and by whoever it led to', async () => {
  await redirect('team', [alice, world])
  expect((await one.send('ring', [team])).ok).toBe(true)
  const { bytes } = await outside('ring')
  await written(2)
  for (const to of [team, alice]) {
    const again = { from: 'sender@outside.test', to: [to] }
    // By somebody else than the primary, which has this address here.
    const elsewhere = { localAddress: '127.0.0.9' }
    expect((await sendMail(one.server.ports.mx!, again, bytes, elsewhere)).final!.code).toBe(554)
  }
  // To somebody else it may go on.
  expect((await one.send('ring', [bob], {}, bytes)).ok).toBe(true)
  await written(3)
})

test('what the world refuses after our 250 is about the original sender: not aligned, so an admin sees it', async () => {
  await redirect('team', [world])
  await one.sink.setFault('rcpt-5xx')
  expect((await one.send('no', [team])).ok).toBe(true)
  await one.until('parked', async () => (await one.count(`parking WHERE reason = 'sender-not-aligned'`)) === 1)
})

test('a flood of redirects in one transaction: the rest in another', async () => {
  const many = Array.from({ length: 100 }, (_, i) => `x${i}@world.test`)
  for (let i = 0; i < 51; i++) await makeRedirect(one.db, one.org, `many${i}`, many)
  await redirect('last', many)
  const to = Array.from({ length: 51 }, (_, i) => `many${i}@corp.test`)
  const { recipients, final } = await one.send('flood', to)
  expect(recipients.map(({ reply }) => reply.code)).toEqual([...Array<number>(50).fill(250), 452])
  expect(final?.code).toBe(250)
  expect(await one.count('delivery')).toBe(100)
})
