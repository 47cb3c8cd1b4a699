/**
 * Mail to a world whose DNS is signed: a real validating resolver (unbound) before a real name server (NSD), a real Postfix with
 * STARTTLS as the mail server of every domain. What its TLSA records say decides, and what was forged is never believed. Its
 * MTA-STS and SPF records are obeyed as well.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../server/src/platform/certificate.ts'
import * as pem from '../server/testkit/certificates.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { startDns, type DnsPeer } from './peers/dns.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { peerFolder, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'dns', 'root')

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const server = new X509Certificate(pem.server)
const own = `3 1 1 ${digest(server.publicKey.export({ type: 'spki', format: 'der' }))}`
const anchor = `2 0 1 ${digest(new X509Certificate(pem.root).raw)}`
const other = `3 1 1 ${'ab'.repeat(32)}`

/** Every name's address is the one Postfix listens on, but for `away`, where nobody does. */
const signedZone = (port: number): string[] => [
  'good MX 10 mx.good\nmx.good A 127.0.0.1',
  `_${port}._tcp.mx.good TLSA ${own}`,
  // another record of the same set is fine, and the name in the certificate is the host's
  'anchored MX 10 mx.corp\nmx.corp A 127.0.0.1',
  `_${port}._tcp.mx.corp TLSA ${other}\n_${port}._tcp.mx.corp TLSA ${anchor}`,
  // signed by the anchor, for another name
  'misnamed MX 10 mx.misnamed\nmx.misnamed A 127.0.0.1',
  `_${port}._tcp.mx.misnamed TLSA ${anchor}`,
  'alias MX 10 mx.alias\nmx.alias CNAME mx.good',
  'wrong MX 10 mx.wrong\nmx.wrong A 127.0.0.1',
  `_${port}._tcp.mx.wrong TLSA ${other}`,
  'useless MX 10 mx.useless\nmx.useless A 127.0.0.1',
  `_${port}._tcp.mx.useless TLSA 1${other.slice(1)}`,
  'none MX 10 mx.none\nmx.none A 127.0.0.1',
  // forged below: it says then what the server has, which must not help
  'forged MX 10 mx.forged\nmx.forged A 127.0.0.1',
  `_${port}._tcp.mx.forged TLSA 3 1 1 ${'cd'.repeat(32)}`,
  'prefer MX 10 away\nprefer MX 20 mx.good\naway A 127.0.0.9',
  'null MX 0 .',
  'strict MX 10 mx.none\n_mta-sts.strict TXT "v=STSv1; id=one;"\nmta-sts.strict A 127.0.0.5',
  'proven MX 10 mx.none\nproven TXT "v=spf1 ip4:127.0.0.77 -all"',
  'unproven MX 10 mx.none\nunproven TXT "v=spf1 -all"',
]
const plainZone = (port: number): string[] => ['@ MX 10 mx', 'mx A 127.0.0.1', `_${port}._tcp.mx TLSA ${other}`]

