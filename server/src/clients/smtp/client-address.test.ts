/** What is said of a client, in the three ways, and that nothing a stranger says of itself can become a command. */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock } from '../../platform/clock.ts'
import {
  connectionOf,
  heloOf,
  proxyHeader,
  xclientLine,
  xforwardLines,
  type ClientAddress,
  type ClientFacts,
} from './client-address.ts'
import { openSmtpConnection, type OutgoingMail, type SmtpConnection } from './connection.ts'
import { probeSmtp } from './probe.ts'

const client: ClientFacts = { ip: '192.0.2.7', helo: 'mail.outside.test', name: null }
const FORWARD = 'NAME ADDR PROTO HELO SOURCE PORT IDENT'
const XCLIENT = 'NAME ADDR PROTO HELO LOGIN'

describe('the words', () => {
  test.each<[Partial<ClientFacts>, string]>([
    [{}, 'NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=mail.outside.test'],
    [{ name: 'mail.outside.test', helo: null }, 'NAME=mail.outside.test ADDR=192.0.2.7 HELO=[UNAVAILABLE]'],
    [{ ip: '2001:db8::1' }, 'NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 HELO=mail.outside.test'],
    [{ ip: '::ffff:192.0.2.7' }, 'NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=mail.outside.test'],
    [{ ip: 'nonsense' }, 'NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=mail.outside.test'],
    [{ helo: 'a b=c+d' }, 'NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=a+20b+3Dc+2Bd'],
    [{ helo: 'x'.repeat(256) }, 'NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=[UNAVAILABLE]'],
  ])('%j', (change, words) => {
    expect(xforwardLines({ ...client, ...change }, FORWARD)).toEqual([`XFORWARD ${words}`])
    expect(xclientLine({ ...client, ...change }, XCLIENT)).toBe(`XCLIENT ${words}`)
  })
  test('only what is offered, and nothing of our own mail', () => {
    expect(xforwardLines(client, 'addr')).toEqual(['XFORWARD ADDR=192.0.2.7'])
    expect([xforwardLines(client, undefined), xforwardLines(client, 'X'), xforwardLines(null, FORWARD)]).toEqual([
      [],
      [],
      [],
    ])
    expect([xclientLine(client, undefined), xclientLine(client, ''), xclientLine(null, XCLIENT)]).toEqual([
      null,
      null,
      null,
    ])
  })
  test.each([
    ['192.0.2.7', '198.51.100.1', 'PROXY TCP4 192.0.2.7 198.51.100.1 0 25\r\n'],
    ['2001:db8::1', '2001:db8::2', 'PROXY TCP6 2001:db8::1 2001:db8::2 0 25\r\n'],
    ['192.0.2.7', '2001:db8::2', 'PROXY TCP6 ::ffff:192.0.2.7 2001:db8::2 0 25\r\n'],
    ['2001:db8::1', '198.51.100.1', 'PROXY TCP6 2001:db8::1 ::ffff:198.51.100.1 0 25\r\n'],
    ['::ffff:192.0.2.7', '::ffff:198.51.100.1', 'PROXY TCP4 192.0.2.7 198.51.100.1 0 25\r\n'],
    ['nonsense', '198.51.100.1', 'PROXY TCP4 203.0.113.5 198.51.100.1 1234 25\r\n'],
  ])('PROXY for %s at %s', (ip, address, header) => {
    const own = { address: '203.0.113.5', port: 1234 }
    const peer = { address, port: 25 }
    expect(proxyHeader({ ...client, ip }, { own, peer })).toBe(header)
    expect(proxyHeader(null, { own, peer })).toMatch(/^PROXY TCP[46] (::ffff:)?203\.0\.113\.5 \S+ 1234 25\r\n$/)
    expect(proxyHeader(null, { own: { ...own, address: '' }, peer })).toBe('PROXY UNKNOWN\r\n')
  })
  test('whatever it is called: printable lines within the limit, each attribute once', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.constantFrom('a\r\nMAIL FROM:<>', ' ADDR=1'),
    )
    fc.assert(
      fc.property(text, text, text, (ip, helo, name) => {
        const facts = { ip, helo, name }
        const lines = [...xforwardLines(facts, FORWARD), xclientLine(facts, XCLIENT)!]
        for (const line of lines) {
          expect(line).toMatch(/^(XFORWARD|XCLIENT)( (NAME|ADDR|HELO)=[!-~]+)+$/)
          expect(line.length).toBeLessThanOrEqual(510)
        }
        const forwarded = lines.slice(0, -1).join(' ')
        for (const word of ['NAME=', 'ADDR=', 'HELO=']) expect(forwarded.split(word)).toHaveLength(2)
        const end = { address: '198.51.100.1', port: 25 }
        expect(proxyHeader(facts, { own: end, peer: end })).toMatch(/^PROXY [ -~]{1,99}\r\n$/)
        expect(heloOf(facts) ?? 'x').toMatch(/^[!-~]{1,255}$/)
      }),
    )
  })
  test('who may share a connection', () => {
    const other = { ...client, helo: 'other' }
    expect(connectionOf('xforward', client)).toBe(connectionOf(undefined, other))
    expect(connectionOf('proxy', client)).toBe(connectionOf('proxy', other))
    expect(connectionOf('proxy', client)).not.toBe(connectionOf('proxy', null))
    expect(connectionOf('xclient', client)).not.toBe(connectionOf('xclient', other))
  })
})

