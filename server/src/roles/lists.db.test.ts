/** Through the MX listener to lists: what members get, who may post, what becomes of their bounces. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeList, makeRedirect } from '../../testkit/factories.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { listsOf, resumeMember } from '../core/lists/index.ts'
import { ListPosting } from '../platform/codes.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob, news, x, y] = ['alice@corp.test', 'bob@corp.test', 'news@corp.test', 'x@world.test', 'y@world.test']
const stranger = 'sender@outside.test'

async function list(wish: Partial<Parameters<typeof makeList>[3]> = {}, name = 'news'): Promise<void> {
  await makeList(one.db, one.org, name, { members: [alice, x, y], ...wish })
  await refresh()
}
async function refresh(): Promise<void> {
  await bumpDirectory(one.db)
  await one.server.core.directory.refresh()
  await one.server.core.sources.refresh()
}
const written = (n: number) =>
  one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === n)
const to = (address: string, nonce: string) => one.sink.store.of(address).filter((mail) => mail.nonce === nonce)
const replyTo = async (from: string, address = news) =>
  (await one.send('posting', [address], { from })).recipients[0]!.reply
const standing = async () => (await listsOf(one.db, one.org.organisationId))[0]!.bounces
/** the sender that a member saw */
async function posted(nonce: string, member = x): Promise<string> {
  expect((await one.send(nonce, [news])).ok).toBe(true)
  await one.until('there', () => to(member, nonce).length === 1)
  return to(member, nonce)[0]!.envelopeFrom
}
const report = (action: string): string =>
  [
    'From: mailer-daemon@world.test',
    'Subject: Undelivered',
    'Content-Type: multipart/report; report-type=delivery-status;',
    '\tboundary="b"',
    '',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Final-Recipient: rfc822; x@world.test',
    `Action: ${action}`,
    'Diagnostic-Code: smtp; 550 5.1.1 no such user',
    '--b--',
    '',
  ].join('\r\n')
const bounce = (address: string, action = 'failed') => one.send('bounced', [address], { from: '' }, report(action))

test('every member gets the posting unchanged behind the fields of the list, each with a bounce address of their own', async () => {
  await list({ members: [alice, x, y, 'X@World.test', 'gone@corp.test'] })
  const sent = await one.send('posting', [news], {
    mailParameters: 'RET=FULL ENVID=abc',
    rcptParameters: 'NOTIFY=SUCCESS',
  })
  expect(sent.ok).toBe(true)
  await written(3)
  // Nobody says that it is this sender: they are not told that the list has it, and are asked about no more.
  await one.until('dealt with', async () => (await one.count(`message WHERE facts ? 'asked'`)) === 0)
  const senders = new Set<string>()
  for (const [store, member] of [
    [one.primary, alice],
    [one.sink, x],
    [one.sink, y],
  ] as const) {
    const [got, more] = store.store.of(member)
    expect(more).toBeUndefined()
    const text = got!.bytes.toString()
    expect(text).toContain('\r\nList-Id: "News" <news.corp.test>\r\nList-Post: <mailto:news@corp.test>\r\n')
    expect(text.endsWith(one.mail('posting'))).toBe(true)
    expect(got!.envelopeFrom).toMatch(/^news-bounces\+[A-Z2-7]{8}=[a-z]+=(corp|world)\.test@corp\.test$/)
    expect(got!.recipients).toEqual([member])
    senders.add(got!.envelopeFrom)
  }
  expect(senders.size).toBe(3)
  expect(await one.count('delivery WHERE notify = 0 AND orcpt IS NULL AND via = $1', [news])).toBe(3)
  expect(await one.count(`message WHERE facts = '{"ret": "HDRS", "list": "${news}"}'`)).toBe(1)
  expect(await one.count('placement')).toBe(1)
})

test('beside other recipients it is a message of its own; without a list field in theirs', async () => {
  await list()
  expect((await one.send('both-ways', [news, alice, 'News@corp.test'])).ok).toBe(true)
  await written(4)
  expect(await one.count('message')).toBe(2)
  expect(await one.count('placement')).toBe(2)
  const texts = one.primary.store.of(alice).map(({ bytes }) => bytes.toString())
  expect(texts.map((text) => text.includes('List-Id:')).sort()).toEqual([false, true])
})

test('who may post is asked at RCPT', async () => {
  const rule = (posting: number, posters: string[] = []) =>
    one.db.query('UPDATE mailing_list SET posting = $1, posters = $2::text[]', [posting, posters]).then(refresh)
  await list()
  const no = { code: 550, text: expect.stringMatching(/^5\.7\.1 /) as string }
  expect((await replyTo(stranger)).code).toBe(250)
  expect(await replyTo('')).toMatchObject(no)
  await rule(ListPosting.members)
  expect(await replyTo(stranger)).toMatchObject(no)
  expect(await replyTo(bob)).toMatchObject(no)
  expect((await replyTo('X@world.test')).code).toBe(250)
  expect((await replyTo('Alice@corp.test')).code).toBe(250)
  await rule(ListPosting.organisation)
  expect(await replyTo(x)).toMatchObject(no)
  expect((await replyTo(bob)).code).toBe(250)
  await rule(ListPosting.named, [bob, stranger])
  expect(await replyTo(alice)).toMatchObject(no)
  expect((await replyTo(bob)).code).toBe(250)
  // Where the organisation has named its systems, its own senders come from there.
  const named = (network: string) =>
    one.db
      .query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify([{ networks: [network] }])])
      .then(refresh)
  await named('192.0.2.7')
  expect(await replyTo(bob)).toMatchObject(no)
  expect((await replyTo(stranger)).code).toBe(250)
  await named('127.0.0.1')
  expect((await replyTo(bob)).code).toBe(250)
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state < 10')) === 0)
})

