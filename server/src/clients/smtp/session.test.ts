/** How a conversation begins: TLS by the target's policy, with and without a password, and what a failure of it means. */
import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { startNextHop, type HeardLine, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail, type SmtpConnection } from './connection.ts'
import { probeSmtp } from './probe.ts'
import type { SmtpFailure, SmtpTarget, TlsTrust } from './result.ts'
import { targetKey } from './target.ts'
import { pinOf } from './trust.ts'

const pem = selfSigned(['127.0.0.1'], Date.now())
let hop: NextHop
let connection: SmtpConnection | null = null
afterEach(async () => {
  connection?.destroy()
  connection = null
  await hop.close()
})

const mail: OutgoingMail = {
  from: 'a@corp.test',
  size: 3,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: [{ address: 'b@outside.test', notify: null, orcpt: null }],
  body: () => [Buffer.from('x\r\n')],
}
const login = { username: 'relay', password: 'secret' }
const targetOf = (change: Partial<SmtpTarget> = {}): SmtpTarget => ({
  host: '127.0.0.1',
  port: hop.port,
  protocol: 'smtp',
  tls: 'opportunistic',
  ...change,
})
const start = async (options: NextHopOptions): Promise<void> => void (hop = await startNextHop(options))
const open = async (change?: Partial<SmtpTarget>): Promise<SmtpConnection> =>
  (connection = await openSmtpConnection({ target: targetOf(change), helo: 'mx.test', clock: systemClock }))
const failure = (change?: Partial<SmtpTarget>): Promise<SmtpFailure> =>
  open(change).then(
    () => {
      throw new Error('it was opened')
    },
    (error: unknown) => error as SmtpFailure,
  )

const starttls454 = ({ line }: HeardLine) => (line === 'STARTTLS' ? '454 4.7.0 TLS not available' : undefined)
/** TLS 1.3: what the server thinks of our side it says after the handshake is done for us. */
const goneAfterHandshake = ({ line, encrypted }: HeardLine) => (encrypted && line.startsWith('EHLO') ? null : undefined)
const brokenTls: [string, NextHopOptions, RegExp][] = [
  ['STARTTLS is refused', { tls: pem, answer: starttls454 }, /454 TLS not available/],
  ['the handshake fails', { tls: 'broken' }, /: (wrong|packet)[a-z ]+ \(ERR_SSL_[A-Z_]+\)$/],
  [
    'the server hangs up at STARTTLS',
    { tls: pem, answer: ({ line }) => (line === 'STARTTLS' ? null : undefined) },
    /./,
  ],
  ['the server hangs up after the handshake', { tls: pem, answer: goneAfterHandshake }, /./],
]

describe('opportunistic TLS (RFC 7435, RFC 3207 section 4)', () => {
  test('is used where it works, whatever the certificate', async () => {
    await start({ tls: pem })
    expect((await open()).tls).toMatch(/^TLSv1\.[23] \S+$/)
    expect(connection!.key).toBe(targetKey(targetOf()))
    expect((await connection!.send(mail))[0]!.outcome).toBe('delivered')
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS', 'tls EHLO', 'tls MAIL', 'tls RCPT', 'tls DATA'])
  })

  test.each(brokenTls)('%s: sent in clear on a second connection, and the attempt says so', async (_, options, why) => {
    await start(options)
    const { tls } = await open()
    expect(tls).toMatch(/^clear: .+$/)
    expect(tls).toMatch(why)
    expect((await connection!.send(mail))[0]!.outcome).toBe('delivered')
    expect(hop.connections()).toBe(2)
    expect(hop.story().slice(-4)).toEqual(['clear EHLO', 'clear MAIL', 'clear RCPT', 'clear DATA'])
  })

  test('a host that fails otherwise is not asked twice', async () => {
    await start({ tls: pem, answer: ({ line }) => (line.startsWith('EHLO') ? '421 4.3.2 not now' : undefined) })
    expect(await failure()).toMatchObject({ stage: 'ehlo', code: 421 })
    expect(hop.connections()).toBe(1)
  })
})

describe('required TLS', () => {
  test.each(brokenTls)('%s: nothing is sent', async (_, options) => {
    await start(options)
    expect(await failure({ tls: 'required' })).toMatchObject({ stage: 'tls' })
    expect(hop.connections()).toBe(1)
    expect(hop.story()).not.toContain('clear MAIL')
  })
  test('a certificate that nobody vouches for: nothing is sent', async () => {
    await start({ tls: pem })
    expect(await failure({ tls: 'required' })).toMatchObject({ stage: 'tls', kind: 'tls' })
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS'])
  })
})

