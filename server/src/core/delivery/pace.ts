/**
 * How fast messages go to a host that takes only so many a second (`messagesPerSecond`): evenly spaced, none saved up. One
 * pace for all destinations of a route; of several processes each has its part (process-share.ts). Nobody waits in here: who asks is told how long, and comes again.
 */
import type { Clock } from '../../platform/clock.ts'

export interface Pace {
  /** Milliseconds until the next message may go there; 0: now. */
  wait(host: string): number
  /** One goes there, or will. */
  take(host: string): void
}

/** Above it, hosts whose turn is long past are forgotten. */
const MOST = 500

export function createPace(clock: Pick<Clock, 'monotonic'>, perSecond: number): Pace {
  const next = new Map<string, number>()

  return {
    wait: (host) => Math.max(0, Math.ceil((next.get(host) ?? 0) - clock.monotonic())),
    take(host) {
      const now = clock.monotonic()
      if (next.size > MOST) for (const [one, at] of next) if (at <= now) next.delete(one)
      next.set(host, Math.max(now, next.get(host) ?? 0) + 1000 / perSecond)
    },
  }
}
