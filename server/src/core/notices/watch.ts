/**
 * Watches the routes that this process judges: an outage begins, lasts long enough for people to be told, and ends
 * (rules.ts), all by the database's clock. Nobody is told while we cannot see, nor by a mode from before this process
 * judged: one that has just started first finds out whether the emergency is still true.
 */
import type { Clock } from '../../platform/clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import {
  beginTelling,
  endOutage,
  noteOutage,
  openOutage,
  routesInOutage,
  type OutageRow,
  type RouteInOutage,
} from '../../store/notices.ts'
import { appendAudit } from '../audit/index.ts'
import { sensitivities, type Judge } from '../continuity/index.ts'
import { noticeSettingsSchema, type RouteBook } from '../directory/index.ts'
import { judgeOutage, type Outage } from './rules.ts'
import type { Mode } from '../../platform/codes.ts'

export interface WatchDeps {
  db: Database
  clock: Clock
  log: Log
  judge: Pick<Judge, 'judges' | 'sees'>
  routes: Pick<RouteBook, 'get'>
  /** does a planned time hold all mail of the route? */
  isQuietRoute: (organisationId: Id, routeId: Id) => boolean
  /** where people sign in; '' : nobody can be sent anywhere */
  publicUrl: string
}

const none = noticeSettingsSchema.parse({})

const ms = (time: Date | null): number | null => time?.getTime() ?? null
const time = (at: number | null): Date | null => (at === null ? null : new Date(at))

const known = (row: OutageRow): Outage => ({
  beganAt: row.beganAt.getTime(),
  downSince: ms(row.downSince),
  calmSince: ms(row.calmSince),
  wasDown: row.wasDown,
  isTold: row.toldAt !== null,
  isSuppressed: row.suppressedAt !== null,
})

const isSame = (a: Outage, b: Outage): boolean =>
  a.downSince === b.downSince && a.calmSince === b.calmSince && a.wasDown === b.wasDown

/** Looks once. */
export function createWatch(deps: WatchDeps): () => Promise<void> {
  const { db, clock } = deps
  /** since when this process has judged them in an outage, by our own clock */
  const judgedSince = new Map<Id, number>()

  /** Long enough to have found out that it is over, were it so. */
  function isSure(routeId: Id): boolean {
    const since = judgedSince.get(routeId)
    const numbers = sensitivities[deps.routes.get(routeId)?.settings.sensitivity ?? 'balanced']
    return (
      since !== undefined && clock.monotonic() - since >= 1000 * (numbers.recoverAfter + 3 * numbers.probeEmergency)
    )
  }

  async function tell({ organisationId, routeId }: RouteInOutage): Promise<void> {
    await db.transaction(async (sql) => {
      const begun = await beginTelling(sql, { organisationId, routeId, by: 'engine', ownText: null })
      if (!begun) return
      await appendAudit(sql, {
        organisationId,
        actor: 'engine',
        action: 'notices-begun',
        subject: `route:${routeId}`,
        detail: { outage: begun.outageId, people: begun.people },
      })
      deps.log.info({ routeId, people: begun.people }, 'people are told of an outage')
    })
  }

  async function look(route: RouteInOutage): Promise<void> {
    const { organisationId, routeId, outage: row } = route
    const settings = noticeSettingsSchema.catch(none).parse(route.notices)
    const now = {
      mode: route.mode as Mode,
      since: route.since.getTime(),
      isBlind: route.isBlind || !deps.judge.sees(),
      isQuiet: deps.isQuietRoute(organisationId, routeId),
    }
    const rules = { automatic: settings.automatic && deps.publicUrl !== '', afterMs: settings.afterMinutes * 60_000 }
    const before = row && known(row)
    const { outage, tell: isDue, isOver } = judgeOutage(before, now, rules, route.now.getTime())
    if (outage === null) return
    if (row === null)
      await openOutage(db, {
        ...{ organisationId, routeId, outageId: newId(clock.now()) },
        ...{ beganAt: new Date(outage.beganAt), downSince: time(outage.downSince) },
      })
    else if (isOver) return endOutage(db, organisationId, row.outageId)
    else if (!isSame(before!, outage))
      await noteOutage(db, organisationId, {
        ...{ outageId: row.outageId, wasDown: outage.wasDown },
        ...{ downSince: time(outage.downSince), calmSince: time(outage.calmSince) },
      })
    if (isDue && isSure(routeId)) await tell(route)
  }

  return async () => {
    const found = (await routesInOutage(db)).filter(
      ({ routeId }) => deps.judge.judges(routeId) && deps.routes.get(routeId)?.kind === RouteKind.primary,
    )
    const there = new Set(found.map(({ routeId }) => routeId))
    for (const routeId of judgedSince.keys()) if (!there.has(routeId)) judgedSince.delete(routeId)
    for (const routeId of there) if (!judgedSince.has(routeId)) judgedSince.set(routeId, clock.monotonic())
    for (const route of found)
      try {
        await look(route)
      } catch (error) {
        deps.log.warn({ err: String(error), routeId: route.routeId }, 'an outage could not be noted; tried again')
      }
  }
}
