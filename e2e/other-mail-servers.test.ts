/**
 * Exim and OpenSMTPD on both sides of Holdfast: the world's server, which sends to our MX and takes what we send, and the
 * organisation's own, a primary that sends through us. Messages of every kind are compared byte for byte where they end.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { greet, openLine, transact } from '../server/testkit/smtp-send.ts'
import type { Envelope, SendResult } from '../server/testkit/smtp-send.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { makeCorpus, nonceOf } from './kit/messages.ts'
import type { MailKind, ProofMail } from './kit/messages.ts'
import { ledgerProblems, makeOperator, modeIs } from './kit/operator.ts'
import { applyFile, organisationFile, passwordFor } from './kit/organisation.ts'
import { mailboxIds } from './kit/person.ts'
import { createRandom } from './kit/random.ts'
import { signIn } from './kit/web.ts'
import type { Web } from './kit/web.ts'
import { startExim } from './peers/exim.ts'
import { ITS_PEOPLE, SIGN_IN } from './peers/mail-server.ts'
import type { MailServer } from './peers/mail-server.ts'
import { missing } from './peers/needs.ts'
import { startOpenSmtpd } from './peers/opensmtpd.ts'
import { until } from './peers/processes.ts'

const skip = missing('exim', 'opensmtpd', 'root')
const staff = ['alice', 'bob', 'carol']
const [alice, bob, carol] = staff.map((name) => `${name}@corp.test`) as [string, string, string]
const outside = ['a@one.test', 'b@two.test']
const members = 'members@one.test'

interface Make {
  name: string
  start: typeof startExim
  /** kinds of messages that it does not keep as they are, with the reason */
  changes: Partial<Record<MailKind, string>>
  /** what it says of a message that it sent, with the recipient */
  sent: (recipient: string) => RegExp
  /** how our connection to it is protected */
  tls: RegExp
  /** what it says of a client that breaks its rules */
  complaint: RegExp
}
const makes: Make[] = [
  {
    name: 'Exim',
    start: startExim,
    changes: { 'no-body': 'it adds the empty line that the header lacks' },
    // X is the cipher of TLS, K says that it sent by BDAT (RFC 3030)
    sent: (recipient) => new RegExp(`[=-]> ${recipient} R=out T=out .* X=TLS1\\.3\\S* .*\\bK C="250`),
    tls: /^TLSv1\.3/,
    complaint: /.*(?:protocol|syntax|synchronization) error.*/i,
  },
  {
    name: 'OpenSMTPD',
    start: startOpenSmtpd,
    changes: {
      'no-body': 'it adds the empty line that the header lacks',
      'no-message-id': 'it makes one',
      'empty-message-id': 'it makes one',
    },
    sent: (recipient) => new RegExp(`mta delivery .* to=<${recipient}> .*stat="250`),
    // Debian 12's offers STARTTLS and then fails the handshake: in clear, and why
    tls: /^(?:clear: |TLSv1\.)/,
    complaint: /.*bad-input.*/,
  },
]

