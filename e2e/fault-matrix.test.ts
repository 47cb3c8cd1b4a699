/**
 * The matrix of faults in real time: each class injected by a proxy before a real Postfix, all at once against one running
 * Holdfast, a route for each: at `quick`, the harmless ones at `balanced`. What is dead is declared, what is harmless never switches, nobody is turned away,
 * nothing is lost, nothing doubled but where an attempt ended unsure; and when it heals all is home and normal again. Beside
 * the proxies: a route with one host of three dead (`one-host-dead`), one whose name has a dead IPv6 address too (`ipv6-dead`),
 * and at the end a process that stands still (`process-paused`).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import {
  addressOf,
  beside,
  declareStands,
  hostsFile,
  injectable,
  makeCertificates,
  startStands,
} from './kit/fault-stage.ts'
import type { FaultStand } from './kit/fault-stage.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { listAll, makeOperator } from './kit/operator.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, explain, noClaims, nonceOfKey, tally } from './kit/tally.ts'
import type { Claims, Counts } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import type { Web } from './kit/web.ts'
import { startBlackhole } from './peers/faulty-proxy.ts'
import { missing } from './peers/needs.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'
import type { Primary } from './peers/postfix-dovecot.ts'
import { freePorts, sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root', 'openssl')
const random = createRandom(1)
/** twice the bounds of `quick` for what a probe sees, and for what only hanging mail shows, with room for a busy machine */
const within = { dead: 20, halfDead: 60 } as const
/** the bound of `balanced`, at which the harmless ones are judged */
const HARMLESS_FOR = 60
const names = [...injectable, ...beside]

