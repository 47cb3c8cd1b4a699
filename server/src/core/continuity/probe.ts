/**
 * Probes: for every route this process judges, one SMTP conversation to RCPT at a time, jittered so that routes and nodes
 * never march in step; the next is planned when the last one ended, so they never pile up. How often, mode-table.ts says;
 * faster when the route has just answered differently from before.
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
import { sensitivities, type Sensitivity } from './sensitivity.ts'

export type ProbeSmtp = (target: ProbeTarget) => Promise<ProbeResult>

export interface Prober {
  start(): void
  stop(): void
}

interface Chain {
  timer: Timer | null
  /** the last probe was answered well; null before the first */
  good: boolean | null
  /** it was different from the one before */
  turned: boolean
  running: boolean
  cancelled: boolean
  /** it has taken the probe's recipient, or refused it as unknown: how it answers when it lets us in */
  hasLetIn: boolean
  /** probes until the next one that asks about a stranger */
  untilStranger: number
}

/** Asked again after each wait: somebody else may have ended the chain meanwhile. */
const isCancelled = (chain: Chain): boolean => chain.cancelled

const MOST_HOSTS = 4
const nothingSealed: OpenSecret = () => {
  throw new Error('no keys here to open what is sealed')
}
const SYNC_MS = 500
const MOST_WITNESSES = 4
const WITNESS_MS = 500

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
  /** a made-up recipient was taken, or refused for good */
  onStranger?: (route: Route, isTaken: boolean) => void
  /** a host that wants our certificate wants it from a probe too */
  openSecret?: OpenSecret | undefined
  helo?: string
  random?: () => number
}): Prober {
  const { clock } = deps
  const random = deps.random ?? Math.random
  const helo = deps.helo ?? hostname()
  const chains = new Map<Id, Chain>()
  let timer: Timer | null = null

  const numbersOf = (route: Route): Sensitivity => sensitivities[route.settings.sensitivity]

  function interval(route: Route, chain: Chain): number {
    const numbers = numbersOf(route)
    const normal = route.settings.probe.interval ?? numbers.probeEvery
    const faster = Math.min(numbers.probeFaster, normal)
    if (chain.turned) return faster
    switch (probingIn(deps.board.standing(route.routeId).mode)) {
      case 'on':
        return chain.good === false ? faster : normal
      case 'faster':
        return faster
      case 'awaited':
        return chain.good === true ? faster : Math.min(numbers.probeEmergency, normal)
    }
  }

  function plan(routeId: Id, chain: Chain, inMs: number): void {
    chain.timer?.cancel()
    chain.timer = clock.after(Math.max(0, inMs), () => void run(routeId, chain), { hold: false })
  }

  async function run(routeId: Id, chain: Chain): Promise<void> {
    const route = deps.routes.get(routeId)
    if (chain.cancelled || chain.running) return
    if (!route) return plan(routeId, chain, 1000)
    chain.running = true
    const began = clock.monotonic()
    try {
      if (route.settings.probe.enabled && route.settings.hosts.length > 0) await probeRoute(route, chain)
    } finally {
      chain.running = false
      const wait = interval(route, chain) * 1000 * (0.9 + 0.2 * random())
      // A probe that took its time was the wait already; but a slow server is never asked without a breath.
      if (!isCancelled(chain)) plan(routeId, chain, Math.max(wait / 4, wait - (clock.monotonic() - began)))
    }
  }

  async function probeRoute(route: Route, chain: Chain): Promise<void> {
    const { organisationId, routeId } = route
    const hosts = [...route.settings.hosts].sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS)
    let verdict: { good: boolean | null; text: string } = { good: null, text: '' }
    const began = clock.monotonic()
    const deadline = began + numbersOf(route).probeTimeout * 1000
    const asksStranger = route.domain !== null && --chain.untilStranger < 0
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
        chain.untilStranger = STRANGER_EVERY - 1
        isTaken = takesAll(result)
      }
      verdict = judgeProbe(result, `${host}:${port}`, chain.hasLetIn)
      chain.hasLetIn ||= isLetIn(result)
      if (verdict.good) break
    }
    if (isCancelled(chain)) return
    if (isTaken !== null) deps.onStranger?.(route, isTaken)
    chain.turned = chain.good !== null && verdict.good !== null && chain.good !== verdict.good
    chain.good = verdict.good ?? chain.good
    if (chain.turned && !chain.good) askWitnesses(routeId)
    const kind =
      verdict.good === null ? EvidenceKind.ours : verdict.good ? EvidenceKind.probeGood : EvidenceKind.probeBad
    const tookMs = clock.monotonic() - began
    deps.evidence.report({ organisationId, routeId, kind, text: `probe: ${verdict.text}`, tookMs })
    if (verdict.good) deps.onAnswer?.(routeId)
  }

  /** It was well and is not: do others answer just now? A few are asked at once, so that the judge can tell (sight.ts). */
  function askWitnesses(but: Id): void {
    const others = [...chains].filter(([id, chain]) => id !== but && chain.good === true && !chain.running)
    for (let n = 0; n < MOST_WITNESSES && others.length > 0; n++) {
      const [[id, chain]] = others.splice(Math.floor(random() * others.length), 1) as [(typeof others)[number]]
      plan(id, chain, random() * WITNESS_MS)
    }
  }

  function sync(): void {
    const wanted = new Set<Id>()
    for (const routeId of deps.judged()) {
      if ((deps.routes.get(routeId)?.kind ?? RouteKind.primary) !== RouteKind.primary) continue
      wanted.add(routeId)
      if (chains.has(routeId)) continue
      const chain: Chain = {
        timer: null,
        good: null,
        turned: false,
        running: false,
        cancelled: false,
        hasLetIn: false,
        untilStranger: 0,
      }
      chains.set(routeId, chain)
      const route = deps.routes.get(routeId)
      plan(routeId, chain, random() * 1000 * (route ? numbersOf(route).probeFaster : 1))
    }
    for (const [routeId, chain] of chains) {
      if (wanted.has(routeId)) continue
      chain.cancelled = true
      chain.timer?.cancel()
      chains.delete(routeId)
    }
  }

  return {
    start() {
      sync()
      timer = clock.every(SYNC_MS, sync)
      deps.board.onChange((now, before) => {
        const chain = chains.get(now.routeId)
        const route = deps.routes.get(now.routeId)
        // Suspicion by real mail: ask at once instead of when the next probe was due.
        if (chain && route && !chain.running && now.mode === Mode.suspect && before?.mode !== Mode.suspect)
          plan(now.routeId, chain, random() * 1000 * numbersOf(route).probeFaster)
      })
    },
    stop() {
      timer?.cancel()
      for (const chain of chains.values()) {
        chain.cancelled = true
        chain.timer?.cancel()
      }
      chains.clear()
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
