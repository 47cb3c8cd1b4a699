/**
 * Sends canaries (canary-send.ts) for the routes that this process judges, and looks for those of a round trip in their mailbox.
 * One under way for each route; the next is planned when the last one's fate is known. What comes of it is evidence: of the
 * handing over without a name, of the mailbox under the round trip's name (canary.ts judges it).
 *
 * A canary that comes late proves that mail arrives, so it counts as arrived; only what never comes is held against the primary.
 * A mailbox that cannot be read says nothing here (an imap probe does). A mailbox or password that is refused is to be put
 * right by an admin: alarmed, asked more and more seldom, and no outage.
 */
import { randomBytes } from 'node:crypto'
import { lookIntoBox, type BoxLook } from '../../clients/reach/canary-box.ts'
import type { ImapTarget } from '../../clients/reach/imap-session.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import { EvidenceKind, RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { CanarySlot } from '../../protocols/srs/canary.ts'
import type { OpenSecret, RoundTrip, Route, RouteBook } from '../directory/index.ts'
import { TRIP_EVERY } from './canary.ts'
import type { Canary, SendCanary, Sent } from './canary-send.ts'
import { probingIn } from './mode-table.ts'
import type { EvidenceSink, ModeBoard } from './ports.ts'
import { fingerprintOf, reachPasswords, refusedRestMs } from './reach-prober.ts'
import { createRounds } from './rounds.ts'
import { sensitivities } from './sensitivity.ts'

/** By what a route's canaries are known. */
export interface CanaryMarks {
  hostname: string
  sender(route: Pick<Route, 'routeId'>, slot: CanarySlot): string
  /** in the header field */
  mark(routeId: Id): string
  /** header lines by which intake knows it again */
  trace(route: Pick<Route, 'organisationId'>, address: string): string
}

export type LookIntoBox = (
  target: ImapTarget,
  what: { mark: string; since: BoxLook['next'] | null },
) => Promise<BoxLook | ReachResult>

export const lookIntoBoxBy =
  (clock: Clock): LookIntoBox =>
  (target, what) =>
    lookIntoBox(target, what, clock)

type Outcome = Sent['outcome']

interface Heard {
  outcome: Outcome
  refusals: number
  asked: string
}

/** Sent and not seen yet: token -> when. */
type Open = Map<string, number>

const SYNC_MS = 500
const FIRST_LOOK_MS = 500
const LONGEST_LOOK_MS = 30_000
const LOOK_TIMEOUT_MS = 20_000
/** Longer ago, or more of them: not waited for any more. */
const OPEN_MS = 7_200_000
const MOST_OPEN = 50
/** In an emergency, seconds between two of which the last one failed or said nothing. */
const AWAITED_EVERY = 20

