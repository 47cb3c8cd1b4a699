/**
 * The room for mail that is in memory to be sent at once, shared between the routes: one may hold as much as is still free
 * for all. A route alone gets half of it, two that are stuck a third each: however many fill up, there is room for the
 * next. Without that, a primary that takes connections and says nothing kept everybody's mail waiting.
 */
import type { Id } from '../../platform/ids.ts'

export interface ReadyRoom {
  has(routeId: Id): boolean
  /** octets this route may still take */
  left: (routeId: Id) => number
  take(routeId: Id, bytes: number): void
  giveBack(routeId: Id, bytes: number): void
}

export function createReadyRoom(bytes: number): ReadyRoom {
  const held = new Map<Id, number>()
  let total = 0

  const left = (routeId: Id): number => Math.max(0, bytes - total - (held.get(routeId) ?? 0))

  return {
    has: (routeId) => left(routeId) > 0,
    left,
    take(routeId, taken) {
      total += taken
      held.set(routeId, (held.get(routeId) ?? 0) + taken)
    },
    giveBack(routeId, given) {
      total -= given
      const rest = (held.get(routeId) ?? 0) - given
      if (rest > 0) held.set(routeId, rest)
      else held.delete(routeId)
    },
  }
}
