/**
 * One route's return while it is `recovering` and this process judges it: claims what is owed, oldest first for each
 * person, hands it to the delivery room at the pace, and says when everything due is home or when it must stop. Holds
 * nothing that is not in the database: after a crash another process goes on from the rows.
 *
 * One mailbox that fails, or one message that makes the primary drop the connection, neither stops a return nor keeps it
 * from ending: when the primary has answered others meanwhile, that delivery goes into a back-off of its own.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { byKey } from '../../store/by-key.ts'
import { markHeld } from '../../store/modes.ts'
import {
  blameMessage,
  CLAIM_WINDOW,
  claimOfPersons,
  claimOldestPerPerson,
  peopleWithOpen,
  returnRest,
  type ReturnClaimed,
} from '../../store/returns.ts'
import { giveBack, openPassage, type Passage } from '../../store/claims.ts'
import { answeredSince } from '../../store/evidence.ts'
import { isBad } from '../continuity/index.ts'
import { createOwnFaults } from './own-faults.ts'
import { failed, room, started, startPace, succeeded, type PaceSettings } from './pace.ts'
import { createPersonPace } from './person-pace.ts'
import type { AttemptResult, ClaimedDelivery, ReturnWorker } from './ports.ts'

export interface RunnerDeps {
  db: Database
  clock: Clock
  log: Log
  nodeId: Id
  leaseSeconds: number
  worker: ReturnWorker
}

export type RunEnd = { kind: 'drained' } | { kind: 'fallback'; text: string } | { kind: 'stopped' }

/**
 * Deliveries of one person claimed together at full pace. They go one after the other all the same; it saves a claim and
 * a wait for the outcome's commit for each. More of them would be unsure after a crash.
 */
const RUN = 8
const IDLE_MS = 250
const RETRY_FAULTS_MS = 5000

