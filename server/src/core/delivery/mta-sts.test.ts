/** Which policy holds, from the first message to the end of its time, whatever an attacker makes disappear. */
import { beforeEach, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { silentLog } from '../../platform/log.ts'
import type { Policy } from '../../protocols/mta-sts/policy.ts'
import { RouteKind } from '../../platform/codes.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { createPolicies, type KeptPolicy } from './mta-sts.ts'
import { findTargets } from './targets.ts'

const enforce: Policy = { mode: 'enforce', mx: ['mx.corp.test'], maxAge: 86_400 }
const LATER = 300_001

const faults: string[] = []
let clock: FakeClock
let world: { id: string | null | Error | Promise<never>; policy: Policy | Error; fetched: number; looked: number }
let stored: Map<string, KeptPolicy>
beforeEach(() => {
  clock = fakeClock()
  world = { id: 'one', policy: enforce, fetched: 0, looked: 0 }
  stored = new Map()
  faults.length = 0
})

const policies = () =>
  createPolicies({
    onFault: (domain, error) => void faults.push(`${domain}: ${error.message}`),
    clock,
    log: silentLog,
    host: {
      lookUpId() {
        world.looked++
        return world.id instanceof Error ? Promise.reject(world.id) : Promise.resolve(world.id)
      },
      fetch() {
        world.fetched++
        return world.policy instanceof Error ? Promise.reject(world.policy) : Promise.resolve(world.policy)
      },
    },
    store: {
      read: (domain) => Promise.resolve(stored.get(domain) ?? null),
      write: (policy) => Promise.resolve(void stored.set(policy.domain, policy)),
    },
  })
const modeOf = async (of: ReturnType<typeof policies>) => (await of('corp.test'))?.mode ?? null

test('asked for once, looked at again after a while, fetched again when its id has changed', async () => {
  const of = policies()
  expect(await Promise.all([modeOf(of), modeOf(of), modeOf(of)])).toEqual(['enforce', 'enforce', 'enforce'])
  expect(await modeOf(of)).toBe('enforce')
  expect([world.looked, world.fetched]).toEqual([1, 1])
  await clock.advance(LATER)
  expect(await modeOf(of)).toBe('enforce')
  expect([world.looked, world.fetched]).toEqual([2, 1])
  world.id = 'two'
  world.policy = { mode: 'none', mx: [], maxAge: 600 }
  await clock.advance(LATER)
  await modeOf(of)
  await clock.advance(1)
  expect(await modeOf(of)).toBe('none')
})

test('renewed long before it ends: who holds back one answer at its end ends nothing', async () => {
  const of = policies()
  await modeOf(of)
  await clock.advance(43_300_000)
  await modeOf(of)
  await clock.advance(1)
  expect(world.fetched).toBe(2)
  world.id = new Error('held back')
  await clock.advance(43_200_000)
  expect(await modeOf(of)).toBe('enforce')
})

test('what is known is the answer while it is looked at again; only the first message waits, and not for long', async () => {
  const of = policies()
  await modeOf(of)
  world.id = new Promise<never>(() => undefined)
  await clock.advance(LATER)
  expect(await modeOf(of)).toBe('enforce')
  const first = policies()('slow.test')
  await clock.advance(15_001)
  expect(await first).toBeNull()
})

test('a record that disappears, a server that is away, a policy that is broken: the one that is kept holds to its end', async () => {
  const of = policies()
  await modeOf(of)
  for (const id of [null, new Error('no answer')]) {
    world.id = id
    await clock.advance(LATER)
    expect(await modeOf(of)).toBe('enforce')
  }
  world.id = 'two'
  world.policy = new Error('not a policy')
  expect(faults).toEqual([])
  await clock.advance(LATER)
  expect(await modeOf(of)).toBe('enforce')
  expect(faults).toEqual(['corp.test: not a policy'])
  await clock.advance(86_400_000)
  expect(await modeOf(of)).toBeNull()
})

test('a restart forgets nothing; who is away at the first message has none', async () => {
  await modeOf(policies())
  world.id = new Error('no answer')
  expect(await modeOf(policies())).toBe('enforce')
  stored.clear()
  expect(await modeOf(policies())).toBeNull()
})

test('a store that is away costs the memory of a restart, not the policy', async () => {
  const of = createPolicies({
    clock,
    log: silentLog,
    host: { lookUpId: () => Promise.resolve('one'), fetch: () => Promise.resolve(enforce) },
    store: { read: () => Promise.reject(new Error('away')), write: () => Promise.reject(new Error('away')) },
  })
  expect(await modeOf(of)).toBe('enforce')
})

const mx: Route = {
  organisationId: 'o',
  routeId: 'r',
  name: 'world',
  kind: RouteKind.mx,
  settings: routeSettingsSchema.parse({}),
  secretSealed: null,
  clientTlsSealed: null,
  reachSealed: null,
  switching: automatic,
  offers: {},
  offer: null,
  wayBack: 1,
  domain: null,
}
const targetsOf = (policy: Policy | null, hosts: string[], domain = 'corp.test') =>
  findTargets(mx, domain, {
    openSecret: () => '',
    world: {
      port: 25,
      tlsaOf: () => Promise.resolve({ kind: 'none' }),
      hostTlsa: () => Promise.resolve({ kind: 'none' }),
      policyOf: (asked) => Promise.resolve(asked === 'corp.test' || asked === 'xn--bcher-kva.test' ? policy : null),
      lookUpMx: () =>
        Promise.resolve({
          kind: 'hosts',
          hosts: hosts.map((host, i) => ({ host, address: `192.0.2.${i + 1}`, priority: i })),
        }),
    },
  })

test('enforced: the servers it names, by a valid certificate only', async () => {
  const { targets } = await targetsOf(enforce, ['mx.corp.test', 'evil.test'])
  expect(targets).toEqual([expect.objectContaining({ host: 'mx.corp.test', tls: 'required' })])
  expect((await targetsOf(enforce, ['mx.corp.test'], 'bücher.test')).targets[0]!.tls).toBe('required')
})

test('enforced, and none of the servers is named: it waits and says why, it is never sent', async () => {
  const { targets, refusal } = await targetsOf(enforce, ['evil.test'])
  expect(targets).toEqual([])
  expect(refusal).toMatchObject({ enhanced: '4.7.5', failure: 'dns' })
  expect(refusal!.text).toBe('the MTA-STS policy of corp.test does not name evil.test')
})

test.each([null, { ...enforce, mode: 'testing' }, { ...enforce, mode: 'none' }] as (Policy | null)[])(
  'not enforced (%j): as the route says',
  async (policy) => {
    const { targets } = await targetsOf(policy, ['mx.corp.test', 'evil.test'])
    expect(targets.map(({ tls }) => tls)).toEqual(['opportunistic', 'opportunistic'])
  },
)
