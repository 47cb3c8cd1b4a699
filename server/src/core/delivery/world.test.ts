/** What a domain publishes about TLS, and what becomes of its hosts: DANE, then MTA-STS, then what the route says. */
import { expect, test } from 'vitest'
import { RouteKind } from '../../platform/codes.ts'
import type { MxHost } from '../../clients/dns/mx.ts'
import type { TlsaAnswer } from '../../clients/dns/tlsa.ts'
import type { Policy } from '../../protocols/mta-sts/policy.ts'
import { routeSettingsSchema, type Route, type RouteSettings } from '../directory/index.ts'
import { findTargets } from './targets.ts'

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

interface Wish {
  tlsa?: Record<string, TlsaAnswer>
  policy?: Policy | null
  tls?: RouteSettings['tls']
  hosts?: string[]
  kind?: Route['kind']
}
/** Host and how TLS is begun to it; or the refusal. */
async function look({ tlsa = {}, policy = null, tls = 'opportunistic', hosts = ['mx.corp.test'], kind }: Wish) {
  const route: Route = {
    organisationId: 'o',
    routeId: 'r',
    name: 'world',
    kind: kind ?? RouteKind.mx,
    settings: routeSettingsSchema.parse({ tls, hosts: kind ? hosts.map((host) => ({ host })) : [] }),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
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
  const { targets, refusal } = await findTargets(route, 'corp.test', () => '', {
    port: 25,
    policyOf: () => Promise.resolve(policy),
    tlsaOf: ([base]) => Promise.resolve(tlsa[base!] ?? none),
    hostTlsa: (host) => Promise.resolve(tlsa[host] ?? none),
    lookUpMx: () => Promise.resolve({ kind: 'hosts', hosts: found }),
  })
  if (refusal) return refusal
  return targets.map(({ host, tls: how, trust }) => `${host} ${how}${trust?.tlsa ? ` ${trust.tlsa.length}` : ''}`)
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
