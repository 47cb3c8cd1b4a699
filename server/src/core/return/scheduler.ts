/**
 * Starts and ends returns: for every route this process judges, a runner while the mode is `recovering`; and where a
 * route is normal again by an admin's pin with something still owed, the end of the event once it is home.
 */
import type { Timer } from '../../platform/clock.ts'
import { Mode } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import { byKey } from '../../store/by-key.ts'
import { returnRest } from '../../store/returns.ts'
import type { Judge, LiveBoard, RouteStanding } from '../continuity/index.ts'
import type { RouteBook } from '../directory/index.ts'
import { routeSettingsSchema } from '../directory/index.ts'
import { createFirstTry } from './first-try.ts'
import { runReturn, type RunnerDeps } from './runner.ts'

export interface ReturnScheduler {
  start(): void
  /** A probe of this route was answered: in an emergency one delivery may try. */
  answered(routeId: Id): void
  /** Waits a while for attempts under way. */
  stop(): Promise<void>
}

const LOOK_MS = 500
/** At a stop: for attempts under way; what takes longer is ended by the delivery room. */
const STOP_MS = 10_000
const CLOSE_EVERY = 10

export function createReturnScheduler(
  deps: RunnerDeps & { board: LiveBoard; judge: Judge; routes: RouteBook },
): ReturnScheduler {
  const { board, judge, log } = deps
  const running = new Map<Id, Promise<void>>()
  let timer: Timer | null = null
  let stopping = false
  const firstTry = createFirstTry({ ...deps, isStopping: () => stopping })
  let looks = 0

  const recovers = (routeId: Id): boolean =>
    !stopping &&
    judge.judges(routeId) &&
    judge.sees() &&
    board.standing(routeId).mode === Mode.recovering &&
    board.ofRoute(routeId).mode !== Mode.hold

  async function run(standing: RouteStanding): Promise<void> {
    const { organisationId, routeId } = standing
    const { return: pace, connections } = deps.routes.get(routeId)?.settings ?? routeSettingsSchema.parse({})
    log.info({ route: routeId }, 'return begins')
    const end = await runReturn(
      deps,
      { organisationId, routeId },
      { ...pace, connections },
      () => recovers(routeId),
      () => board.passage([organisationId], routeId),
    )
    log.info({ route: routeId, end: end.kind }, 'return ends')
    if (end.kind !== 'stopped') await judge.tell({ organisationId, routeId }, end)
  }

  function begin(standing: RouteStanding): void {
    const { routeId } = standing
    if (running.has(routeId)) return
    running.set(
      routeId,
      run(standing)
        .catch((error: unknown) =>
          log.warn({ err: String(error), route: routeId }, 'a return was interrupted; it goes on'),
        )
        .finally(() => running.delete(routeId)),
    )
  }

  /** Normal again, but an event is open: it ends when nothing due is left. */
  async function closeIfDone({ organisationId, routeId }: RouteStanding): Promise<void> {
    const rest = await byKey(deps.db, (sql) => returnRest(sql, routeId, board.passage([organisationId], routeId)))
    if (!rest.due && !rest.underWay && !rest.routeFault)
      await judge.tell({ organisationId, routeId }, { kind: 'drained' })
  }

  function look(): void {
    looks += 1
    for (const routeId of judge.judged()) {
      const standing = board.standing(routeId)
      if (recovers(routeId)) begin(standing)
      else if (looks % CLOSE_EVERY === 0 && standing.mode === Mode.normal && standing.returnEventId !== null)
        closeIfDone(standing).catch((error: unknown) =>
          log.warn({ err: String(error), route: routeId }, 'the end of a return could not be stored; tried again'),
        )
    }
  }

  return {
    answered(routeId) {
      if (!stopping) firstTry(routeId)
    },
    start() {
      timer = deps.clock.every(LOOK_MS, look)
      board.onChange((now) => {
        if (recovers(now.routeId)) begin(now)
      })
    },
    async stop() {
      stopping = true
      timer?.cancel()
      const limit = new Promise((resolve) => {
        timer = deps.clock.after(STOP_MS, resolve as () => void)
      })
      await Promise.race([Promise.allSettled(running.values()), limit])
      timer?.cancel()
    },
  }
}
