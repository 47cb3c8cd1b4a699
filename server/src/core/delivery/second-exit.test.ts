/** A way to the outside with a second exit, against real sockets: when it is taken, with what, and when it is not. */
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import { automatic, exitsAmong, routeSettingsSchema, type Route } from '../directory/index.ts'
import { createDestinations, type Destinations } from './destinations.ts'
import type { Job } from './job.ts'
import type { AttemptReport } from './runner-ports.ts'
import { findTargets } from './targets.ts'
import type { World } from './world.ts'

const hops: NextHop[] = []
let destinations: Destinations | null = null
afterEach(async () => {
  destinations?.stop()
  for (const hop of hops.splice(0)) await hop.close()
})
const hopOf = async (answer?: NextHopOptions['answer']): Promise<NextHop> => {
  const hop = await startNextHop({ ...(answer ? { answer } : {}), extensions: ['AUTH PLAIN'] })
  hops.push(hop)
  return hop
}

const routeOf = (name: string, kind: Route['kind'], settings: object): Route => ({
  organisationId: 'o',
  routeId: name,
  name,
  kind,
  settings: routeSettingsSchema.parse({ tls: 'none', ...settings }),
  secretSealed: name === 'second' ? Buffer.from('sealed') : null,
  clientTlsSealed: null,
  reachSealed: null,
  switching: automatic,
  offers: {},
  offer: null,
  wayBack: 1,
  domain: null,
})
const at = (port: number) => ({ hosts: [{ host: '127.0.0.1', port }] })
const noWorld: World = {
  port: 25,
  tlsaOf: () => Promise.resolve({ kind: 'none' }),
  hostTlsa: () => Promise.resolve({ kind: 'none' }),
  policyOf: () => Promise.resolve(null),
  lookUpMx: () => Promise.reject(new Error('not asked here')),
}

function start(routes: () => Route[], clock: Clock = systemClock) {
  const reports: AttemptReport[] = []
  destinations = createDestinations({
    clock,
    helo: 'mx.test',
    routes: {
      get: (routeId) => routes().find((route) => route.routeId === routeId),
      secondExit: ({ routeId }) => exitsAmong(routes()).get(routeId),
    },
    openSecret: (_, sealed) => `opened ${String(sealed)}`,
    offers: { saw: () => undefined },
    world: noWorld,
    mailOf: ({ messageId }) => ({
      from: 'a@corp.test',
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      recipients: [{ address: `${messageId}@outside.test`, notify: null, orcpt: null }],
      body: () => [Buffer.from(`${messageId}\r\n`)],
    }),
    mayGo: () => true,
    handBack: () => undefined,
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
  })
  return async (name: string): Promise<string> => {
    const before = reports.length
    destinations!.push({
      messageId: name,
      routeId: 'first',
      facts: {},
      recipients: [{ address: `${name}@outside.test` }],
    } as unknown as Job)
    await expect.poll(() => reports.length, { timeout: 5_000 }).toBe(before + 1)
    const { results, host } = reports.at(-1)!
    return `${results[0]!.outcome} ${String(host)}`
  }
}
const by = (hop: NextHop): string => `127.0.0.1:${hop.port}`

test('shut: the second takes it, signed in with its own name; open again: the first is used', async () => {
  let isShut = true
  const first = await hopOf(({ line }) => (isShut && line.startsWith('EHLO') ? '421 4.3.2 not now' : undefined))
  const second = await hopOf()
  const routes = [
    routeOf('first', RouteKind.smarthost, { ...at(first.port), secondExit: 'second' }),
    routeOf('second', RouteKind.smarthost, { ...at(second.port), username: 'corp' }),
  ]
  const clock = fakeClock()
  const send = start(() => routes, clock)
  expect(await send('one')).toBe(`delivered ${by(second)}`)
  const login = Buffer.from('\0corp\0opened sealed').toString('base64')
  expect(second.heard.map(({ line }) => line)).toContain(`AUTH PLAIN ${login}`)
  isShut = false
  await clock.advance(11_000)
  expect(await send('two')).toBe(`delivered ${by(first)}`)
  expect(first.heard.some(({ line }) => line.startsWith('AUTH'))).toBe(false)
})

test('a message that the first refuses is refused; the second is not asked', async () => {
  const first = await hopOf(({ line }) => (line.startsWith('RCPT') ? '550 5.1.1 no such user' : undefined))
  const second = await hopOf()
  const send = start(() => [
    routeOf('first', RouteKind.smarthost, { ...at(first.port), secondExit: 'second' }),
    routeOf('second', RouteKind.smarthost, at(second.port)),
  ])
  expect(await send('one')).toBe(`refused ${by(first)}`)
  expect(second.heard).toEqual([])
})