test('a failure is counted for its member and goes nowhere; a delay and an answer from a holiday are not', async () => {
  await list()
  const sender = await posted('counted')
  expect((await bounce(sender.toLowerCase())).ok).toBe(true)
  await one.until('counted', async () => (await standing()).length === 1)
  expect(await standing()).toMatchObject([
    { member: x, bounces: 1, lastText: '550 5.1.1 no such user', pausedAt: null },
  ])
  expect((await bounce(sender, 'delayed')).ok).toBe(true)
  expect((await one.send('vacation', [sender], { from: '' })).ok).toBe(true)
  expect((await bounce(sender)).ok).toBe(true)
  await one.until('counted', async () => (await standing())[0]!.bounces === 2)
  await written(3)
  expect(one.sink.store.all()).toHaveLength(2)

  const no = async (address: string, from = '') => (await one.send('forged', [address], { from })).recipients[0]!.reply
  expect((await no(sender, stranger)).code).toBe(550)
  expect((await no(sender.replace('=x=', '=y='))).code).toBe(550)
  expect((await no(sender.replace('news-', 'other-'))).code).toBe(550)
})

test('at the stated limit a member is paused, with an audit row, until an admin lets them in again', async () => {
  await list({ pause: { bounces: 2, days: 7 } })
  const sender = await posted('before')
  await bounce(sender)
  await one.until('counted', async () => (await standing())[0]?.bounces === 1)
  // Long ago: it counts no more.
  await one.db.query(`UPDATE list_bounce SET window_from = now() - interval '8 days'`)
  await bounce(sender)
  await one.until('counted', async () => (await standing())[0]!.bounces === 2)
  expect((await standing())[0]!.pausedAt).toBeNull()
  await bounce(sender)
  await one.until('paused', async () => (await standing())[0]!.pausedAt !== null)
  expect(await one.count(`audit WHERE action = 'list-member-paused' AND detail->>'member' = $1`, [x])).toBe(1)
  await one.server.core.directory.refresh()
  await posted('while', y)
  await written(5)
  expect(to(x, 'while')).toEqual([])

  const { organisationId } = one.org
  expect(await resumeMember(one.db, { organisationId, list: news, member: x, actor: 'cli:test' })).toBe(true)
  expect(await resumeMember(one.db, { organisationId, list: news, member: x, actor: 'cli:test' })).toBe(false)
  await one.server.core.directory.refresh()
  await posted('after')
  await written(8)
})

test('what the next server refuses counts at once, and no notice goes to the author', async () => {
  await list({ members: [x] })
  await one.sink.setFault('rcpt-5xx')
  expect((await one.send('refused', [news])).ok).toBe(true)
  await one.until('counted', async () => (await standing())[0]?.bounces === 1)
  expect(await standing()).toMatchObject([{ member: x, lastText: expect.stringContaining('No such user') as string }])
  await one.until('noted', async () => (await one.count('delivery WHERE state = 11 AND dsn_sent = 2')) === 1)
  expect(await one.count('parking')).toBe(0)
  expect(await one.count('message')).toBe(1)
})

test('a member whose bounce address would be too long is found all the same', async () => {
  const long = `${'long.'.repeat(8)}name@world.test`
  await list({ members: [long] })
  const sender = await posted('long-name', long)
  expect(sender).toMatch(/^srs3=[A-Z2-7]{8}=[0-9a-f]{32}@corp\.test$/)
  await written(1)
  expect((await bounce(sender)).ok).toBe(true)
  await one.until('counted', async () => (await standing())[0]?.member === long)
})

test('in an emergency people find the posting in their mailbox; it is returned with its bounce address', async () => {
  await list()
  const pin = { organisationId: one.org.organisationId, routeId: one.org.routeId, actor: 'operator:boss' }
  await one.server.core.continuity.pins.pinRoute({ ...pin, pin: 'emergency', reason: 'away' })
  await posted('away')
  expect(await one.count('placement')).toBe(1)
  expect(one.primary.store.all()).toEqual([])
  await one.server.core.continuity.pins.pinRoute({ ...pin, pin: null, reason: 'back' })
  await written(3)
  expect(one.primary.store.of(alice)[0]!.envelopeFrom).toMatch(/^news-bounces\+[A-Z2-7]{8}=alice=corp\.test@/)
})

test('a posting that comes back is a loop; a list in a list and in a redirect is its members', async () => {
  await list()
  await list({ members: [news, bob] }, 'all')
  await makeRedirect(one.db, one.org, 'info', [news, bob])
  await refresh()
  await posted('ring')
  const { bytes } = to(x, 'ring')[0]!
  await written(3)
  // By somebody else than the primary, which has this address here.
  const again = { from: 'sender@outside.test', to: [news] }
  const elsewhere = { localAddress: '127.0.0.9' }
  expect((await sendMail(one.server.ports.mx!, again, bytes, elsewhere)).final!.code).toBe(554)
  expect((await one.send('nested', ['all@corp.test'])).ok).toBe(true)
  await written(7)
  expect((await one.send('redirected', ['info@corp.test'])).ok).toBe(true)
  await written(11)
  expect(to(x, 'redirected')[0]!.bytes.toString()).not.toContain('List-Id')
  expect(to(x, 'redirected')[0]!.envelopeFrom).toMatch(/^SRS0=/)
  expect(to(x, 'nested')[0]!.bytes.toString()).toContain('List-Id: "All" <all.corp.test>')
})