export function createCanaryProber(deps: {
  clock: Clock
  log: Log
  routes: Pick<RouteBook, 'get'>
  board: Pick<ModeBoard, 'standing'>
  evidence: EvidenceSink
  judged: () => Iterable<Id>
  marks: CanaryMarks
  send: SendCanary
  look: LookIntoBox
  openSecret: OpenSecret
  random?: () => number
}): { start(): void; stop(): void } {
  const { clock, log } = deps
  const heard = new Map<Id, Heard>()
  const open = new Map<Id, Open>()
  let timer: Timer | null = null

  const tripOf = (route: Route): RoundTrip | undefined =>
    route.settings.reach.find((probe): probe is RoundTrip => probe.kind === 'roundTrip')
  const isAsked = (route: Route | undefined): route is Route =>
    route?.kind === RouteKind.primary && (tripOf(route) ?? route.settings.probe.canary) !== undefined

  function every(routeId: Id): number {
    const route = deps.routes.get(routeId)
    if (!isAsked(route)) return 1000
    const last = heard.get(routeId)
    if (last && last.refusals > 0) return refusedRestMs(last.refusals)
    const trip = tripOf(route)
    const usual = trip ? (trip.every ?? TRIP_EVERY) : route.settings.probe.canary!.every
    const faster = Math.min(sensitivities[route.settings.sensitivity].probeFaster, usual)
    const isAwaited = probingIn(deps.board.standing(routeId).mode) === 'awaited'
    const rest = isAwaited ? Math.min(usual, AWAITED_EVERY) : usual
    return 1000 * (last?.outcome === (isAwaited ? 'good' : 'bad') ? faster : rest)
  }

  function note(
    route: Route,
    { probe, kind, text, began }: { probe: string; kind: EvidenceKind; text: string; began: number },
  ): void {
    const { organisationId, routeId } = route
    deps.evidence.report({ organisationId, routeId, kind, probe, text, tookMs: clock.monotonic() - began })
  }

  async function ask(routeId: Id, isOver: () => boolean): Promise<void> {
    const route = deps.routes.get(routeId)
    if (!isAsked(route)) return
    const trip = tripOf(route)
    const { outcome, text } = trip ? await goRound(route, trip, isOver) : await handOver(route, null, newToken())
    if (isOver()) return
    const refusals = outcome === 'refused' ? (heard.get(routeId)?.refusals ?? 0) + 1 : 0
    heard.set(routeId, { outcome, refusals, asked: fingerprintOf(route) })
    if (refusals === 1)
      log.error(
        { route: route.name, probe: trip?.name ?? 'canary', text },
        'the mailbox of the canaries, or the password for it, was refused: correct it in the file and apply it; it is asked more seldom until then',
      )
  }

  async function handOver(route: Route, trip: RoundTrip | null, token: string): Promise<Sent> {
    const began = clock.monotonic()
    const address = trip?.address ?? route.settings.probe.canary!.address
    const canary: Canary = {
      address,
      from: deps.marks.sender(route, trip ? 'r' : 'd'),
      hostname: deps.marks.hostname,
      mark: deps.marks.mark(route.routeId),
      token,
      trace: deps.marks.trace(route, address),
    }
    const sent = await deps.send(route, canary)
    const kind = {
      good: EvidenceKind.canaryGood,
      bad: EvidenceKind.canaryBad,
      refused: EvidenceKind.probeRefused,
      ours: EvidenceKind.ours,
      silent: null,
    }[sent.outcome]
    if (kind !== null) note(route, { probe: '', kind, text: `canary: ${sent.text}`, began })
    return sent
  }

  /** Signs in first, so that nothing is sent that nobody can look for. */
  async function goRound(route: Route, trip: RoundTrip, isOver: () => boolean): Promise<Sent> {
    const began = clock.monotonic()
    const told = (outcome: Outcome, kind: EvidenceKind, text: string): Sent => {
      if (!isOver()) note(route, { probe: trip.name, kind, text, began })
      return { outcome, text }
    }
    const unread = ({ outcome, text }: ReachResult): Sent =>
      outcome === 'refused'
        ? told('refused', EvidenceKind.probeRefused, text)
        : outcome === 'ours'
          ? told('ours', EvidenceKind.ours, text)
          : told('silent', EvidenceKind.neutral, `the mailbox cannot be read: ${text}`)
    const box = boxOf(route, trip)
    const first = await box.look(null)
    if (!('tokens' in first)) return unread(first)
    const late = box.arrived(first)
    if (late !== null)
      told('good', EvidenceKind.canaryGood, `in the Inbox after at most ${seconds(late)} s (late, and seen only now)`)
    if (isOver()) return { outcome: 'silent', text: '' }
    const token = newToken()
    const sent = await handOver(route, trip, token)
    if (sent.outcome !== 'good') {
      if (sent.outcome === 'refused') return sent
      told('silent', EvidenceKind.neutral, `not taken, so not waited for: ${sent.text}`)
      return sent
    }
    const sentAt = clock.monotonic()
    box.await(token, sentAt)
    let last: BoxLook | ReachResult = first
    let pause = FIRST_LOOK_MS
    for (let isLast = false; !isLast && !isOver();) {
      const left = sentAt + 1000 * trip.within - clock.monotonic()
      await clock.sleep(Math.max(0, Math.min(pause, left)))
      // The last look begins when the time is over.
      isLast = left <= pause
      pause = Math.min(LONGEST_LOOK_MS, 2 * pause)
      last = await box.look(first.next)
      if (!('tokens' in last)) continue
      const waited = box.arrived(last)
      if (last.tokens.includes(token))
        return told('good', EvidenceKind.canaryGood, `in the Inbox after ${seconds(waited ?? 0)} s`)
      // It was not there at the first look: mail arrives, only late.
      if (last.tokens.length > 0)
        return told(
          'good',
          EvidenceKind.canaryGood,
          `an earlier one came to the Inbox, late${waited === null ? '' : ` (${seconds(waited)} s)`}`,
        )
    }
    if ('tokens' in last)
      return told('bad', EvidenceKind.canaryBad, `taken, and not in the Inbox within ${trip.within} s`)
    return unread(last)
  }

  function boxOf(route: Route, trip: RoundTrip) {
    const mark = deps.marks.mark(route.routeId)
    const waiting: Open = open.get(route.routeId) ?? new Map<string, number>()
    open.set(route.routeId, waiting)
    for (const [token, at] of waiting)
      if (clock.monotonic() - at > OPEN_MS || waiting.size > MOST_OPEN) waiting.delete(token)
    return {
      async look(since: BoxLook['next'] | null): Promise<BoxLook | ReachResult> {
        let password: string
        try {
          password = reachPasswords(route, deps.openSecret)[trip.name] ?? ''
        } catch (error) {
          return reached('ours', String(error))
        }
        const { host, tls, username, ca } = trip
        const port = trip.port ?? (tls === 'implicit' ? 993 : 143)
        const timeoutMs = trip.timeout === undefined ? LOOK_TIMEOUT_MS : 1000 * trip.timeout
        return deps.look({ host, port, tls, username, password, ca, timeoutMs }, { mark, since })
      },
      await: (token: string, at: number) => void waiting.set(token, at),
      /** How long the one that waited for the shortest time took; null: none of those that are waited for. */
      arrived({ tokens }: BoxLook): number | null {
        const took = tokens.flatMap((token) => {
          const at = waiting.get(token)
          waiting.delete(token)
          return at === undefined ? [] : [clock.monotonic() - at]
        })
        return took.length === 0 ? null : Math.min(...took)
      },
    }
  }

  const rounds = createRounds({
    clock,
    random: deps.random ?? Math.random,
    every,
    // Those of a whole installation begin apart.
    firstWithin: (routeId) => Math.min(every(routeId), 30_000),
    ask,
  })

  function sync(): void {
    const next = new Set<Id>()
    for (const routeId of deps.judged()) if (isAsked(deps.routes.get(routeId))) next.add(routeId)
    rounds.keep(next)
    for (const [routeId, last] of heard) {
      const route = deps.routes.get(routeId)
      const isCorrected = route !== undefined && last.refusals > 0 && last.asked !== fingerprintOf(route)
      if (!next.has(routeId) || isCorrected) heard.delete(routeId)
      if (isCorrected) rounds.soon(routeId, 1000)
    }
    for (const routeId of open.keys()) if (!next.has(routeId)) open.delete(routeId)
  }

  return {
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

const seconds = (ms: number): string => (ms / 1000).toFixed(1)
const newToken = (): string => randomBytes(16).toString('hex')
