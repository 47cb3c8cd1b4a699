/**
 * Asks the queue for what is due: every second, when somebody says so, and at once when a route that had more than was
 * taken has room again. Only open routes are asked, so that the mail of closed ones costs nothing; of a closed one without
 * probes one delivery at a time may try, and of one with people who are pinned to normal their mail goes. Of people whose
 * mailbox fails one delivery at a time may try.
 *
 * What is claimed for a full destination of a way to the world goes back to be due later (put-off.ts), and the queue is asked
 * again when that is written: so many rows of one domain may lie before somebody else's, they are passed within seconds.
 */
import type { Clock } from '../../platform/clock.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { byKey } from '../../store/by-key.ts'
import { claimDue, type ClaimedDelivery, type ClaimWalk } from '../../store/claims.ts'
import type { LiveBoard, Mailboxes } from '../continuity/index.ts'
import type { RouteBook } from '../directory/index.ts'
import type { Destinations } from './destinations.ts'
import { jobsOfClaims, type Job } from './job.ts'

export interface QueuePoll {
  /** Ask now. */
  poke: () => void
  /** A transaction of this route has ended: there may be room for more. */
  ended(routeId: Id): void
  stop(): void
}

interface Deps {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'delivery'>
  nodeId: Id
  routes: Pick<RouteBook, 'all'>
  board: Pick<LiveBoard, 'ofRoute' | 'passage'>
  mailboxes: Pick<Mailboxes, 'claimTries'>
  destinations: Pick<Destinations, 'load' | 'keyOf'>
  hasRoom(routeId: Id): boolean
  /** A promise: its destination is full, and it goes back; done when that is written. */
  push(job: Job): Promise<void> | null
}

interface Asked {
  routeId: Id
  limit: number
  /**
   * When this has halved there is room for more. Of a way to the world less is asked for while some of its domains are slow,
   * and there is room for the others all the same.
   */
  roomFor: number
  isTrial: boolean
}

/** Deliveries claimed at once, and under way at once where a route has many destinations. */
const CLAIM_PER_ROUTE = 200
const byAge = (one: ClaimedDelivery, other: ClaimedDelivery): number => (one.deliveryId < other.deliveryId ? -1 : 1)
/** Without probes: so often one real delivery may try. */
const TRIAL_MS = 15_000

export function createQueuePoll(deps: Deps): QueuePoll {
  const { board, clock, destinations } = deps
  const trialAt = new Map<Id, number>()
  /** routes that had more due than was taken, and how much that was */
  const hungry = new Map<Id, number>()
  /** how far claims have come past the mail of pinned people */
  const walk: ClaimWalk = new Map()
  let polling = false
  let again = false
  let stopped = false

  const waysOut = (): Set<Id> =>
    new Set([...deps.routes.all()].flatMap(({ routeId, kind }) => (kind === RouteKind.primary ? [] : [routeId])))

  async function poll(): Promise<void> {
    const asked: Asked[] = []
    const organisations = new Set<Id>()
    for (const { organisationId } of deps.routes.all()) organisations.add(organisationId)
    const pins = board.passage(organisations)
    const isAnybodyFree = pins.goPersons.length + pins.goDomains.length > 0
    const closed = new Set<Id>()
    for (const { routeId, kind, settings, switching } of deps.routes.all()) {
      // A way to the world has connections for each domain.
      const isShared = kind === RouteKind.mx
      const most = isShared ? CLAIM_PER_ROUTE : Math.min(CLAIM_PER_ROUTE, settings.connections * 4)
      const limit = most - destinations.load(routeId)
      const { mode, takes } = board.ofRoute(routeId)
      // While a route recovers the return feeds it.
      const isOpen = takes && mode !== Mode.recovering
      const isPartlyOpen = isAnybodyFree && !takes && mode !== Mode.hold
      // Where it comes home by hand nobody waits for a witness.
      const isAwaited = !settings.probe.enabled && switching.home !== 'byHand'
      const isTrial = !takes && isAwaited && mayTry(routeId)
      if (isPartlyOpen && !isTrial) closed.add(routeId)
      if (isOpen || (isPartlyOpen && !isTrial)) {
        if (limit > 0 && deps.hasRoom(routeId))
          asked.push({ routeId, limit, roomFor: isShared ? most : limit, isTrial: false })
        else hungry.set(routeId, most)
      } else if (isTrial) asked.push({ routeId, limit: 1, roomFor: 1, isTrial: true })
    }
    await tryMailboxes()
    if (asked.length === 0) return
    const wish = {
      routeIds: asked.map((one) => one.routeId),
      limits: asked.map((one) => one.limit),
      nodeId: deps.nodeId,
      leaseSeconds: deps.config.delivery.lease,
      pins,
      closed,
      waysOut: waysOut(),
      walk,
    }
    await handOut(asked, await byKey(deps.db, (sql) => claimDue(sql, wish)))
  }

  /** In the order in which it came: what waited together goes in it. */
  async function handOut(asked: readonly Asked[], claimed: ClaimedDelivery[]): Promise<void> {
    const claims = claimed.sort(byAge)
    const taken = new Map<Id, number>()
    for (const { routeId } of claims) taken.set(routeId, (taken.get(routeId) ?? 0) + 1)
    const trials = new Set<Id>()
    const more = new Set<Id>()
    for (const { routeId, limit, roomFor, isTrial } of asked)
      if (isTrial) trials.add(routeId)
      else if ((taken.get(routeId) ?? 0) >= limit) {
        hungry.set(routeId, roomFor)
        more.add(routeId)
      }
    const how = { returnEventId: null, byReturn: false, isTrial: false }
    const putOff: Promise<void>[] = []
    for (const job of jobsOfClaims(claims, destinations.keyOf, how)) {
      const written = deps.push(trials.has(job.routeId) ? { ...job, isTrial: true } : job)
      if (written === null) continue
      putOff.push(written)
      // Behind it there may be others' mail.
      if (more.has(job.routeId)) again = true
    }
    await Promise.all(putOff)
  }

  async function tryMailboxes(): Promise<void> {
    const claims = await deps.mailboxes.claimTries(deps.nodeId, deps.config.delivery.lease)
    for (const job of jobsOfClaims(claims, destinations.keyOf, { returnEventId: null, byReturn: false, isTrial: true }))
      void deps.push(job)
  }

  /** One at a time, every 15 s, unless an admin pinned the mode. */
  function mayTry(routeId: Id): boolean {
    const { mode, by } = board.ofRoute(routeId)
    if (by !== 'engine' || mode !== Mode.emergency) return false
    const now = clock.monotonic()
    if (now - (trialAt.get(routeId) ?? -Infinity) < TRIAL_MS) return false
    trialAt.set(routeId, now)
    return true
  }

  function poke(): void {
    if (polling) {
      again = true
      return
    }
    if (stopped) return
    polling = true
    again = false
    poll()
      .catch((error: unknown) => deps.log.warn({ err: String(error) }, 'the queue could not be asked; it is repeated'))
      .finally(() => {
        polling = false
        if (again) poke()
      })
  }

  return {
    poke,
    ended(routeId) {
      const taken = hungry.get(routeId)
      if (taken === undefined || destinations.load(routeId) > taken / 2) return
      hungry.delete(routeId)
      poke()
    },
    stop() {
      stopped = true
    },
  }
}
