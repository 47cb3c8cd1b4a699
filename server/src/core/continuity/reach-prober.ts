/**
 * Asks a primary's reach probes (core/directory/reach-settings.ts), each in its own round, for every route that this process
 * judges. What they say is evidence under the probe's name.
 *
 * A probe whose own name or password is refused is to be put right by an admin, and no outage: it is said in the log and on the
 * page, and asked more and more seldom, so that it locks no account.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { EvidenceKind, RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { askImap } from '../../clients/reach/imap.ts'
import { askName } from '../../clients/reach/name.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import { askPage, askProvider } from '../../clients/reach/web.ts'
import {
  reachPasswordsSchema,
  type OpenSecret,
  type ReachProbe,
  type Route,
  type RouteBook,
} from '../directory/index.ts'
import { probingIn } from './mode-table.ts'
import type { EvidenceSink, ModeBoard } from './ports.ts'
import type { HeardProbe } from './reach.ts'
import type { ProbeAlarms } from './probe-alarms.ts'
import { createRounds } from './rounds.ts'
import { sensitivities, type Sensitivity } from './sensitivity.ts'

/** All but the round trip, which is canary-prober.ts's. */
export type Question = Exclude<ReachProbe, { kind: 'roundTrip' }>

const questionsOf = ({ settings }: Route): Question[] =>
  settings.reach.filter((probe): probe is Question => probe.kind !== 'roundTrip')

/** The password is '' where the probe has none. */
export type AskReach = (probe: Question, how: { timeoutMs: number; password: string }) => Promise<ReachResult>

export interface ReachProber {
  /** Asks all probes of this route as soon as may be; not those whose own password is refused. */
  hurry(routeId: Id): void
  start(): void
  stop(): void
}

const SYNC_MS = 500
const HURRY_MS = 500
/** Reading is asked about half as often as taking mail: signing in costs the other side more than a RCPT. */
const SELDOMER = 2
/** Seconds: servers answer a wrong password late on purpose (Dovecot two seconds). */
const LEAST_TIMEOUT = 5
/** After a refused password: from here, doubled each time. */
const REFUSED_FIRST_MS = 300_000
const REFUSED_MOST_MS = 3_600_000

const kindOf = {
  good: EvidenceKind.reachGood,
  bad: EvidenceKind.reachBad,
  refused: EvidenceKind.probeRefused,
  ours: EvidenceKind.ours,
} as const satisfies Record<ReachResult['outcome'], EvidenceKind>

const numbersOf = (route: Route): Sensitivity => sensitivities[route.settings.sensitivity]
const timeoutOf = (route: Route, probe: Question): number =>
  probe.timeout ?? Math.max(LEAST_TIMEOUT, numbersOf(route).probeTimeout)
const usualSeconds = (route: Route, probe: Question): number => probe.every ?? SELDOMER * numbersOf(route).probeEvery

/** What is asked of a route, for the judge. */
export const heardProbes = (route: Route | undefined): HeardProbe[] =>
  route === undefined
    ? []
    : questionsOf(route).map((probe) => ({
        name: probe.name,
        everyMs: 1000 * Math.max(usualSeconds(route, probe), timeoutOf(route, probe)),
      }))

/** `servers`: name servers, none: the system's. */
export function askReachBy(clock: Clock, servers: readonly string[] = []): AskReach {
  return (probe, how) => {
    switch (probe.kind) {
      case 'imap':
        return askImap({ ...probe, port: probe.port ?? (probe.tls === 'implicit' ? 993 : 143), ...how }, clock)
      case 'https':
        return askPage({ ...probe, ...how }, clock)
      case 'oidc':
        return askProvider({ ...probe, ...how }, clock)
      case 'dns':
        return askName(probe.host, { servers, ...how })
    }
  }
}

/** Throws where they were sealed under another key. */
export function reachPasswords(route: Pick<Route, 'reachSealed' | 'routeId'>, openSecret: OpenSecret) {
  if (route.reachSealed === null) return {}
  return reachPasswordsSchema.parse(JSON.parse(openSecret('reach_sealed', route.reachSealed, route.routeId)))
}

interface Heard {
  outcome: ReachResult['outcome']
  /** how often in a row it was `refused` */
  refusals: number
  /** what was asked, and by which password */
  asked: string
}

const keyOf = (routeId: Id, name: string): string => `${routeId} ${name}`

const passwordsOf = (route: Route): string => route.reachSealed?.toString('base64') ?? ''
const fingerprint = (route: Route, probe: Question): string => `${JSON.stringify(probe)} ${passwordsOf(route)}`
/** What is asked of a route's mailboxes, and by which passwords: when that changes, a refusal is forgotten. */
export const fingerprintOf = (route: Route): string =>
  `${JSON.stringify([route.settings.reach, route.settings.probe.canary])} ${passwordsOf(route)}`

