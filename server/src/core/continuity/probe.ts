/**
 * Probes: for every route this process judges, one SMTP conversation to RCPT at a time (rounds.ts). How often, mode-table.ts
 * says; faster when the route has just answered differently from before.
 *
 * Hosts are asked in the order of their priority until one answers well: a route is alive while one of its hosts is.
 * A 550 for the probe's own recipient is good evidence (the server answers) and is noted as such. Now and then a probe also
 * asks about a stranger (accept-all.ts); that answer is no evidence of health.
 */
import { hostname } from 'node:os'
import type { Clock, Timer } from '../../platform/clock.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { ProbeResult, ProbeTarget } from '../../clients/smtp/probe.ts'
import { trustOf, type Offers, type OpenSecret, type Route, type RouteBook } from '../directory/index.ts'
import { STRANGER_EVERY, strangerAt, takesAll } from './accept-all.ts'
import { probingIn } from './mode-table.ts'
import type { EvidenceSink, ModeBoard } from './ports.ts'
import { isLetIn, judgeProbe } from './probe-verdict.ts'
import { createRounds } from './rounds.ts'
import { sensitivities, type Sensitivity } from './sensitivity.ts'

export type ProbeSmtp = (target: ProbeTarget) => Promise<ProbeResult>

export interface Prober {
  /** Asks this route as soon as may be, if this process asks it at all. */
  hurry(routeId: Id): void
  start(): void
  stop(): void
}

interface Heard {
  /** the last probe was answered well; null before the first */
  good: boolean | null
  /** it was different from the one before */
  turned: boolean
  /** it has taken the probe's recipient, or refused it as unknown: how it answers when it lets us in */
  hasLetIn: boolean
  /** probes until the next one that asks about a stranger */
  untilStranger: number
  /** the host that is looked at next though others answer, and whether one is just now */
  nextOther: number
  isLooking: boolean
  lookedAt: number
}

const MOST_HOSTS = 4
export const nothingSealed: OpenSecret = () => {
  throw new Error('no keys here to open what is sealed')
}
const SYNC_MS = 500
const MOST_WITNESSES = 4
const WITNESS_MS = 500
const HURRY_MS = 500