describe('pinned TLS', () => {
  const pinned = (...pins: string[]): Partial<SmtpTarget> => ({ tls: 'pinned', trust: { pins } })
  const own = pinOf(new X509Certificate(pem.cert))
  const other = pinOf(new X509Certificate(selfSigned(['other'], Date.now()).cert))

  test('one of the pins fits: sent, whoever signed the certificate', async () => {
    await start({ tls: pem })
    await open(pinned(other, own))
    expect((await connection!.send(mail))[0]!.outcome).toBe('delivered')
    expect(hop.story().slice(2)).toEqual(['tls EHLO', 'tls MAIL', 'tls RCPT', 'tls DATA'])
  })
  test('another key: nothing is said, in TLS or in clear, and the text names the pin to look at', async () => {
    await start({ tls: pem })
    const failed = await failure(pinned(other))
    expect(failed).toMatchObject({ stage: 'tls', kind: 'tls', code: 0 })
    expect(failed.message).toContain(own)
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS'])
    expect(hop.connections()).toBe(1)
  })
  test.each(brokenTls)('%s: nothing is sent', async (_, options) => {
    await start(options)
    expect(await failure(pinned(own))).toMatchObject({ stage: 'tls' })
    expect(hop.story()).not.toContain('clear MAIL')
  })
  test('no STARTTLS on offer: nothing is sent', async () => {
    await start({ answer: ({ line }) => (line === 'STARTTLS' ? '502 5.5.1 what?' : undefined) })
    expect(await failure(pinned(own))).toMatchObject({ stage: 'tls' })
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS'])
  })
})

describe('whom required TLS believes', () => {
  const required = (trust: TlsTrust): Partial<SmtpTarget> => ({ tls: 'required', trust })
  test("the route's own CA, for the host's address or the name it is told", async () => {
    await start({ tls: pem })
    expect((await open(required({ ca: pem.cert }))).tls).toMatch(/^TLS/)
    connection!.destroy()
    const named = selfSigned(['mail.corp.test'], Date.now())
    await hop.close()
    await start({ tls: named })
    expect((await open(required({ ca: named.cert, name: 'mail.corp.test' }))).tls).toMatch(/^TLS/)
  })
  test('a CA that vouches for another name: nothing is sent', async () => {
    await start({ tls: pem })
    const failed = await failure(required({ ca: pem.cert, name: 'mail.corp.test' }))
    expect(failed).toMatchObject({ stage: 'tls', kind: 'tls' })
    expect(failed.message).toContain('mail.corp.test')
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS'])
  })
  test('another CA: nothing is sent', async () => {
    await start({ tls: pem })
    const { cert } = selfSigned(['127.0.0.1'], Date.now())
    expect(await failure(required({ ca: cert }))).toMatchObject({ stage: 'tls', kind: 'tls' })
  })
})

describe('our certificate', () => {
  const ours = selfSigned(['relay.corp.test'], Date.now())
  const strict = { ...pem, requestCert: true, rejectUnauthorized: true }
  test('is shown to a host that insists on one', async () => {
    await start({ tls: strict })
    await open({ tls: 'pinned', trust: { pins: [pinOf(new X509Certificate(pem.cert))], client: ours.cert + ours.key } })
    expect((await connection!.send(mail))[0]!.outcome).toBe('delivered')
  })
  test('without it such a host is not spoken to', async () => {
    await start({ tls: strict })
    expect(await failure({ tls: 'pinned', trust: { pins: [pinOf(new X509Certificate(pem.cert))] } })).toMatchObject({
      stage: 'tls',
    })
  })
  test('one that cannot be read is our own fault', async () => {
    await start({ tls: pem })
    expect(await failure({ tls: 'pinned', trust: { pins: [], client: 'no PEM' } })).toMatchObject({
      stage: 'tls',
      kind: 'local',
    })
  })
})