export async function runReturn(
  deps: RunnerDeps,
  route: { organisationId: Id; routeId: Id },
  settings: PaceSettings & {
    perPersonPerMinute?: number | undefined
    /** connections of the route: they are what limits it where fewer than `mostAtOnce` */
    connections?: number
  },
  goOn: () => boolean,
  pins: () => Passage = () => openPassage,
): Promise<RunEnd> {
  const { clock } = deps
  let pace = startPace(settings)
  const persons = createPersonPace(settings.perPersonPerMinute)
  /** deliveries under way by person, or by recipient without one */
  const underWay = new Map<string, number>()
  /** attempts whose outcomes are not stored yet */
  let storing = 0
  const trouble: { since: boolean; stop: string | null } = { since: false, stop: null }
  const faults = createOwnFaults()
  let faultsTriedAt = clock.monotonic()
  let walkedTo: Id | null = null
  let wake: (() => void) | null = null
  /** somebody's mail has ended since the last rest: look again at once */
  let isNews = false
  const tell = (): void => {
    isNews = true
    wake?.()
  }

  /** One by one where somebody set a pace, and until the slow start is over. */
  const depth = (): number =>
    settings.perSecond === undefined && settings.perPersonPerMinute === undefined && pace.atOnce >= settings.mostAtOnce
      ? RUN
      : 1

  /**
   * At full pace where the connections are the limit as many people again are taken: their mail waits in the room, so that the
   * next message can be said with the end of the one before it.
   */
  const spare = (): number =>
    depth() > 1 && settings.connections !== undefined && settings.mostAtOnce >= settings.connections
      ? settings.connections
      : 0

  async function take(limit: number): Promise<ClaimedDelivery[]> {
    const except = persons.resting(clock.monotonic())
    const want = {
      ...route,
      limit,
      nodeId: deps.nodeId,
      leaseSeconds: deps.leaseSeconds,
      depth: depth(),
      except,
      pins: pins(),
    }
    const claims = await byKey(deps.db, (sql) => claimOldestPerPerson(sql, want))
    const people = countPeople(claims)
    if (people >= limit) return inOrder(claims)
    try {
      // Few people may own the whole window; look at the others, some at a time.
      const personIds = await peopleWithOpen(deps.db, route.organisationId, walkedTo)
      walkedTo = personIds.length < CLAIM_WINDOW ? null : personIds.at(-1)!
      const more = { ...want, limit: limit - people, personIds }
      claims.push(...(await byKey(deps.db, (sql) => claimOfPersons(sql, more))))
    } catch (error) {
      // What was claimed already must not be forgotten: its leases would run out, and nothing of it was sent.
      deps.log.warn({ err: String(error), route: route.routeId }, 'a claim of the return failed; it is repeated')
    }
    // A message to people of both claims stands where the earlier of them has it.
    return inOrder(claims.sort((one, other) => (one.deliveryId < other.deliveryId ? -1 : 1)))
  }

  /** Somebody else holds what was to come before these (a person who deletes just now): they wait for it. */
  async function inOrder(claims: ReturnClaimed[]): Promise<ClaimedDelivery[]> {
    const next = new Map<string, number>()
    const early: ReturnClaimed[] = []
    const taken = claims.filter((one) => {
      const place = next.get(ownerOf(one)) ?? 1
      if (one.place === place) next.set(ownerOf(one), place + 1)
      else early.push(one)
      return one.place === place
    })
    if (early.length > 0)
      await giveBack(deps.db, deps.nodeId, early).catch((error: unknown) =>
        deps.log.warn({ err: String(error), route: route.routeId }, 'giving back leases failed; they run out'),
      )
    return taken
  }

  function judge(results: readonly AttemptResult[], ownerIn: ReadonlyMap<Id, string>): void {
    for (const result of results) {
      const { deliveryId } = result
      const recipient = ownerIn.get(deliveryId) ?? deliveryId
      const left = (underWay.get(recipient) ?? 1) - 1
      if (left > 0) underWay.set(recipient, left)
      else {
        underWay.delete(recipient)
        tell()
      }
      if (isBad(result.evidence)) {
        const next = failed(pace, faults.failed({ deliveryId, recipient }, clock.monotonic()).isNews)
        pace = next.pace
        trouble.since = true
        if (next.stop) trouble.stop ??= result.text ?? 'several attempts in a row failed'
      } else if (result.tried !== false) {
        faults.succeeded({ deliveryId, recipient })
        pace = succeeded(pace, settings)
      }
    }
  }

  async function attempt(claims: ClaimedDelivery[]): Promise<void> {
    const ownerIn = new Map(claims.map((one) => [one.deliveryId, ownerOf(one)]))
    for (const owner of ownerIn.values()) underWay.set(owner, (underWay.get(owner) ?? 0) + 1)
    storing++
    try {
      await deps.worker.attempt(claims, (results) => judge(results, ownerIn))
    } catch (error) {
      // Ours, not the primary's: the leases run out and come back as unsure.
      deps.log.error({ err: String(error), route: route.routeId }, 'an attempt of the return failed unexpectedly')
      pace = failed(pace).pace
      for (const owner of ownerIn.values()) underWay.delete(owner)
    } finally {
      storing--
      tell()
    }
  }

  function rest(ms: number): Promise<void> {
    const since = isNews
    isNews = false
    if (since) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        wake = null
        isNews = false
        resolve()
      }
      const timer = clock.after(ms, end)
      wake = end
    })
  }

  /** Nothing could be claimed and nothing is under way: is it over? */
  async function isDrained(): Promise<boolean> {
    await excuse()
    const left = await byKey(deps.db, (sql) => returnRest(sql, route.routeId, pins()))
    if (left.routeFault && clock.monotonic() - faultsTriedAt > RETRY_FAULTS_MS) await retryFaults()
    return !left.due && !left.underWay && !left.routeFault
  }

  /** The primary has answered since they first failed: these are no fault of the route. */
  async function excuse(): Promise<void> {
    for (const { deliveryId, since } of faults.suspects()) {
      const seconds = (clock.monotonic() - since) / 1000
      if (!(await answeredSince(deps.db, { ...route, seconds }))) continue
      await blameMessage(deps.db, route.organisationId, deliveryId)
      faults.settled(deliveryId)
    }
  }

  /** What failed because of the route waits no longer than the route's trouble does. */
  async function retryFaults(): Promise<void> {
    faultsTriedAt = clock.monotonic()
    trouble.since = false
    await markHeld(deps.db, route.routeId, 'routeFaults')
  }

  // What a crash or an earlier fall-back left in a back-off because of the route is due now.
  await retryFaults()
  let hasRested = false
  for (;;) {
    if (trouble.stop !== null || !goOn()) break
    if (trouble.since && pace.failures === 0 && clock.monotonic() - faultsTriedAt > 1000) await retryFaults()
    const limit = room(pace, settings, underWay.size, clock.monotonic(), spare())
    // A claim is worth its price for several people at once; the next who is done brings us back.
    if (!hasRested && depth() > 1 && limit < pace.atOnce / 4 && underWay.size > 0) {
      await rest(IDLE_MS)
      hasRested = true
      continue
    }
    hasRested = false
    const claims = limit > 0 ? await take(limit) : []
    pace = started(pace, settings, claims.length, clock.monotonic())
    persons.started(claims, clock.monotonic())
    if (claims.length > 0) void attempt(claims)
    const idle = claims.length === 0 && underWay.size === 0
    if (idle && storing === 0 && limit > 0 && (await isDrained())) return { kind: 'drained' }
    if (claims.length < limit || limit === 0 || underWay.size >= pace.atOnce + spare()) await rest(IDLE_MS)
  }
  while (underWay.size > 0 || storing > 0) await rest(IDLE_MS)
  return trouble.stop === null ? { kind: 'stopped' } : { kind: 'fallback', text: trouble.stop }
}

const ownerOf = (one: { personId: Id | null; recipient: string }): string => one.personId ?? one.recipient
const countPeople = (claims: readonly ClaimedDelivery[]): number => new Set(claims.map(ownerOf)).size
