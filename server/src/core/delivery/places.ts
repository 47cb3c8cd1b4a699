/**
 * How much one domain may have in our hands where a route leads to the world (kind mx). All its domains share the route's
 * room and what is claimed for it; one that takes its mail slowly, or not at all, must not have both for itself. Above what
 * is said here a destination is full, and what comes for it is put off (put-off.ts).
 *
 * A message for which a connection is free is never put off. Primaries and smarthosts are one destination for each route:
 * they are never full, and nothing is counted for them.
 */
import type { Clock } from '../../platform/clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { RouteBook } from '../directory/index.ts'
import { jobBytes, type Job } from './job.ts'

export interface Places {
  take(job: Job): void
  /** It has ended, or was given back untried. */
  leave(job: Job, how: 'ended' | 'untried'): void
  /** This one would have to wait in memory behind too much. */
  isFull(job: Job, from: 'accept' | 'queue'): boolean
}

/** Messages in our hands for one domain: more only as long as it takes them quickly. */
export const MOST_FRESH = 1000
/** So long the last of them may have to wait at the pace of late. */
const LONGEST_WAIT_S = 20
/** The same where the memory is short: what is put off waits for about as long. */
const WAIT_IN_MEMORY_S = 5
/** What the pace of late is: most of what has ended in this time. */
const LATE_S = 10
/** Where a domain is slow, nothing more is taken from the queue for it above this; where the route has many, above its connections. */
export const MOST_CLAIMED = 200
/** So long a domain is not called slow for what it has not done yet, but for more than MOST_FRESH. */
const TO_BEGIN_MS = 3_000
/** Longer than anything is put off for (put-off.ts). */
const FRESH_BEHIND_MS = 330_000

interface Place {
  count: number
  bytes: number
  /** since when it has had something without a break, monotonic milliseconds */
  since: number
  /** transactions that ended, each counting for less as it grows old; as of `at` */
  ended: number
  at: number
  /** when mail out of the queue was last put off, monotonic milliseconds */
  putOffAt: number
}

export function createPlaces(deps: {
  clock: Pick<Clock, 'now' | 'monotonic'>
  /** Older mail is given up: `delivery.maxAge`. */
  maxAgeMs: number
  routes: Pick<RouteBook, 'get'>
  keyOf(routeId: Id, address: string): string
  /** octets the route may still take */
  left: (routeId: Id) => number
  /** Other destinations of the route want what there is, too. */
  isCrowded(routeId: Id): boolean
}): Places {
  const { clock, routes } = deps
  const places = new Map<string, Place>()
  /** A route that is changed meanwhile has other keys. */
  const keys = new Map<Job, string>()

  const keyOf = ({ routeId, recipients }: Job): string => deps.keyOf(routeId, recipients[0]!.address)

  function endedOfLate(place: Place, now: number): number {
    place.ended *= Math.exp((place.at - now) / 1000 / LATE_S)
    place.at = now
    return place.ended
  }

  /** A burst to a domain that has only just begun is judged by the little time there was. */
  function isSlow(place: Place, longest = LONGEST_WAIT_S): boolean {
    const now = clock.monotonic()
    const seconds = LATE_S * (1 - Math.exp((place.since - now) / 1000 / LATE_S))
    return place.count * seconds >= longest * endedOfLate(place, now)
  }

  return {
    take(job) {
      if (routes.get(job.routeId)?.kind !== RouteKind.mx) return
      const key = keyOf(job)
      const now = clock.monotonic()
      const place = places.get(key) ?? { count: 0, bytes: 0, since: now, ended: 0, at: now, putOffAt: -Infinity }
      place.count++
      place.bytes += jobBytes(job)
      places.set(key, place)
      keys.set(job, key)
    },
    leave(job, how) {
      const key = keys.get(job)
      const place = key === undefined ? undefined : places.get(key)
      if (key === undefined || place === undefined) return
      keys.delete(job)
      place.count--
      place.bytes -= jobBytes(job)
      if (how === 'ended') place.ended = endedOfLate(place, clock.monotonic()) + 1
      // One for each domain ever written to would be without bound.
      if (place.count === 0) places.delete(key)
    },
    isFull(job, from) {
      // The one that tries a closed route; and what was held has an order, and a line of its own (quiet-end.ts).
      if (job.isTrial || job.hasWaited) return false
      // Whether it is given up is decided when it was tried.
      if (clock.now() - job.acceptedAt > deps.maxAgeMs) return false
      const route = routes.get(job.routeId)
      if (route?.kind !== RouteKind.mx) return false
      const place = places.get(keyOf(job))
      if (place === undefined || place.count < route.settings.connections) return false
      // As the ready room does between routes: one may hold as much as is still free for all.
      if (from === 'accept' && place.bytes > deps.left(job.routeId) && isSlow(place, WAIT_IN_MEMORY_S)) return true
      if (!isSlow(place)) return false
      if (place.count >= MOST_FRESH) return true
      const now = clock.monotonic()
      // While older mail is put off, what is new stands behind it.
      if (from === 'accept') return now - place.putOffAt < FRESH_BEHIND_MS && place.count >= MOST_CLAIMED
      if (now - place.since < TO_BEGIN_MS) return false
      if (place.count < MOST_CLAIMED && !deps.isCrowded(job.routeId)) return false
      place.putOffAt = now
      return true
    },
  }
}
