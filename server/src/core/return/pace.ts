/**
 * The pace of a return, pure: slow start (doubles after as many successes as are under way, up to a most), a cap per
 * second, back to one at a time on a failure that is the route's, and a request to stop after several in a row. One
 * failing mailbox changes nothing.
 */
export interface PaceSettings {
  startAtOnce: number
  mostAtOnce: number
  /** messages a second at most; undefined: as fast as the primary takes them */
  perSecond?: number | undefined
}

export interface Pace {
  atOnce: number
  /** successes since atOnce last changed */
  successes: number
  /** recipients in a row that failed as the route's fault */
  failures: number
  /** milliseconds (monotonic): the next message may start; for the cap per second */
  nextAt: number
}

/** Recipients in a row after which the return asks to stop. Three in a hundred failing at random never get there. */
export const STOP_AFTER = 4

export const startPace = (settings: PaceSettings): Pace => ({
  atOnce: Math.min(settings.startAtOnce, settings.mostAtOnce),
  successes: 0,
  failures: 0,
  nextAt: -Infinity,
})

/** How many messages may start now; `spare`: how many more may wait behind those that can. */
export function room(pace: Pace, settings: PaceSettings, underWay: number, now: number, spare = 0): number {
  const free = Math.max(0, pace.atOnce + spare - underWay)
  if (settings.perSecond === undefined || free === 0) return free
  if (now < pace.nextAt) return 0
  // A slow round may catch up by what it missed, but never by more than a quarter of a second.
  const from = Math.max(pace.nextAt, now - 250)
  return Math.min(free, Math.max(1, Math.floor(((now - from) * settings.perSecond) / 1000) + 1))
}

export function started(pace: Pace, settings: PaceSettings, count: number, now: number): Pace {
  if (settings.perSecond === undefined || count === 0) return pace
  const from = Math.max(pace.nextAt, now - 250)
  return { ...pace, nextAt: from + (count * 1000) / settings.perSecond }
}

export function succeeded(pace: Pace, settings: PaceSettings): Pace {
  const successes = pace.successes + 1
  if (successes < pace.atOnce) return { ...pace, successes, failures: 0 }
  return { ...pace, atOnce: Math.min(settings.mostAtOnce, pace.atOnce * 2), successes: 0, failures: 0 }
}

/** A failure that speaks about the route: one at a time from here. The same recipient once more is no news. */
export function failed(pace: Pace, isNews = true): { pace: Pace; stop: boolean } {
  const failures = pace.failures + (isNews ? 1 : 0)
  return { pace: { ...pace, atOnce: 1, successes: 0, failures }, stop: failures >= STOP_AFTER }
}