describe('a password', () => {
  const auth = { extensions: ['AUTH PLAIN LOGIN'] }
  test.each<[string, NextHopOptions]>([
    ...brokenTls.map(([name, options]): [string, NextHopOptions] => [name, { ...auth, ...options }]),
    [
      'STARTTLS is not offered',
      { ...auth, answer: ({ line }) => (line === 'STARTTLS' ? '502 5.5.1 what?' : undefined) },
    ],
  ])('never travels in clear with tls opportunistic: %s', async (_, options) => {
    await start(options)
    expect(await failure(login)).toMatchObject({ stage: 'tls' })
    expect(hop.connections()).toBe(1)
    expect(hop.story()).not.toContain('clear AUTH')
    expect(hop.story()).not.toContain('clear MAIL')
  })
  test('is sent encrypted with tls opportunistic, whatever the certificate', async () => {
    await start({ ...auth, tls: pem })
    await open(login)
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS', 'tls EHLO', 'tls AUTH'])
    expect(hop.heard.at(-1)!.line).toBe(`AUTH PLAIN ${Buffer.from('\0relay\0secret').toString('base64')}`)
  })
  test('is sent in clear only where the route says tls none', async () => {
    await start({ ...auth, tls: pem })
    await open({ ...login, tls: 'none' })
    expect(hop.story()).toEqual(['clear EHLO', 'clear AUTH'])
  })
})

describe('AUTH (RFC 4954)', () => {
  const none = { ...login, tls: 'none' } as const
  const asLogin = (heard: HeardLine): string | undefined =>
    heard.line === 'AUTH LOGIN'
      ? '334 VXNlcm5hbWU6'
      : heard.line === Buffer.from('relay').toString('base64')
        ? '334 UGFzc3dvcmQ6'
        : heard.line === Buffer.from('secret').toString('base64')
          ? '235 2.7.0 welcome'
          : undefined

  test('LOGIN where only that is offered', async () => {
    await start({ extensions: ['AUTH=LOGIN CRAM-MD5'], answer: asLogin })
    expect((await (await open(none)).send(mail))[0]!.outcome).toBe('delivered')
    expect(hop.heard.slice(1, 4).map(({ line }) => line)).toEqual(['AUTH LOGIN', 'cmVsYXk=', 'c2VjcmV0'])
  })
  test.each([
    ['another way', ['AUTH CRAM-MD5'], 'only CRAM-MD5'],
    ['no way', ['PIPELINING'], 'no way to sign in'],
  ])('%s to sign in is offered: said, and nothing of the password sent', async (_, extensions, text) => {
    await start({ extensions })
    const failed = await failure(none)
    expect(failed).toMatchObject({ stage: 'auth', kind: 'reply' })
    expect(failed.message).toContain(text)
    expect(hop.story()).toEqual(['clear EHLO'])
  })
  test.each([
    ['PLAIN', /^AUTH PLAIN/],
    ['LOGIN', /^AUTH LOGIN/],
    ['LOGIN', /^cmVsYXk=/],
    ['LOGIN', /^c2VjcmV0/],
  ])('%s refused at %s fails the connection, without the password in the text', async (mechanism, at) => {
    await start({
      extensions: [`AUTH ${mechanism}`],
      answer: (heard) => (at.test(heard.line) ? '535 5.7.8 no' : asLogin(heard)),
    })
    const failed = await failure(none)
    expect(failed).toMatchObject({ stage: 'auth', code: 535, enhanced: '5.7.8' })
    expect(failed.message).toBe('535 no')
  })
})

describe('a probe begins like a delivery', () => {
  const probe = (change: Partial<SmtpTarget> = {}) =>
    probeSmtp(
      { ...targetOf(change), helo: 'mx.test', timeoutMs: 5000, from: '', rcpt: 'postmaster@outside.test' },
      systemClock,
    )
  test.each(brokenTls)('%s: a host that takes mail in clear is alive, and the answer says how', async (_, options) => {
    await start(options)
    const answer = await probe()
    expect(answer).toMatchObject({ ok: true, stage: 'rcpt', code: 250 })
    expect(answer.text).toContain('in clear, TLS failed')
  })
  test('where deliveries must be encrypted, it is not', async () => {
    await start({ extensions: ['AUTH PLAIN'], tls: 'broken' })
    expect(await probe({ username: 'relay' })).toMatchObject({ ok: false, stage: 'tls' })
    expect(await probe({ tls: 'required' })).toMatchObject({ ok: false, stage: 'tls' })
  })
  test('HELO where EHLO is not known', async () => {
    await start({ answer: ({ line }) => (line.startsWith('EHLO') ? '500 5.5.2 what?' : undefined) })
    expect(await probe()).toMatchObject({ ok: true })
    expect(hop.story().slice(0, 3)).toEqual(['clear EHLO', 'clear HELO', 'clear MAIL'])
  })
})
