/**
 * The first sign of life of a primary in an emergency is taken at its word: after a probe that it answers, one delivery may
 * try, and while they go well the next. So the first message is home within a probe's interval of the primary's return, long
 * before the evidence is enough for the return itself; and what becomes of them is better evidence than the probe.
 *
 * One at a time for a route, the oldest of its person, never under a pin; one for each probe where an admin set a pace. None
 * where the switching policy says that somebody is asked before mail goes home: until then all of it waits.
 */
import type { Database } from '../../platform/db/database.ts'
import { AttemptOutcome, Mode } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { byKey } from '../../store/by-key.ts'
import { claimOldestPerPerson } from '../../store/returns.ts'
import type { LiveBoard } from '../continuity/index.ts'
import type { RouteBook } from '../directory/index.ts'
import type { ReturnWorker } from './ports.ts'

export function createFirstTry(deps: {
  db: Database
  log: Log
  nodeId: Id
  leaseSeconds: number
  board: Pick<LiveBoard, 'ofRoute' | 'standing' | 'passage'>
  routes: Pick<RouteBook, 'get'>
  worker: ReturnWorker
  isStopping: () => boolean
}): (routeId: Id) => void {
  const trying = new Set<Id>()

  /** True: it was taken. */
  async function attempt(routeId: Id): Promise<boolean> {
    const { organisationId } = deps.board.standing(routeId)
    const want = {
      organisationId,
      routeId,
      limit: 1,
      nodeId: deps.nodeId,
      leaseSeconds: deps.leaseSeconds,
      // Not what the route says, which is that all wait: whoever is not kept back beside it may try.
      pins: deps.board.passage([organisationId]),
    }
    const claims = await byKey(deps.db, (sql) => claimOldestPerPerson(sql, want))
    let isTaken = false
    if (claims.length > 0)
      await deps.worker.attempt(
        claims,
        (results) => (isTaken = results.every(({ outcome }) => outcome === AttemptOutcome.delivered)),
        { isTrial: true },
      )
    return isTaken
  }

  const mayTry = (routeId: Id): boolean => {
    const { mode, by } = deps.board.ofRoute(routeId)
    const isAutomatic = deps.routes.get(routeId)?.switching.home === 'automatic'
    return isAutomatic && mode === Mode.emergency && by === 'engine' && !deps.isStopping()
  }

  async function trickle(routeId: Id): Promise<void> {
    const pace = deps.routes.get(routeId)?.settings.return
    const hasPace = pace?.perSecond !== undefined || pace?.perPersonPerMinute !== undefined
    while (mayTry(routeId) && (await attempt(routeId)) && !hasPace);
  }

  return (routeId) => {
    if (!mayTry(routeId) || trying.has(routeId)) return
    trying.add(routeId)
    trickle(routeId)
      .catch((error: unknown) =>
        deps.log.warn(
          { err: String(error), route: routeId },
          'a first try was not possible; the next probe brings one',
        ),
      )
      .finally(() => trying.delete(routeId))
  }
}
