/**
 * The first sign of life of a primary in an emergency is taken at its word: after each probe that it answers, one delivery
 * may try. So the first message is home within a probe's interval of the primary's return, long before the evidence is
 * enough for the return itself; and what becomes of it is better evidence than the probe.
 *
 * One at a time for a route, the oldest of its person, never under a pin.
 */
import type { Database } from '../../platform/db/database.ts'
import { Mode } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { claimOldestPerPerson } from '../../store/returns.ts'
import type { LiveBoard } from '../continuity/index.ts'
import type { ReturnWorker } from './ports.ts'

export function createFirstTry(deps: {
  db: Database
  log: Log
  nodeId: Id
  leaseSeconds: number
  board: Pick<LiveBoard, 'standing' | 'waitingPersons'>
  worker: ReturnWorker
}): (routeId: Id) => void {
  const trying = new Set<Id>()

  async function attempt(routeId: Id): Promise<void> {
    const { organisationId } = deps.board.standing(routeId)
    const claims = await claimOldestPerPerson(deps.db, {
      organisationId,
      routeId,
      limit: 1,
      nodeId: deps.nodeId,
      leaseSeconds: deps.leaseSeconds,
      except: deps.board.waitingPersons(organisationId),
    })
    if (claims.length > 0) await deps.worker.attempt(claims, () => undefined, { isTrial: true })
  }

  return (routeId) => {
    const { mode, pin } = deps.board.standing(routeId)
    if (mode !== Mode.emergency || pin !== null || trying.has(routeId)) return
    trying.add(routeId)
    attempt(routeId)
      .catch((error: unknown) =>
        deps.log.warn(
          { err: String(error), route: routeId },
          'a first try was not possible; the next probe brings one',
        ),
      )
      .finally(() => trying.delete(routeId))
  }
}
