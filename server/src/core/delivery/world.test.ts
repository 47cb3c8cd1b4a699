/** What a domain publishes about TLS, and what becomes of its hosts: DANE, then MTA-STS, then what the route says. */
import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import * as pem from '../../../testkit/certificates.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { MxHost } from '../../clients/dns/mx.ts'
import type { TlsaAnswer } from '../../clients/dns/tlsa.ts'
import type { Policy } from '../../protocols/mta-sts/policy.ts'
import { automatic, routeSettingsSchema, type Route, type RouteSettings } from '../directory/index.ts'
import { startNextHop } from '../../../testkit/next-hop.ts'
import { systemClock } from '../../platform/clock.ts'
import type { MessageFacts } from '../queue/index.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport } from './runner-ports.ts'
import { findTargets } from './targets.ts'
import type { World } from './world.ts'

const good: TlsaAnswer = {
  kind: 'records',
  base: 'mx.corp.test',
  records: [{ usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32) }],
}
const useless: TlsaAnswer = { ...good, records: [{ usage: 1, selector: 1, matching: 1, data: Buffer.alloc(32) }] }
const none: TlsaAnswer = { kind: 'none' }
const unknown: TlsaAnswer = {
  kind: 'unknown',
  text: 'the TLSA records of mx.corp.test could not be looked up (SERVFAIL)',
}
const enforce: Policy = { mode: 'enforce', mx: ['mx.corp.test'], maxAge: 86_400 }

/** What reports would count: domain, policy, and the word for a host that is not used. */
const counted: string[] = []
const tally: NonNullable<World['tally']> = {
  note: () => undefined,
  unused: ({ domain, policy }, host, result) => void counted.push(`${domain} ${policy.type} ${host} ${result}`),
}
const testing: Policy = { mode: 'testing', mx: ['other.test'], maxAge: 86_400 }

interface Wish {
  tlsa?: Record<string, TlsaAnswer>
  policy?: Policy | null
  tls?: RouteSettings['tls']
  hosts?: string[]
  kind?: Route['kind']
  /** what the targets are about instead */
  about?: boolean
  /** what the sender said about TLS */
  wish?: MessageFacts['tls']
  /** the route is declared safe for it */
  trusted?: boolean
}
/** Host and how TLS is begun to it; or the refusal. */
async function look({
  tlsa = {},
  policy = null,
  tls = 'opportunistic',
  hosts = ['mx.corp.test'],
  kind,
  about,
  wish,
  trusted = false,
}: Wish) {
  const route: Route = {
    organisationId: 'o',
    routeId: 'r',
    name: 'world',
    kind: kind ?? RouteKind.mx,
    settings: routeSettingsSchema.parse({
      tls,
      requireTlsTrusted: trusted,
      hosts: kind ? hosts.map((host) => ({ host })) : [],
    }),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
    switching: automatic,
    offers: {},
    offer: null,
    wayBack: 1,
    domain: null,
  }
  const found: MxHost[] = hosts.map((host, i) => ({
    host,
    address: `192.0.2.${i + 1}`,
    priority: i,
    ...(host in tlsa ? { tlsaBases: [host] } : {}),
  }))
  const world: World = {
    port: 25,
    tally,
    policyOf: () => Promise.resolve(policy),
    tlsaOf: ([base]) => Promise.resolve(tlsa[base!] ?? none),
    hostTlsa: (host) => Promise.resolve(tlsa[host] ?? none),
    lookUpMx: () => Promise.resolve({ kind: 'hosts', hosts: found }),
  }
  const { targets, refusal } = await findTargets(route, 'corp.test', { openSecret: () => '', world, tls: wish })
  if (refusal) return refusal
  if (about)
    return targets.map((one) => {
      const { policy: its, isTest } = one.about!
      return `${its.type} ${its.strings.join(',').slice(0, 30)}${isTest ? ' test' : ''}`
    })
  return targets.map(
    ({ host, tls: how, trust, requireTls }) =>
      `${host} ${how}${trust?.tlsa ? ` ${trust.tlsa.length}` : ''}${requireTls ? ' kept' : ''}`,
  )
}
const mx = 'mx.corp.test'

test('records that can be used: DANE, also before a policy that does not name the host, and whatever the route says', async () => {
  for (const tls of ['none', 'opportunistic', 'required', 'dane'] as const)
    expect(await look({ tlsa: { [mx]: good }, tls })).toEqual(['mx.corp.test dane 1'])
  expect(await look({ tlsa: { [mx]: good }, policy: { ...enforce, mx: ['other.test'] } })).toEqual([
    'mx.corp.test dane 1',
  ])
})

