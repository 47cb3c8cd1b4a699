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
} from '../../store/returns.ts'
import { answeredSince } from '../../store/evidence.ts'
import { isBad } from '../continuity/index.ts'
import { createOwnFaults } from './own-faults.ts'
import { failed, room, started, startPace, succeeded, type PaceSettings } from './pace.ts'
import { createPersonPace } from './person-pace.ts'
import type { ClaimedDelivery, ReturnWorker } from './ports.ts'

export interface RunnerDeps {
  db: Database
  clock: Clock
  log: Log
  nodeId: Id
  leaseSeconds: number
  worker: ReturnWorker
}

export type RunEnd = { kind: 'drained' } | { kind: 'fallback'; text: string } | { kind: 'stopped' }

const IDLE_MS = 250
const RETRY_FAULTS_MS = 5000

export async function runReturn(
  deps: RunnerDeps,
  route: { organisationId: Id; routeId: Id },
  settings: PaceSettings & { perPersonPerMinute?: number | undefined },
  goOn: () => boolean,
  waiting: () => readonly Id[] = () => [],
): Promise<RunEnd> {
  const { clock } = deps
  let pace = startPace(settings)
  const persons = createPersonPace(settings.perPersonPerMinute)
  let underWay = 0
  const trouble: { since: boolean; stop: string | null } = { since: false, stop: null }
  const faults = createOwnFaults()
  let faultsTriedAt = clock.monotonic()
  let walkedTo: Id | null = null
  let wake: (() => void) | null = null

  async function take(limit: number): Promise<ClaimedDelivery[]> {
    const except = [...waiting(), ...persons.resting(clock.monotonic())]
    const want = { ...route, limit, nodeId: deps.nodeId, leaseSeconds: deps.leaseSeconds, except }
    const claims = await byKey(deps.db, (sql) => claimOldestPerPerson(sql, want))
    if (claims.length >= limit) return claims
    // Few people may own the whole window; look at the others, some at a time.
    const personIds = await peopleWithOpen(deps.db, route.organisationId, walkedTo)
    walkedTo = personIds.length < CLAIM_WINDOW ? null : personIds.at(-1)!
    const more = await byKey(deps.db, (sql) =>
      claimOfPersons(sql, { ...want, limit: limit - claims.length, personIds }),
    )
    return [...claims, ...more]
  }

  async function attempt(claims: ClaimedDelivery[]): Promise<void> {
    const recipientOf = new Map(claims.map((one) => [one.deliveryId, one.personId ?? one.recipient]))
    try {
      for (const result of await deps.worker.attempt(claims)) {
        const { deliveryId } = result
        const one = { deliveryId, recipient: recipientOf.get(deliveryId) ?? deliveryId }
        if (isBad(result.evidence)) {
          const { isNews } = faults.failed(one, clock.monotonic())
          const next = failed(pace, isNews)
          pace = next.pace
          trouble.since = true
          if (next.stop) trouble.stop ??= result.text ?? 'several attempts in a row failed'
        } else {
          faults.succeeded(one)
          pace = succeeded(pace, settings)
        }
      }
    } catch (error) {
      // Ours, not the primary's: the leases run out and come back as unsure.
      deps.log.error({ err: String(error), route: route.routeId }, 'an attempt of the return failed unexpectedly')
      pace = failed(pace).pace
    } finally {
      underWay -= claims.length
      wake?.()
    }
  }

  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(ms, resolve)
      wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** Nothing could be claimed and nothing is under way: is it over? */
  async function isDrained(): Promise<boolean> {
    await excuse()
    const left = await byKey(deps.db, (sql) => returnRest(sql, route.routeId, waiting()))
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
  for (;;) {
    if (trouble.stop !== null || !goOn()) break
    if (trouble.since && pace.failures === 0 && clock.monotonic() - faultsTriedAt > 1000) await retryFaults()
    const limit = room(pace, settings, underWay, clock.monotonic())
    const claims = limit > 0 ? await take(limit) : []
    pace = started(pace, settings, claims.length, clock.monotonic())
    persons.started(claims, clock.monotonic())
    underWay += claims.length
    for (const group of byMessage(claims)) void attempt(group)
    if (claims.length === 0 && underWay === 0 && limit > 0 && (await isDrained())) return { kind: 'drained' }
    if (claims.length < limit || limit === 0 || underWay >= pace.atOnce) await rest(IDLE_MS)
  }
  while (underWay > 0) await rest(IDLE_MS)
  return trouble.stop === null ? { kind: 'stopped' } : { kind: 'fallback', text: trouble.stop }
}

/** One transaction may carry a message to several of its recipients. */
function byMessage(claims: readonly ClaimedDelivery[]): ClaimedDelivery[][] {
  const groups = new Map<Id, ClaimedDelivery[]>()
  for (const claim of claims) {
    const group = groups.get(claim.messageId)
    if (group) group.push(claim)
    else groups.set(claim.messageId, [claim])
  }
  return [...groups.values()]
}
