/**
 * Every route with its validated settings, in memory, for those who decide thousands of times a second. Read again when
 * the directory's generation has moved (a poll of at most a second). A route whose stored settings are not valid keeps
 * its last good ones and is named in the log: one bad row stops nobody else's mail.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { readGeneration } from '../../store/directory.ts'
import { allRoutes } from '../../store/routes.ts'
import { commonOffer, readOffers, type HostOffers, type Offer } from './route-offer.ts'
import { routeSettingsSchema, type RouteSettings } from './route-settings.ts'

export interface Route {
  organisationId: Id
  routeId: Id
  name: string
  kind: (typeof RouteKind)[keyof typeof RouteKind]
  settings: RouteSettings
  secretSealed: Buffer | null
  clientTlsSealed: Buffer | null
  reachSealed: Buffer | null
  wayBack: number
  /** what its hosts offered at their last EHLO; empty for ways to the world */
  offers: HostOffers
  /** what all of them take; null: never seen */
  offer: Offer | null
  domain: string | null
}

export interface RouteBook {
  get(routeId: Id): Route | undefined
  all(): Iterable<Route>
  /** Reads the table again if anything changed. */
  refresh(): Promise<void>
  start(): Promise<void>
  stop(): void
}

export function createRouteBook(deps: { db: Database; clock: Clock; log: Log; pollMs?: number }): RouteBook {
  let routes = new Map<Id, Route>()
  let generation = -1
  let timer: Timer | null = null
  let reading = false

  async function refresh(): Promise<void> {
    const now = await readGeneration(deps.db)
    if (now === generation) return
    const next = new Map<Id, Route>()
    for (const row of await allRoutes(deps.db)) {
      const parsed = routeSettingsSchema.safeParse(row.settings)
      const old = routes.get(row.routeId)
      if (!parsed.success)
        deps.log.error(
          { route: row.name, problem: parsed.error.issues[0]?.message },
          'settings of a route are not valid',
        )
      const settings = parsed.success ? parsed.data : (old?.settings ?? routeSettingsSchema.parse({}))
      const { lastEhlo, ...rest } = row
      const offers = readOffers(lastEhlo, row.kind === RouteKind.mx ? [] : settings.hosts)
      next.set(row.routeId, { ...rest, kind: row.kind as Route['kind'], settings, offers, offer: commonOffer(offers) })
    }
    routes = next
    generation = now
  }

  return {
    get: (routeId) => routes.get(routeId),
    all: () => routes.values(),
    refresh,
    async start() {
      await refresh()
      timer = deps.clock.every(deps.pollMs ?? 1000, () => {
        if (reading) return
        reading = true
        refresh()
          .catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, 'routes could not be read; the last ones stand'),
          )
          .finally(() => {
            reading = false
          })
      })
    },
    stop: () => timer?.cancel(),
  }
}