test('records of which none can be used: encrypted at least; a policy and a strict route still hold', async () => {
  for (const tls of ['none', 'opportunistic'] as const)
    expect(await look({ tlsa: { [mx]: useless }, tls })).toEqual(['mx.corp.test dane 0'])
  expect(await look({ tlsa: { [mx]: useless }, policy: enforce })).toEqual(['mx.corp.test required'])
  expect(await look({ tlsa: { [mx]: useless }, tls: 'required' })).toEqual(['mx.corp.test required'])
})

test('none: as without DANE', async () => {
  expect(await look({ tlsa: { [mx]: none } })).toEqual(['mx.corp.test opportunistic'])
  expect(await look({})).toEqual(['mx.corp.test opportunistic'])
  expect(await look({ policy: enforce })).toEqual(['mx.corp.test required'])
})

test('nobody knows: the host is not used, the others are; none left: it waits and says why', async () => {
  const other = { [mx]: unknown, 'b.corp.test': none }
  expect(await look({ tlsa: other, hosts: [mx, 'b.corp.test'] })).toEqual(['b.corp.test opportunistic'])
  expect(await look({ tlsa: { [mx]: unknown }, policy: enforce })).toEqual({
    code: 0,
    enhanced: '4.7.5',
    failure: 'dns',
    text: 'DANE: the TLSA records of mx.corp.test could not be looked up (SERVFAIL), so nothing goes to mx.corp.test',
  })
})

test('a route that demands DANE of the world', async () => {
  const refused = await look({ tls: 'dane', tlsa: { [mx]: useless } })
  expect(refused).toMatchObject({
    enhanced: '4.7.5',
    text: expect.stringContaining('tls dane: mx.corp.test has no TLSA'),
  })
  expect(await look({ tls: 'dane' })).toMatchObject({ enhanced: '4.7.5' })
})

test('a route to named hosts: only those whose records can be used; none left: it waits and says why', async () => {
  const kind = RouteKind.primary
  const hosts = [mx, 'b.corp.test', 'c.corp.test', 'd.corp.test']
  const tlsa = { [mx]: good, 'b.corp.test': unknown, 'c.corp.test': useless }
  expect(await look({ kind, hosts, tlsa, tls: 'dane' })).toEqual(['mx.corp.test dane 1'])
  const refused = await look({ kind, hosts: hosts.slice(1), tlsa, tls: 'dane' })
  expect(refused).toMatchObject({ enhanced: '4.7.5', failure: 'dns' })
  for (const text of ['SERVFAIL', 'can be used', 'd.corp.test:25 has no TLSA records'])
    expect(refused).toMatchObject({ text: expect.stringContaining(text) })
  expect(await look({ kind, hosts: [mx], tlsa, tls: 'required' })).toEqual(['mx.corp.test required'])
})

test('what reports will say it was about (RFC 8460): the policy that held, a test of one, or none', async () => {
  const about = true
  expect(await look({ about, tlsa: { [mx]: good } })).toEqual(['tlsa 3 1 1 000000000000000000000000'])
  expect(await look({ about, tlsa: { [mx]: useless } })).toEqual(['tlsa 1 1 1 000000000000000000000000'])
  expect(await look({ about, policy: enforce })).toEqual(['sts version: STSv1,mode: enforce,m'])
  expect(await look({ about, policy: testing })).toEqual(['sts version: STSv1,mode: testing,m test'])
  expect(await look({ about })).toEqual(['no-policy-found '])
  counted.length = 0
  await look({ tlsa: { [mx]: unknown } })
  await look({ policy: { ...enforce, mx: ['other.test'] } })
  expect(counted).toEqual([
    'corp.test tlsa mx.corp.test dnssec-invalid',
    'corp.test sts mx.corp.test validation-failure',
  ])
})

test('each connection that is made, or not, is told once, with the host it was to', async () => {
  const hop = await startNextHop({ tls: 'broken' })
  const told: string[] = []
  const target = { host: '127.0.0.1', port: hop.port, protocol: 'smtp', priority: 1 } as const
  const ended: unknown[] = []
  const runnerTo = (tls: 'required' | 'opportunistic') =>
    createRunner({
      clock: systemClock,
      helo: 'mx.test',
      connections: 1,
      slowMs: 1000,
      findTargets: () => Promise.resolve({ targets: [{ ...target, tls }] }),
      mailOf: () => ({
        from: '',
        size: 1,
        smtputf8: false,
        eightbit: false,
        ret: null,
        envid: null,
        recipients: [{ address: 'b@corp.test', notify: null, orcpt: null }],
        body: () => [Buffer.from('x\r\n')],
      }),
      mayGo: () => true,
      handBack: () => undefined,
      report: (report) => void ended.push(report),
      onSlow: () => undefined,
      onOpened: ({ host }, outcome) =>
        told.push(`${host} ${outcome instanceof Error ? `${outcome.stage} ${outcome.fault}` : outcome.fault}`),
    })
  const job = { client: null, recipients: [{ address: 'b@corp.test' }] } as unknown as Job
  const runners = [runnerTo('required'), runnerTo('opportunistic')]
  for (const runner of runners) runner.push(job)
  runners[1]!.push(job)
  await expect.poll(() => ended.length).toBe(3)
  expect(told.sort()).toEqual(['127.0.0.1 tls validation-failure', '127.0.0.1 validation-failure'])
  for (const runner of runners) runner.stop()
  await hop.close()
})