describe.skipIf(skip)('every class before a real Postfix', () => {
  let primary: Primary
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let sink: StandIn
  let stands: FaultStand[]
  let organisation: string
  const claims: Claims = noClaims()
  const closers: (() => Promise<unknown>)[] = []
  /** route -> seconds since the faults began, and mode */
  const seen = new Map<string, { at: number; mode: string }[]>()
  const stopMail = new AbortController()
  const stopWatching = new AbortController()
  let mail: Promise<unknown> = Promise.resolve()
  let watching: Promise<void> = Promise.resolve()
  let began = 0

  const lookAtModes = async (): Promise<void> => {
    for (const { name, mode } of await operator.get(`/organisations/${organisation}/routes`)) {
      const known = seen.get(name) ?? []
      if (known.at(-1)?.mode !== mode) known.push({ at: (Date.now() - began) / 1000, mode })
      seen.set(name, known)
    }
  }
  const modeOf = (name: string): string => seen.get(name)?.at(-1)?.mode ?? ''
  const declaredAfter = (name: string): number | undefined =>
    seen.get(name)?.find(({ mode }) => mode === 'emergency')?.at

  async function send(name: string, label: string): Promise<void> {
    const to = [addressOf(name)]
    const one = makeMail({ random, nonce: `${label}-${name}`, kind: 'plain', people: to, to })
    await pour(() => server.ports.mx, [one], { connections: 1, into: claims })
  }

  beforeAll(async () => {
    primary = await startPrimary(names.map(addressOf))
    closers.push(() => primary.remove())
    sink = await startStandIn({ hostname: 'outside.test' })
    closers.push(() => sink.close())
    installation = createInstallation({ name: 'faults', config: { delivery: { lease: 5 } } })
    closers.push(() => installation.remove())
    server = await installation.start({ instead: { '/etc/hosts': hostsFile } })
    closers.push(() => server.stop())
    operator = await makeOperator(server)
    const certificates = makeCertificates(installation.data)
    stands = await startStands(primary.smtpPort, certificates)
    closers.unshift(() => Promise.all(stands.map(({ proxy }) => proxy.close())))
    const [deadPort] = await freePorts(1)
    await declareStands(installation, stands, {
      caFile: certificates.caFile,
      outboundPort: sink.port,
      deadPort: deadPort!,
      alsoPort: primary.smtpPort,
    })
    organisation = (await operator.get('/organisations'))[0].id
  })
  afterAll(async () => {
    stopMail.abort()
    stopWatching.abort()
    await mail
    await watching
    for (const close of closers.reverse()) await close()
  })

  test('all is well before: mail goes through every proxy', async () => {
    await Promise.all(names.map((name) => send(name, 'before')))
    await until('all of it is home', async () => tally(await atHome(), claims).missing.length === 0, 30_000, 500)
    // One answer that came late, on a busy machine, is looked at twice: that is over with the next.
    await until(
      'all are normal',
      async () => {
        await lookAtModes()
        return names.every((name) => modeOf(name) === 'normal')
      },
      30_000,
      500,
    ).catch(() => undefined)
    for (const name of names) expect(`${name} ${modeOf(name)}`).toBe(`${name} normal`)
  })

  test('what is dead is declared in time, what is harmless never', async () => {
    await Promise.all(stands.map(({ fault, proxy }) => proxy.setFault(fault.inject!)))
    const endBlackhole = await startBlackhole(primary.smtpPort, '::1')
    closers.push(() => Promise.resolve(endBlackhole()))
    began = Date.now()
    watching = (async () => {
      for (; !stopWatching.signal.aborted; await sleep(250)) await lookAtModes().catch(() => undefined)
    })()
    mail = Promise.all(
      names.map(async (name) => {
        for (let i = 0; !stopMail.signal.aborted; i++) {
          await send(name, `during${i}`)
          await sleep(800 + random.below(400))
        }
      }),
    )
    const wanted = stands.flatMap(({ name, fault: { outcome } }) =>
      outcome === 'dead' || outcome === 'halfDead' ? [{ name, outcome }] : [],
    )
    await until(
      'all that is dead is declared',
      () => wanted.every(({ name }) => declaredAfter(name) !== undefined),
      within.halfDead * 1000,
    ).catch(() => undefined)
    await sleep(Math.max(0, HARMLESS_FOR * 1000 - (Date.now() - began)))
    console.log(wanted.map(({ name }) => `${name} ${declaredAfter(name)?.toFixed(1) ?? 'never'} s`).join(', '))
    for (const { name, outcome } of wanted) {
      expect(declaredAfter(name), name).toBeDefined()
      expect(declaredAfter(name), name).toBeLessThanOrEqual(within[outcome])
    }
    const harmless = [...stands.filter(({ fault }) => fault.outcome === 'harmless').map(({ name }) => name), ...beside]
    const wrong = harmless.filter((name) => declaredAfter(name) !== undefined)
    console.log(`false switches over the matrix: ${wrong.length}`)
    expect(wrong).toEqual([])
  })

  test('when it heals all is home, none twice without an unsure attempt, and every route is normal', async () => {
    stopMail.abort()
    await mail
    await Promise.all(stands.map(({ proxy }) => proxy.setFault(null)))
    const healed = Date.now()
    await until('every route is normal', () => names.every((name) => modeOf(name) === 'normal'), 90_000, 300).catch(
      () => undefined,
    )
    await lookAtModes()
    expect(names.filter((name) => modeOf(name) !== 'normal')).toEqual([])
    console.log(`all normal ${((Date.now() - healed) / 1000).toFixed(1)} s after it healed`)
    const mayRefuse = new Set(stands.filter(({ fault }) => fault.refuses).map(({ name }) => addressOf(name)))
    const lost = async (): Promise<string[]> =>
      tally(await atHome(), claims).missing.filter((line) => !mayRefuse.has(line.split(/[ :]/)[1]!))
    // What may have arrived is sent again after 5, 10, 20, 40 s.
    await until('all mail is home', async () => (await lost()).length === 0, 90_000, 1000).catch(() => undefined)
    expect(await lost()).toEqual([])

    const home = await atHome()
    const { strangers, extra, missing: refused } = tally(home, claims)
    expect(strangers).toEqual([])
    // What the primary itself refused is in the parking lot, or its sender was told: nothing of it is gone.
    const parked = (await listAll(operator, `/organisations/${organisation}/parking`)).length
    console.log(`refused by the primary: ${refused.length}, parked: ${parked}, arrived twice: ${extra.size}`)
    expect(parked).toBeGreaterThanOrEqual(refused.length)
    const unsure = await unsureAttempts(operator, new Set([...extra.keys()].map(nonceOfKey)))
    expect(explain(extra, unsure, claims.unanswered).unexplained).toEqual([])
  })

  test('a process that stood still for eight seconds switches nothing', async () => {
    const changes = (): string => JSON.stringify([...seen].map(([name, list]) => [name, list.length]))
    const before = changes()
    process.kill(server.pid, 'SIGSTOP')
    await sleep(8000)
    process.kill(server.pid, 'SIGCONT')
    await sleep(6000)
    expect(changes()).toBe(before)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })

  async function atHome(): Promise<Counts> {
    const found: Counts = new Map()
    await Promise.all(
      names.map(async (name) => {
        for (const held of await primary.read(addressOf(name)))
          addTo(found, countKey(nonceOf(held.bytes) ?? '?', addressOf(name)))
      }),
    )
    return found
  }
})
