/**
 * What a mail system can bear is said once for a route; where several processes deliver, each takes its part of it. A process
 * that died gives its part back when its sign of life is too old (store/nodes.ts); for those seconds less goes out, never more.
 * One that has just come counts as soon as the others have looked: for a few seconds the parts may add up to more.
 */
import type { Route, RouteBook } from '../directory/index.ts'

/** This process's part of `limit`. At least one: what would be none would never arrive. */
export const partOf = (limit: number, processes: number): number =>
  Math.max(1, Math.floor(limit / Math.max(1, processes)))

function partOfRoute(route: Route, processes: number): Route {
  const { settings } = route
  return {
    ...route,
    settings: {
      ...settings,
      connections: partOf(settings.connections, processes),
      messagesPerSecond: settings.messagesPerSecond / processes,
    },
  }
}

/** The same routes with this process's part of their limits. `peers.delivering`: living processes that deliver, with this one. */
export function shareRoutes(routes: RouteBook, peers: { readonly delivering: number }): RouteBook {
  /** by what it was made of: the same route is the same object as long as neither changes */
  let parts = new WeakMap<Route, Route>()
  let processes = 1
  const ours = (route: Route): Route => {
    const now = Math.max(1, peers.delivering)
    if (now !== processes) [parts, processes] = [new WeakMap(), now]
    if (processes === 1) return route
    let part = parts.get(route)
    if (!part) parts.set(route, (part = partOfRoute(route, processes)))
    return part
  }
  const oursOrNone = (route: Route | undefined): Route | undefined => route && ours(route)
  return {
    ...routes,
    get: (routeId) => oursOrNone(routes.get(routeId)),
    *all() {
      for (const route of routes.all()) yield ours(route)
    },
    secondExit: (route) => oursOrNone(routes.secondExit(route)),
  }
}