describe.skipIf(skip).each(makes)('$name', (make) => {
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let primary: MailServer
  let world: MailServer

  /** The way to the world, and with it all else, as an operator declares it. */
  const declare = async (outsideSettings: object = {}, more: object = {}): Promise<void> => {
    const file: any = organisationFile({
      domain: 'corp.test',
      people: staff,
      primaryPort: primary.port,
      outboundPort: world.port,
      route: { tls: 'opportunistic', retryFirst: 0.5, retryMax: 1 },
      organisation: { outboundSources: [{ networks: ['127.0.0.5'] }] },
    })
    const way = file.organisations[0].routes[1]
    Object.assign(way.settings, { tls: 'opportunistic', retryFirst: 0.5, retryMax: 1 }, outsideSettings)
    Object.assign(way, more)
    file.organisations[0].people.push({ name: 'Jürgen', addresses: ['jürgen@corp.test'] })
    await applyFile(installation, 'corp', file)
  }
  beforeAll(async () => {
    installation = createInstallation({ name: make.name.toLowerCase() })
    server = await installation.start()
    operator = await makeOperator(server)
    const port = server.ports.mx
    primary = await make.start({
      hostname: 'primary.test',
      mailboxes: [alice, bob, carol, 'jürgen@corp.test'],
      smartHost: { port, from: '127.0.0.5' },
    })
    world = await make.start({
      hostname: 'world.test',
      mailboxes: outside,
      signedIn: [members],
      smartHost: { port, from: '127.0.0.6' },
    })
    await declare()
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await world.remove()
  })

  /** What one of its own people hands to a server. */
  async function hand(port: number, envelope: Envelope, bytes: Buffer | string): Promise<SendResult> {
    const line = openLine(port, { localAddress: ITS_PEOPLE })
    try {
      await greet(line, 'desk.test')
      return await transact(line, envelope, Buffer.from(bytes))
    } finally {
      line.close()
    }
  }
  const letter = (nonce: string, from: string): string =>
    `From: <${from}>\r\nTo: <somebody@one.test>\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@test>\r\n\r\nnonce:${nonce}\r\n.\r\n..dots\r\n`
  const inbox = (at: MailServer, address: string, nonce: string): Buffer[] =>
    at.read(address).filter((bytes) => nonceOf(bytes) === nonce)
  const arrives = (at: MailServer, address: string, nonce: string): Promise<Buffer> =>
    until(`${nonce} at ${address}`, () => inbox(at, address, nonce)[0], 40_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${primary.log().slice(-3000)}\n${world.log().slice(-3000)}`, { cause: error })
    })
  /** Each of these is where it belongs, once, and the same to the last byte. */
  async function expectHome(corpus: readonly ProofMail[]): Promise<void> {
    const wrong: string[] = []
    for (const { nonce, to } of corpus) for (const address of to) await arrives(primary, address, nonce)
    for (const { nonce, to, kind, bytes } of corpus)
      for (const address of to) {
        const found = inbox(primary, address, nonce)
        const wanted = corpus.filter((one) => one.nonce === nonce && one.to.includes(address)).length
        if (found.length !== wanted) wrong.push(`${kind} ${nonce}: ${found.length} of ${wanted}`)
        if (!found.every((one) => one.subarray(-bytes.length).equals(bytes))) wrong.push(`${kind} ${nonce}: changed`)
      }
    expect(wrong).toEqual([])
  }
  const corpusOf = (label: string, count: number): ProofMail[] =>
    makeCorpus({ random: createRandom(7), count, people: [alice, bob, carol], label }).filter(
      ({ kind }) => !(kind in make.changes),
    )
  const trace = async (nonce: string): Promise<any[]> => {
    const [organisation] = await operator.get('/organisations')
    const path = `/organisations/${organisation.id}/trace`
    const { items } = await operator.get(`${path}?q=${encodeURIComponent(`<${nonce}@test>`)}`)
    return Promise.all(items.map((one: any) => operator.get(`${path}/${one.messageId}`)))
  }
  const deliveryOf = async (nonce: string, recipient: string): Promise<any> =>
    (await trace(nonce)).flatMap((one) => one.deliveries).find((one) => one.recipient === recipient)

  test('as the world’s server it sends to our MX: every kind of message gets to its like, unchanged', async () => {
    const corpus = corpusOf('in', 36)
    for (const { from, to, mailParameters, bytes } of corpus)
      expect((await hand(world.port, { from, to, mailParameters }, bytes)).final?.code).toBe(250)
    await expectHome(corpus)
    expect(world.log()).toMatch(make.sent(alice))
  })

  test('as next hop it refuses one recipient and greylists one: the third has it at once, the second soon', async () => {
    primary.answer(carol, 'refused')
    primary.answer(bob, 'later')
    onTestFinished(() => [bob, carol].forEach((one) => primary.answer(one, null)))
    const sent = await hand(
      server.ports.mx,
      { from: 'a@one.test', to: [alice, bob, carol] },
      letter('mixed', 'a@one.test'),
    )
    expect(sent.ok).toBe(true)
    await arrives(primary, alice, 'mixed')
    await until('it to be put off', async () => (await deliveryOf('mixed', bob)).attemptRows.length > 0)
    const put = (await deliveryOf('mixed', bob)).attemptRows[0]
    expect(put).toMatchObject({ outcome: 'deferred', tls: expect.stringMatching(make.tls) })
    expect(put.reply).toMatch(/^450 4\.7\.1/)
    primary.answer(bob, null)
    await arrives(primary, bob, 'mixed')
    // the sender is nobody we know to be real: no notice, an admin sees it
    await until('it to be parked', async () => (await deliveryOf('mixed', carol)).state === 'parked')
    expect((await deliveryOf('mixed', carol)).attemptRows[0].reply).toMatch(/^550 5\.2\.1/)
    expect([alice, bob, carol].map((one) => inbox(primary, one, 'mixed').length)).toEqual([1, 1, 0])
  })

  test('as the primary it sends through us, and takes its colleague’s part itself', async () => {
    const text = letter('out', alice)
    expect((await hand(primary.port, { from: alice, to: [...outside, bob] }, text)).ok).toBe(true)
    for (const one of outside) expect((await arrives(world, one, 'out')).toString()).toContain(text)
    await arrives(primary, bob, 'out')
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const boxes = await mailboxIds(web)
    await until('it in Sent', async () => {
      const [query] = await web.jmap([['Email/query', { filter: { inMailbox: boxes.sent } }]])
      return query.ids.length > 0
    })
    const [query] = await web.jmap([['Email/query', { filter: { inMailbox: boxes.sent }, calculateTotal: true }]])
    expect(query.total).toBe(1)
    expect([...outside, bob].map((one) => [...inbox(world, one, 'out'), ...inbox(primary, one, 'out')].length)).toEqual(
      [1, 1, 1],
    )
  })

  test('a sender who wants to know gets the notice of the primary, through us', async () => {
    const [from] = outside as [string]
    await hand(world.port, { from, to: [bob], rcptParameters: 'NOTIFY=SUCCESS' }, letter('notify', from))
    await arrives(primary, bob, 'notify')
    const notice = await until('the notice', () =>
      world.read(from).find((bytes) => bytes.includes('message/delivery-status') && bytes.includes(bob)),
    )
    expect(notice.toString()).toMatch(/^Action: (?:delivered|relayed)/im)
  })

  test('addresses in UTF-8: passed on where it takes them, refused at RCPT where it does not', async () => {
    const envelope = { from: 'a@one.test', to: ['jürgen@corp.test'], mailParameters: 'SMTPUTF8' }
    const text = letter('utf8', 'a@one.test')
    if (make.name === 'OpenSMTPD') {
      // it knows nothing of it as a sender either; what it offers is known from the first conversation on
      const answer = async (): Promise<string> =>
        (await hand(server.ports.mx, envelope, text)).recipients[0]!.reply.text
      await until('5.6.7 for the recipient', async () => (await answer()).startsWith('5.6.7 '))
      return
    }
    expect((await hand(world.port, envelope, text)).ok).toBe(true)
    await arrives(primary, 'jürgen@corp.test', 'utf8')
  })

  // OpenSMTPD has AUTH only under TLS, see above.
  const passwordTest = make.name === 'OpenSMTPD' ? null : test
  passwordTest?.('with a name and a password it takes from us what it takes from nobody else', async () => {
    await declare()
    const send = (nonce: string) => hand(primary.port, { from: alice, to: [members] }, letter(nonce, alice))
    await send('stranger')
    await until('a refusal', async () => (await deliveryOf('stranger', members))?.attemptRows.length > 0)
    expect((await deliveryOf('stranger', members)).attemptRows[0].reply).toMatch(/^550 5\.7\.1 Only for those/)
    await declare({ username: SIGN_IN.username }, { password: SIGN_IN.password })
    await until('the new password to be known', async () => {
      await send('member')
      return until('it', () => inbox(world, members, 'member')[0], 2000)
    })
    expect((await deliveryOf('member', members)).attemptRows.at(-1).outcome).toBe('delivered')
  })

  test('an outage: what waited goes home once, unchanged', async () => {
    const corpus = corpusOf('held', 18)
    await primary.stop()
    for (const { from, to, mailParameters, bytes } of corpus)
      expect((await hand(world.port, { from, to, mailParameters }, bytes)).final?.code).toBe(250)
    await modeIs(operator, 'emergency', 30)
    await primary.start()
    await modeIs(operator, 'normal', 60)
    await expectHome(corpus)
    expect(await ledgerProblems(operator)).toEqual([])
  })

  test('neither has anything to say against how we speak', () => {
    expect([primary, world].flatMap((one) => make.complaint.exec(one.log())?.[0] ?? [])).toEqual([])
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
