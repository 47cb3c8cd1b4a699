/** A made-up recipient tells who takes everybody: at a stand-in that does, at one that knows its people, now and then. */
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startStandIn, type StandIn, type StandInOptions } from '../../../testkit/stand-in/stand-in.ts'
import { probeSmtp, type ProbeResult, type ProbeTarget } from '../../clients/smtp/probe.ts'
import { systemClock } from '../../platform/clock.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { STRANGER_EVERY, strangerAt, takesAll } from './accept-all.ts'
import { createProber } from './probe.ts'

let primary: StandIn | null = null
afterEach(async () => {
  await primary?.close()
  primary = null
})

async function ask(options: StandInOptions = {}, prepare?: (primary: StandIn) => unknown): Promise<ProbeResult> {
  primary = await startStandIn(options)
  await prepare?.(primary)
  const target: ProbeTarget = {
    host: '127.0.0.1',
    port: primary.port,
    tls: 'none',
    helo: 'holdfast.test',
    timeoutMs: 3000,
    from: '',
    rcpt: 'postmaster@corp.test',
    stranger: strangerAt('corp.test'),
  }
  return probeSmtp(target, systemClock)
}
const recipients = () => primary!.commands.filter((line) => line.startsWith('RCPT')).length

test('a primary that takes a made-up recipient takes everybody; the probe is good and sends nothing', async () => {
  const result = await ask()
  expect(result).toMatchObject({ ok: true, strangerCode: 250 })
  expect(takesAll(result)).toBe(true)
  expect(recipients()).toBe(2)
  expect(primary!.store.all()).toEqual([])
})

test('a primary that refuses it knows its people, and is as healthy as before', async () => {
  const result = await ask({ mailboxes: ['postmaster@corp.test'] })
  expect(result).toMatchObject({ ok: true, stage: 'rcpt', code: 250, strangerCode: 550 })
  expect(takesAll(result)).toBe(false)
})

test('one that refuses even the recipient of the probe does not take everybody', async () => {
  const result = await ask({ mailboxes: ['alice@corp.test'] })
  expect(takesAll(result)).toBe(false)
  expect(recipients()).toBe(1)
})

test.each(['rcpt-4xx', 'mail-4xx', 'greet-554', 'off'] as const)('fault %s does not say', async (fault) => {
  expect(takesAll(await ask({}, (it) => it.setFault(fault)))).toBeNull()
})

test('greylisting of the stranger does not say', () => {
  expect(takesAll({ ok: true, stage: 'rcpt', code: 250, text: '', tookMs: 1, strangerCode: 451 })).toBeNull()
})

test('the first probe that comes so far asks, then one of many; a route without a domain is never asked', async () => {
  const clock = fakeClock()
  const base: Omit<Route, 'routeId' | 'domain'> = {
    organisationId: 'o',
    name: 'primary',
    kind: RouteKind.primary,
    settings: routeSettingsSchema.parse({ hosts: [{ host: 'primary.test' }] }),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
    switching: automatic,
    offers: {},
    offer: null,
    wayBack: 1,
  }
  const routes = new Map<string, Route>([
    ['r', { ...base, routeId: 'r', domain: 'corp.test' }],
    ['s', { ...base, routeId: 's', domain: null }],
  ])
  let up = false
  const asked: Record<string, boolean[]> = { 'postmaster@corp.test': [], 'postmaster@primary.test': [] }
  const found: string[] = []
  const standing = (routeId: string) => ({
    organisationId: 'o',
    routeId,
    mode: Mode.normal,
    since: 0,
    pin: null,
    version: 0,
    returnEventId: null,
  })
  const prober = createProber({
    clock,
    routes: { get: (id) => routes.get(id) },
    board: { standing, onChange: () => undefined },
    evidence: { report: () => undefined },
    judged: () => routes.keys(),
    onStranger: (route, isTaken) => found.push(`${route.routeId} ${isTaken}`),
    probe: async ({ rcpt, stranger }) => {
      asked[rcpt]!.push(stranger !== undefined)
      if (!up) return { ok: false, stage: 'connect', text: 'connect ECONNREFUSED', tookMs: 1 }
      return {
        ok: true,
        stage: 'rcpt',
        code: 250,
        text: '250',
        tookMs: 1,
        ...(stranger === undefined ? {} : { strangerCode: 250 }),
      }
    },
  })
  prober.start()
  await clock.advance(60_000)
  expect(asked['postmaster@corp.test']!.every(Boolean)).toBe(true)
  expect(found).toEqual([])
  up = true
  const before = asked['postmaster@corp.test']!.length
  await clock.advance(15 * 60_000)
  prober.stop()
  const since = asked['postmaster@corp.test']!.slice(before)
  expect(since.length).toBeGreaterThan(STRANGER_EVERY * 2)
  expect(since).toEqual(since.map((_, i) => i % STRANGER_EVERY === 0))
  expect(found).toEqual(since.filter(Boolean).map(() => 'r true'))
  expect(asked['postmaster@primary.test']!.length).toBeGreaterThan(STRANGER_EVERY)
  expect(asked['postmaster@primary.test']!.some(Boolean)).toBe(false)
})