test('a lost answer to the final dot is unsure; it does not go the other way as well', async () => {
  const first = await hopOf(({ line }) => (line === '.' ? null : undefined))
  const second = await hopOf()
  const send = start(() => [
    routeOf('first', RouteKind.smarthost, { ...at(first.port), secondExit: 'second' }),
    routeOf('second', RouteKind.smarthost, at(second.port)),
  ])
  expect(await send('one')).toBe(`unsure ${by(first)}`)
  expect(second.heard).toEqual([])
})

test('a second exit that is moved is used where it is now', async () => {
  const [old, now] = [await hopOf(), await hopOf()]
  let second = routeOf('second', RouteKind.smarthost, at(old.port))
  const shut = await hopOf()
  await shut.close()
  // As the book does, new objects whenever anything has changed.
  const send = start(() => [routeOf('first', RouteKind.smarthost, { ...at(shut.port), secondExit: 'second' }), second])
  expect(await send('one')).toBe(`delivered ${by(old)}`)
  second = routeOf('second', RouteKind.smarthost, at(now.port))
  expect(await send('two')).toBe(`delivered ${by(now)}`)
})

const mx = (lookUpMx: World['lookUpMx'], policyOf: World['policyOf'] = noWorld.policyOf) =>
  findTargets(routeOf('first', RouteKind.mx, { secondExit: 'second' }), 'corp.test', {
    openSecret: () => '',
    world: { ...noWorld, lookUpMx, policyOf },
    secondExit: routeOf('second', RouteKind.smarthost, { hosts: [{ host: 'relay.test' }] }),
  }).then(({ targets, refusal }) => refusal?.text ?? targets.map(({ host }) => host).join(' '))
const found = (host: string) => () =>
  Promise.resolve({ kind: 'hosts' as const, hosts: [{ host, address: '192.0.2.1', priority: 7 }] })

test('of a way by MX: behind its hosts, and instead of a DNS that does not answer', async () => {
  expect(await mx(found('mx.corp.test'))).toBe('mx.corp.test relay.test')
  expect(await mx(() => Promise.resolve({ kind: 'later', text: 'no name server answers' }))).toBe('relay.test')
})

test('what the other domain says of itself or demands of its hosts is not gone round', async () => {
  const nullMx = { kind: 'none' as const, enhanced: '5.1.10' as const, text: 'corp.test takes no mail' }
  expect(await mx(() => Promise.resolve(nullMx))).toBe('corp.test takes no mail')
  const enforce = { mode: 'enforce' as const, mx: ['mx.corp.test'], maxAge: 86_400 }
  expect(await mx(found('evil.test'), () => Promise.resolve(enforce))).toMatch(/does not name evil\.test/)
})

test('nor where its hosts are as it demands: somebody may have taken their TLS away', async () => {
  const enforce = { mode: 'enforce' as const, mx: ['mx.corp.test'], maxAge: 86_400 }
  expect(await mx(found('mx.corp.test'), () => Promise.resolve(enforce))).toBe('mx.corp.test')
})

test('what must be kept in TLS: each way as its own route says', async () => {
  const ways = (first: object, second: object): Promise<string> =>
    findTargets(routeOf('first', RouteKind.smarthost, { hosts: [{ host: 'first.test' }], ...first }), 'corp.test', {
      openSecret: () => '',
      world: noWorld,
      tls: 'required',
      secondExit: routeOf('second', RouteKind.smarthost, { hosts: [{ host: 'second.test' }], ...second }),
    }).then(({ targets }) => targets.map(({ host, tls }) => `${host} ${tls}`).join(' '))
  const trusted = { requireTlsTrusted: true }
  expect(await ways(trusted, {})).toBe('first.test none')
  expect(await ways(trusted, { tls: 'opportunistic' })).toBe('first.test none second.test required')
  expect(await ways({}, trusted)).toBe('second.test none')
  expect(await ways({}, {})).toBe('')
})

test('what cannot serve as one is none', () => {
  const second = routeOf('second', RouteKind.smarthost, at(25))
  const named = (kind: Route['kind'], more: object, exit: Route = second): boolean =>
    exitsAmong([routeOf('first', kind, { ...at(25), secondExit: 'second', ...more }), exit]).has('first')
  expect(named(RouteKind.smarthost, {})).toBe(true)
  expect(named(RouteKind.mx, {})).toBe(true)
  expect(named(RouteKind.primary, {})).toBe(false)
  expect(named(RouteKind.smarthost, { clientAddress: 'xclient' })).toBe(false)
  expect(named(RouteKind.smarthost, { secondExit: 'first' })).toBe(false)
  expect(named(RouteKind.smarthost, {}, { ...second, kind: RouteKind.mx })).toBe(false)
  expect(named(RouteKind.smarthost, {}, { ...second, organisationId: 'another' })).toBe(false)
})