describe('on the wire', () => {
  let hop: NextHop
  let connection: SmtpConnection | null = null
  afterEach(async () => {
    connection?.destroy()
    await hop.close()
  })
  const mailOf = (change: Partial<OutgoingMail> = {}): OutgoingMail => ({
    from: 'a@outside.test',
    size: 3,
    smtputf8: false,
    eightbit: false,
    ret: null,
    envid: null,
    recipients: [{ address: 'b@corp.test', notify: null, orcpt: null }],
    client,
    body: () => [Buffer.from('x\r\n')],
    ...change,
  })
  const target = (clientAddress: ClientAddress, more: object = {}) =>
    ({ host: '127.0.0.1', port: hop.port, protocol: 'smtp', tls: 'none', clientAddress, ...more }) as const
  async function open(how: ClientAddress, options: NextHopOptions, more: object = {}): Promise<SmtpConnection> {
    hop = await startNextHop(options)
    connection = await openSmtpConnection({ target: target(how, more), helo: 'mx.test', clock: systemClock, client })
    return connection
  }
  const lines = (): string[] => hop.heard.map(({ line }) => line)
  const outcome = async (mail = mailOf()): Promise<string> => (await connection!.send(mail))[0]!.outcome
  const said = 'ADDR=192.0.2.7 HELO=mail.outside.test'

  test('XFORWARD before each transaction; nothing is said ahead where it is needed', async () => {
    await open('xforward', { extensions: ['PIPELINING', 'XFORWARD ADDR HELO'] })
    expect(await outcome()).toBe('delivered')
    expect(connection!.mayFollow(mailOf())).toBe(false)
    expect(connection!.mayFollow(mailOf({ client: null }))).toBe(true)
    expect(await outcome(mailOf({ client: null }))).toBe('delivered')
    expect(lines().filter((line) => /^(XF|MAIL)/.test(line))).toEqual([
      `XFORWARD ${said}`,
      'MAIL FROM:<a@outside.test>',
      'MAIL FROM:<a@outside.test>',
    ])
  })
  test.each([
    ['is not offered', ['PIPELINING'], undefined],
    ['is refused', ['PIPELINING', 'XFORWARD ADDR'], '501 5.5.4 bad'],
  ])('where XFORWARD %s the message goes all the same', async (_, extensions, answer) => {
    await open('xforward', { extensions, answer: ({ line }) => (line.startsWith('XF') ? answer : undefined) })
    expect(await outcome()).toBe('delivered')
  })
  test('XCLIENT once, the conversation begins anew under the name of the client, and signs in again', async () => {
    const extensions = ['PIPELINING', 'AUTH PLAIN', 'XCLIENT ADDR HELO']
    await open('xclient', { extensions }, { username: 'u', password: 'p' })
    expect([await outcome(), await outcome()]).toEqual(['delivered', 'delivered'])
    expect(lines().map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'EHLO mx.test',
      'AUTH PLAIN',
      'XCLIENT ADDR=192.0.2.7',
      'EHLO mail.outside.test',
      'AUTH PLAIN',
      ...Array(2).fill(['MAIL FROM:<a@outside.test>', 'RCPT TO:<b@corp.test>', 'DATA', 'x', '.']).flat(),
    ])
    expect(connection!.mayFollow(mailOf())).toBe(true)
    expect(connection!.mayFollow(mailOf({ client: { ...client, helo: 'other' } }))).toBe(false)
  })
  test('what the client may do is what the server says behind XCLIENT', async () => {
    let isIts = false
    await open('xclient', {
      answer({ line }) {
        if (line.startsWith('XCLIENT')) isIts = true
        if (!line.startsWith('EHLO')) return undefined
        return isIts ? '250-hop\r\n250 SIZE 2' : '250-hop\r\n250-SIZE 100\r\n250 XCLIENT ADDR'
      },
    })
    expect((await connection!.send(mailOf()))[0]).toMatchObject({ outcome: 'refused', code: 552 })
  })
  test.each([
    ['554 5.7.1 we do not like it', 'refused', false],
    ['450 4.7.1 not now', 'deferred', false],
    ['501 5.5.4 Bad ADDR syntax', 'delivered', true],
  ])('XCLIENT answered with %s: %s', async (answer, result, goesOn) => {
    await open('xclient', {
      extensions: ['XCLIENT ADDR'],
      answer: ({ line }) => (line.startsWith('XCLIENT') ? answer : undefined),
    })
    const [first] = await connection!.send(mailOf())
    expect(first).toMatchObject(goesOn ? { outcome: result } : { outcome: result, stage: 'mail' })
    expect(hop.story().includes('clear MAIL')).toBe(goesOn)
    expect(connection!.usable()).toBe(true)
  })
  test("a name the server's EHLO does not take: it gets ours", async () => {
    await open('xclient', {
      extensions: ['XCLIENT ADDR'],
      answer: ({ line }) => (/^(EHLO|HELO) mail/.test(line) ? '501 5.5.2 no' : undefined),
    })
    expect(await outcome()).toBe('delivered')
    expect(lines().filter((line) => line.startsWith('EHLO'))).toEqual([
      'EHLO mx.test',
      'EHLO mail.outside.test',
      'EHLO mx.test',
    ])
  })
  test('PROXY comes first, from a delivery and from a probe', async () => {
    await open('proxy', { answer: ({ line }) => (line.startsWith('PROXY') ? '' : undefined) })
    expect(await outcome()).toBe('delivered')
    expect(lines()[0]).toBe(`PROXY TCP4 192.0.2.7 127.0.0.1 0 ${hop.port}`)
    expect(connection!.mayFollow(mailOf({ client: { ...client, ip: '192.0.2.8' } }))).toBe(false)
    const asked = lines().length
    const probe = { ...target('proxy'), helo: 'mx.test', timeoutMs: 2000, from: '', rcpt: 'p@corp.test' } as const
    expect(await probeSmtp(probe, systemClock)).toMatchObject({ ok: true })
    expect(lines().slice(asked, asked + 2)).toEqual([
      expect.stringMatching(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+$/) as string,
      'EHLO mx.test',
    ])
  })
})