export function createProber(deps: {
  clock: Clock
  routes: Pick<RouteBook, 'get'>
  board: Pick<ModeBoard, 'standing' | 'onChange'>
  evidence: EvidenceSink
  /** the routes this process judges */
  judged: () => Iterable<Id>
  probe: ProbeSmtp
  /** it answered well just now */
  onAnswer?: (routeId: Id) => void
  /** what a host offered at EHLO */
  onOffer?: Offers['saw']
  /** how one of its hosts answered; null: the fault was ours */
  onHost?: (route: Route, at: { host: string; port: number }, answer: { good: boolean | null; text: string }) => void
  /** a made-up recipient was taken, or refused for good */
  onStranger?: (route: Route, isTaken: boolean) => void
  /** a host that wants our certificate wants it from a probe too */
  openSecret?: OpenSecret
  helo?: string
  random?: () => number
}): Prober {
  const { clock } = deps
  const random = deps.random ?? Math.random
  const helo = deps.helo ?? hostname()
  const heard = new Map<Id, Heard>()
  let timer: Timer | null = null

  const numbersOf = (route: Route): Sensitivity => sensitivities[route.settings.sensitivity]

  /** Seconds. */
  function interval(route: Route, { good, turned }: Heard): number {
    const numbers = numbersOf(route)
    const normal = route.settings.probe.interval ?? numbers.probeEvery
    const faster = Math.min(numbers.probeFaster, normal)
    if (turned) return faster
    switch (probingIn(deps.board.standing(route.routeId).mode)) {
      case 'on':
        return good === false ? faster : normal
      case 'faster':
        return faster
      case 'awaited':
        return good === true ? faster : Math.min(numbers.probeEmergency, normal)
    }
  }

  function heardOf(routeId: Id): Heard {
    const known = heard.get(routeId)
    if (known) return known
    const none = {
      ...{ good: null, turned: false, hasLetIn: false, untilStranger: 0 },
      ...{ nextOther: 0, isLooking: false, lookedAt: -Infinity },
    }
    heard.set(routeId, none)
    return none
  }

  const rounds = createRounds({
    clock,
    random,
    every(routeId) {
      const route = deps.routes.get(routeId)
      return route ? interval(route, heardOf(routeId)) * 1000 : 1000
    },
    firstWithin(routeId) {
      const route = deps.routes.get(routeId)
      return 1000 * (route ? numbersOf(route).probeFaster : 1)
    },
    async ask(routeId, isOver) {
      const route = deps.routes.get(routeId)
      if (route && route.settings.probe.enabled && route.settings.hosts.length > 0) await probeRoute(route, isOver)
    },
  })

  async function probeRoute(route: Route, isOver: () => boolean): Promise<void> {
    const { organisationId, routeId } = route
    const last = heardOf(routeId)
    const hosts = [...route.settings.hosts].sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS)
    let verdict: { good: boolean | null; text: string } = { good: null, text: '' }
    const began = clock.monotonic()
    const deadline = began + numbersOf(route).probeTimeout * 1000
    const asksStranger = route.domain !== null && --last.untilStranger < 0
    let isTaken: boolean | null = null
    let trust: ReturnType<typeof trustOf>
    try {
      trust = trustOf(route, deps.openSecret ?? nothingSealed)
    } catch (error) {
      // Sealed under another key: nobody's fault but ours, and known to the deliveries as well.
      deps.evidence.report({ organisationId, routeId, kind: EvidenceKind.ours, text: `probe: ${String(error)}` })
      return
    }
    for (const [i, { host, port }] of hosts.entries()) {
      // The hosts share the time, so that several hanging ones are noticed no later than one.
      const share = (deadline - clock.monotonic()) / (hosts.length - i)
      const result = await deps.probe({
        ...targetOf(route, { host, port }),
        ...trust,
        helo,
        timeoutMs: Math.max(200, share),
        ...(asksStranger ? { stranger: strangerAt(route.domain!) } : {}),
      })
      if (result.offered) deps.onOffer?.(route, { host, port }, result.offered)
      // Not come so far, not asked: the next probe asks.
      if (asksStranger && result.stage === 'rcpt') {
        last.untilStranger = STRANGER_EVERY - 1
        isTaken = takesAll(result)
      }
      verdict = judgeProbe(result, `${host}:${port}`, last.hasLetIn)
      deps.onHost?.(route, { host, port }, verdict)
      last.hasLetIn ||= isLetIn(result)
      if (verdict.good) break
    }
    if (isOver()) return
    if (isTaken !== null) deps.onStranger?.(route, isTaken)
    tell(route, verdict, clock.monotonic() - began)
    if (deps.onHost && verdict.good) void lookAtOther(route, trust)
  }

  function tell(
    { organisationId, routeId }: Route,
    { good, text }: { good: boolean | null; text: string },
    tookMs: number,
  ): void {
    const last = heardOf(routeId)
    last.turned = last.good !== null && good !== null && last.good !== good
    last.good = good ?? last.good
    if (last.turned && !last.good) askWitnesses(routeId)
    const kind = good === null ? EvidenceKind.ours : good ? EvidenceKind.probeGood : EvidenceKind.probeBad
    deps.evidence.report({ organisationId, routeId, kind, text: `probe: ${text}`, tookMs })
    if (good) deps.onAnswer?.(routeId)
  }

  /**
   * While one host answers the others are not asked, and might be dead for long: they are looked at in turns, one at a time,
   * beside the probes and no oftener. What they say is shown, and no evidence.
   */
  async function lookAtOther(route: Route, trust: ReturnType<typeof trustOf>): Promise<void> {
    const last = heardOf(route.routeId)
    const { hosts } = route.settings
    const numbers = numbersOf(route)
    if (hosts.length < 2 || last.isLooking || clock.monotonic() - last.lookedAt < 900 * numbers.probeEvery) return
    const { host, port } = hosts[last.nextOther++ % hosts.length]!
    last.isLooking = true
    last.lookedAt = clock.monotonic()
    try {
      const timeoutMs = 1000 * numbers.probeTimeout
      const result = await deps.probe({ ...targetOf(route, { host, port }), ...trust, helo, timeoutMs })
      if (result.offered) deps.onOffer?.(route, { host, port }, result.offered)
      deps.onHost?.(route, { host, port }, judgeProbe(result, `${host}:${port}`, last.hasLetIn))
    } finally {
      last.isLooking = false
    }
  }

  /** It was well and is not: do others answer just now? A few are asked at once, so that the judge can tell (sight.ts). */
  function askWitnesses(but: Id): void {
    const others = [...heard].filter(([id, { good }]) => id !== but && good === true)
    for (let n = 0; n < MOST_WITNESSES && others.length > 0; n++) {
      const [[id]] = others.splice(Math.floor(random() * others.length), 1) as [(typeof others)[number]]
      rounds.soon(id, WITNESS_MS)
    }
  }

  function sync(): void {
    const wanted = new Set<Id>()
    for (const routeId of deps.judged())
      if ((deps.routes.get(routeId)?.kind ?? RouteKind.primary) === RouteKind.primary) wanted.add(routeId)
    rounds.keep(wanted)
    for (const routeId of heard.keys()) if (!wanted.has(routeId)) heard.delete(routeId)
  }

  return {
    hurry: (routeId) => rounds.soon(routeId, HURRY_MS),
    start() {
      sync()
      timer = clock.every(SYNC_MS, sync)
      deps.board.onChange((now, before) => {
        const route = deps.routes.get(now.routeId)
        // Suspicion by real mail: ask at once instead of when the next probe was due.
        if (route && now.mode === Mode.suspect && before?.mode !== Mode.suspect)
          rounds.soon(now.routeId, 1000 * numbersOf(route).probeFaster)
      })
    },
    stop() {
      timer?.cancel()
      rounds.stop()
    },
  }
}

function targetOf({ settings, domain }: Route, at: { host: string; port: number }) {
  return {
    ...at,
    // Without the header such a server would take our EHLO for one.
    ...(settings.clientAddress === 'proxy' ? { clientAddress: 'proxy' as const } : {}),
    // Not to sign in: a probe that is content with less encryption than a delivery would call a dead route alive.
    ...(settings.username === undefined ? {} : { username: settings.username }),
    protocol: settings.protocol,
    from: '' as const,
    rcpt: settings.probe.recipient || `postmaster@${domain ?? at.host}`,
  }
}
