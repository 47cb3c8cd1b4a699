/**
 * Every route with its validated settings, in memory, for those who decide thousands of times a second. A route whose
 * stored settings are not valid keeps its last good ones and is named in the log: one bad row stops nobody else's mail.
 */
import { RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import { allRoutes } from '../../store/routes.ts'
import { followDirectory, type FollowDeps, type Followed } from './followed.ts'
import { commonOffer, readOffers, type HostOffers, type Offer } from './route-offer.ts'
import { routeSettingsSchema, type RouteSettings } from './route-settings.ts'
import { domainSwitchingSchema, switchingOf, type DomainSwitching, type Switching } from './switching.ts'

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
  /** what the engine may do by itself; the domains that use it counted in */
  switching: Switching
}

export interface RouteBook extends Followed {
  get(routeId: Id): Route | undefined
  all(): Iterable<Route>
  /** By which mail leaves while a way to the outside is shut (settings.secondExit). */
  secondExit(route: Route): Route | undefined
}

/** By route. One that cannot serve as such is none: its settings may have been changed by another file. */
export function exitsAmong(routes: readonly Route[]): Map<Id, Route> {
  const key = (organisationId: Id, name: string): string => `${organisationId} ${name}`
  const byName = new Map(routes.map((route) => [key(route.organisationId, route.name), route]))
  const exits = new Map<Id, Route>()
  for (const { organisationId, routeId, kind, settings } of routes) {
    if (settings.secondExit === undefined || kind === RouteKind.primary) continue
    const exit = byName.get(key(organisationId, settings.secondExit))
    if (exit === undefined || exit.routeId === routeId || exit.kind !== RouteKind.smarthost) continue
    // Kept connections are shared by clients or not, for all hosts of a destination alike.
    if (exit.settings.clientAddress === settings.clientAddress) exits.set(routeId, exit)
  }
  return exits
}

/** One that is not valid says nothing: it counts as the route does. */
const readSwitching = (stored: unknown): DomainSwitching => domainSwitchingSchema.safeParse(stored).data ?? {}

export function createRouteBook(deps: FollowDeps): RouteBook {
  let routes = new Map<Id, Route>()
  let exits: ReadonlyMap<Id, Route> = new Map()

  async function read(): Promise<void> {
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
      const { lastEhlo, domainSwitching, ...rest } = row
      const switching = switchingOf(settings.switching, domainSwitching.map(readSwitching))
      const offers = readOffers(lastEhlo, row.kind === RouteKind.mx ? [] : settings.hosts)
      const offer = commonOffer(offers)
      next.set(row.routeId, { ...rest, kind: row.kind as Route['kind'], settings, switching, offers, offer })
    }
    routes = next
    exits = exitsAmong([...next.values()])
  }

  return {
    get: (routeId) => routes.get(routeId),
    all: () => routes.values(),
    secondExit: ({ routeId }) => exits.get(routeId),
    ...followDirectory(deps, 'routes', read),
  }
}