test('TLS all the way (RFC 8689): only whose certificate is checked, and who must offer it too', async () => {
  const wish = 'required'
  expect(await look({ wish })).toEqual(['mx.corp.test required kept'])
  expect(await look({ wish, policy: enforce })).toEqual(['mx.corp.test required kept'])
  expect(await look({ wish, tlsa: { [mx]: good } })).toEqual(['mx.corp.test dane 1 kept'])
  expect(await look({ wish, tlsa: { [mx]: useless } })).toMatchObject([expect.stringMatching(/required \d kept/)])
  const clear = { code: 550, enhanced: '5.7.30', failure: null }
  expect(await look({ wish, tls: 'none' })).toMatchObject(clear)
  const kind = RouteKind.primary
  expect(await look({ wish, kind, tls: 'opportunistic' })).toEqual(['mx.corp.test required kept'])
  expect(await look({ wish, kind, tls: 'none' })).toMatchObject(clear)
  // The admin says that the way is protected by other means.
  for (const tls of ['none', 'opportunistic'] as const)
    expect(await look({ wish, kind, tls, trusted: true })).toEqual([`mx.corp.test ${tls}`])
})

test('TLS-Required: No: what the domain publishes is not asked, what the route demands holds', async () => {
  const wish = 'optional'
  for (const tls of ['none', 'opportunistic', 'required'] as const) {
    expect(await look({ wish, tls, policy: { ...enforce, mx: ['other.test'] } })).toEqual([`mx.corp.test ${tls}`])
    expect(await look({ wish, tls, tlsa: { [mx]: unknown } })).toEqual([`mx.corp.test ${tls}`])
  }
  expect(await look({ wish, tls: 'dane' })).toMatchObject({ enhanced: '4.7.5' })
  expect(await look({ wish, kind: RouteKind.primary, tls: 'required' })).toEqual(['mx.corp.test required'])
})

describe('a host that does not promise TLS all the way', () => {
  async function send(extensions: string[][], alsoDead = false) {
    const hops = await Promise.all(
      extensions.map((offered) => startNextHop({ extensions: offered, tls: { cert: pem.server, key: pem.serverKey } })),
    )
    const data = new X509Certificate(pem.server).raw
    const target = {
      host: '127.0.0.1',
      protocol: 'smtp',
      tls: 'dane',
      trust: { name: 'mx.corp.test', tlsa: [{ usage: 3, selector: 0, matching: 0, data }] },
      requireTls: true,
    } as const
    const ended: AttemptReport[] = []
    const runner = createRunner({
      clock: systemClock,
      helo: 'mx.test',
      connections: 1,
      slowMs: 1000,
      findTargets: () =>
        Promise.resolve({
          targets: [...(alsoDead ? [{ port: 1 }] : []), ...hops].map(({ port }, priority) => ({
            ...target,
            port,
            priority,
          })),
        }),
      mailOf: () => ({
        from: 'a@home.test',
        size: 1,
        smtputf8: false,
        eightbit: false,
        ret: 'FULL',
        envid: null,
        requireTls: true,
        recipients: [{ address: 'b@corp.test', notify: null, orcpt: null }],
        body: () => [Buffer.from('x\r\n')],
      }),
      mayGo: () => true,
      handBack: () => undefined,
      report: (report) => void ended.push(report),
      onSlow: () => undefined,
    })
    runner.push({ client: null, recipients: [{ address: 'b@corp.test' }] } as unknown as Job)
    await expect.poll(() => ended.length, { timeout: 10_000 }).toBe(1)
    runner.stop()
    for (const hop of hops) await hop.close()
    return {
      result: ended[0]!.results[0]!,
      mails: hops.map((hop) => hop.heard.find(({ line }) => line.startsWith('MAIL'))?.line),
    }
  }
  test('is not used while another one does, which is told', async () => {
    const { result, mails } = await send([['PIPELINING'], ['PIPELINING', 'REQUIRETLS']])
    expect(result.outcome).toBe('delivered')
    expect(mails).toEqual([undefined, 'MAIL FROM:<a@home.test> REQUIRETLS'])
  })
  test('refuses it for good where there is no other; not while one is only away', async () => {
    const { result, mails } = await send([['PIPELINING'], []])
    expect(result).toMatchObject({ outcome: 'refused', code: 550, enhanced: '5.7.30', failure: null })
    expect(mails).toEqual([undefined, undefined])
    expect((await send([['PIPELINING']], true)).result.outcome).toBe('deferred')
  })
})