/** After so many refusals in a row. */
export const refusedRestMs = (refusals: number): number =>
  Math.min(REFUSED_MOST_MS, REFUSED_FIRST_MS * 2 ** (refusals - 1))

export function createReachProber(deps: {
  clock: Clock
  log: Log
  routes: Pick<RouteBook, 'get'>
  board: Pick<ModeBoard, 'standing'>
  evidence: EvidenceSink
  /** the routes this process judges */
  judged: () => Iterable<Id>
  ask: AskReach
  openSecret: OpenSecret
  alarms?: ProbeAlarms
  random?: () => number
}): ReachProber {
  const { clock, log } = deps
  const heard = new Map<string, Heard>()
  let asked = new Map<string, { routeId: Id; name: string }>()
  let timer: Timer | null = null

  function find(key: string): { route: Route; probe: Question } | null {
    const one = asked.get(key)
    if (!one) return null
    const route = deps.routes.get(one.routeId)
    const probe = route && questionsOf(route).find(({ name }) => name === one.name)
    return route && probe ? { route, probe } : null
  }

  function every(key: string): number {
    const found = find(key)
    if (!found) return 1000
    const { route, probe } = found
    const last = heard.get(key)
    if (last && last.refusals > 0) return refusedRestMs(last.refusals)
    const usual = usualSeconds(route, probe)
    const faster = Math.min(numbersOf(route).probeFaster, usual)
    // In an emergency a good answer is what is waited for; else a bad one is what must be made sure of.
    const isAwaited = probingIn(deps.board.standing(route.routeId).mode) === 'awaited'
    const rest = isAwaited ? Math.min(usual, SELDOMER * numbersOf(route).probeEmergency) : usual
    return 1000 * (last?.outcome === (isAwaited ? 'good' : 'bad') ? faster : rest)
  }

  async function ask(key: string, isOver: () => boolean): Promise<void> {
    const found = find(key)
    if (!found) return
    const { route, probe } = found
    const { organisationId, routeId } = route
    const timeoutMs = 1000 * timeoutOf(route, probe)
    const began = clock.monotonic()
    let result: ReachResult
    try {
      const password = reachPasswords(route, deps.openSecret)[probe.name] ?? ''
      result = await deps.ask(probe, { timeoutMs, password })
    } catch (error) {
      // Sealed under another key: nobody's fault but ours.
      result = reached('ours', String(error))
    }
    if (isOver()) return
    const { outcome, text } = result
    const before = heard.get(key)
    const refusals = outcome === 'refused' ? (before?.refusals ?? 0) + 1 : 0
    heard.set(key, { outcome, refusals, asked: fingerprint(route, probe) })
    const tookMs = clock.monotonic() - began
    deps.evidence.report({ organisationId, routeId, kind: kindOf[outcome], probe: probe.name, text, tookMs })
    deps.alarms?.heard(route, probe.name, result)
    if (refusals === 1)
      log.error(
        { route: route.name, probe: probe.name, text },
        "a probe's own name or password was refused: correct it in the file (reachPasswords) and apply it; it is asked more seldom until then",
      )
  }

  const rounds = createRounds({
    clock,
    random: deps.random ?? Math.random,
    every,
    firstWithin: () => 5_000,
    ask,
  })

  function sync(): void {
    const next = new Map<string, { routeId: Id; name: string }>()
    const names = new Map<Id, Set<string>>()
    for (const routeId of deps.judged()) {
      const route = deps.routes.get(routeId)
      if (route?.kind !== RouteKind.primary) continue
      const questions = questionsOf(route)
      names.set(routeId, new Set(questions.map(({ name }) => name)))
      for (const { name } of questions) next.set(keyOf(routeId, name), { routeId, name })
    }
    void deps.alarms?.keep(names)
    asked = next
    rounds.keep(new Set(next.keys()))
    for (const [key, last] of heard) {
      const found = find(key)
      const isCorrected = found !== null && last.refusals > 0 && last.asked !== fingerprint(found.route, found.probe)
      if (found === null || isCorrected) heard.delete(key)
      if (isCorrected) rounds.soon(key, 1000)
    }
  }

  return {
    hurry(routeId) {
      for (const [key, one] of asked)
        if (one.routeId === routeId && (heard.get(key)?.refusals ?? 0) === 0) rounds.soon(key, HURRY_MS)
    },
    start() {
      sync()
      timer = clock.every(SYNC_MS, sync)
    },
    stop() {
      timer?.cancel()
      rounds.stop()
    },
  }
}