describe.skipIf(skip)('a world whose DNS is signed', () => {
  const folder = skip ? '' : peerFolder('world')
  let world: Primary
  let dns: DnsPeer
  let installation: Installation
  let holdfast: RunningHoldfast
  let primary: StandIn
  const policyHost = selfSigned(['mta-sts.strict.test'], Date.now())
  const policies = createServer(policyHost, (_, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end('version: STSv1\r\nmode: enforce\r\nmx: mx.elsewhere.test\r\nmax_age: 86400\r\n')
  })
  beforeAll(async () => {
    await new Promise<void>((resolve, reject) => {
      policies.once('error', reject)
      policies.listen(443, '127.0.0.5', resolve)
    })
    writeFileSync(join(folder, 'policies.pem'), policyHost.cert)
    primary = await startStandIn()
    await primary.setFault('dot-5xx')
    const chain = join(folder, 'chain.pem')
    writeFileSync(chain, pem.serverKey + pem.server + pem.intermediate + pem.root)
    world = await startPrimary(['nobody@world.test'], {
      config: `
virtual_mailbox_domains = static:yes
virtual_mailbox_maps = static:yes
virtual_transport = discard
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${chain}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
`,
    })
    dns = await startDns({
      signed: signedZone(world.smtpPort),
      plain: plainZone(world.smtpPort),
      forge: ['cd'.repeat(32), own.split(' ')[3]!],
    })
    installation = createInstallation({
      name: 'dane',
      env: { NODE_EXTRA_CA_CERTS: join(folder, 'policies.pem') },
      config: {
        dns: { servers: [dns.resolver], allowPrivate: true },
        delivery: { worldPort: world.smtpPort },
      },
    })
    holdfast = await installation.start()
    const settings = { retryFirst: 1, retryMax: 2 }
    const home = { hosts: [{ host: '127.0.0.1', port: primary.port }], tls: 'none' }
    const declared = {
      organisations: [
        {
          slug: 'home',
          name: 'Home',
          routes: [
            { name: 'primary', kind: 'primary', settings: home },
            { name: 'world', kind: 'mx', settings },
          ],
          outboundRoute: 'world',
          outboundSources: [{ networks: ['127.0.0.1'] }],
          domains: [{ name: 'home.test', route: 'primary', recipientsComplete: true }],
          people: [{ name: 'Alice', addresses: ['alice@home.test'], password: 'amber-ferry-alice-42' }],
        },
      ],
    }
    const file = join(installation.data, 'home.yaml')
    writeFileSync(file, JSON.stringify(declared))
    await installation.must(['apply', '-f', file, '--json'])
  })
  afterAll(async () => {
    await holdfast.stop()
    await installation.remove()
    await world.remove()
    await dns.remove()
    await primary.close()
    await new Promise((resolve) => policies.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  })

  async function send(domain: string): Promise<string> {
    const to = `someone@${domain}`
    const mail = `From: alice@home.test\r\nTo: ${to}\r\nSubject: ${domain}\r\n\r\nHello\r\n`
    // What was declared just now is known everywhere within a second.
    await until(
      'it is taken',
      async () => (await sendMail(holdfast.ports.mx, { from: 'alice@home.test', to: [to] }, mail)).ok,
      10_000,
    )
    return to
  }
  async function delivery(to: string): Promise<{ state: string; attempts: any[] } | undefined> {
    const found = await installation.must(['trace', to, '--json'])
    return found.json.messages.flatMap((one: any) => one.deliveries).find((one: any) => one.recipient === to)
  }
  /** The delivery once it is in this state, with its last attempt. */
  const settled = (to: string, state: string) =>
    until(
      `${to} is ${state}`,
      async () => {
        const one = await delivery(to)
        return one?.state === state && one.attempts.length > 0 ? { ...one, last: one.attempts.at(-1) } : null
      },
      40_000,
      1_000,
    )
  const isTaken = (to: string): boolean => world.log().includes(`to=<${to}>`)

  test('a certificate that the TLSA records speak of: delivered, and the trace says so', async () => {
    for (const domain of ['good.test', 'anchored.test', 'alias.test']) {
      const to = await send(domain)
      const { last } = await settled(to, 'delivered')
      expect(last.tls, domain).toMatch(/^TLSv1\.[23] \S+ dane$/)
      expect(isTaken(to)).toBe(true)
    }
  })

  test.each([
    ['wrong.test', /DANE: none of the host's TLSA records fits the server's certificate/],
    ['misnamed.test', /DANE: .* not made out to this host/],
    ['forged.test', /DANE: the TLSA records of mx\.forged\.test could not be looked up \(.*SERVFAIL\)/],
  ])('%s: waits, says why, and nothing of it was sent', async (domain, why) => {
    const to = await send(domain)
    const { last } = await settled(to, 'deferred')
    expect(last.reply).toMatch(why)
    expect(['tls-failed', 'dns-failed']).toContain(last.reason)
    expect(isTaken(to)).toBe(false)
  })

  test.each(['useless.test', 'none.test', 'plain.test'])('%s: encrypted, whoever it is', async (domain) => {
    const { last } = await settled(await send(domain), 'delivered')
    expect(last.tls).toMatch(/^TLSv1\.[23] \S+$/)
  })

  test('a better mail server that is away: the next one is asked; one that takes no mail at all is final', async () => {
    const { last } = await settled(await send('prefer.test'), 'delivered')
    expect(last).toMatchObject({ host: expect.stringContaining('mx.good.test'), tls: expect.stringMatching(/ dane$/) })
    const to = await send('null.test')
    const refused = await until('refused', async () => (await delivery(to))?.attempts.at(-1), 40_000)
    expect(refused.reply).toContain('null MX')
  })

  test('MTA-STS, where there is no DANE: a policy that names none of the mail servers keeps the mail here', async () => {
    const to = await send('strict.test')
    const { last } = await settled(to, 'deferred')
    expect(last.reply).toMatch(/MTA-STS policy of strict\.test does not name mx\.none\.test/)
    expect(isTaken(to)).toBe(false)
  })

  test('what the primary refuses after our 250 is told to a sender whom SPF proves, and to nobody else', async () => {
    const write = async (domain: string): Promise<void> => {
      const mail = `From: someone@${domain}\r\nTo: alice@home.test\r\nSubject: ${domain}\r\n\r\nHello\r\n`
      const envelope = { from: `someone@${domain}`, to: ['alice@home.test'] }
      expect((await sendMail(holdfast.ports.mx, envelope, mail, { localAddress: '127.0.0.77' })).ok).toBe(true)
    }
    await write('proven.test')
    await until('the notice is there', () => isTaken('someone@proven.test'), 20_000).catch(async (error: unknown) => {
      console.log(JSON.stringify((await installation.must(['trace', 'someone@proven.test', '--json'])).json))
      throw error
    })
    await write('unproven.test')
    const parked = await until(
      'parked',
      async () => {
        const found = await installation.must(['trace', 'someone@unproven.test', '--json'])
        const all = found.json.messages.flatMap((one: any) => one.deliveries)
        return all.find((one: any) => one.state === 'parked') ?? null
      },
      40_000,
      1_000,
    )
    expect(parked.reason).toBe('sender-not-aligned')
    expect(isTaken('someone@unproven.test')).toBe(false)
  })

  test('doctor knows that the name server answers; in a world without a root it cannot say more', async () => {
    const { stdout } = await installation.cli(['doctor'])
    expect(stdout).toContain(dns.resolver)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
