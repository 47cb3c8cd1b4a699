/**
 * When will the disk be at its reserve, if it goes on like this? From what was free over the last hour and the last day: the
 * faster of the two counts. Pure, but for what it was told.
 *
 * Time is the monotonic clock's: a wall clock that is put right moves nothing. Another disk, or one of another size, begins
 * anew; so does a long gap, in which nobody looked. Growth that ended long ago and room that comes back are no danger: null.
 */
export interface DiskLook {
  /** milliseconds, monotonic */
  at: number
  free: number
  /** size of the whole file system; another one is another disk */
  total: number
}

export interface DiskTrend {
  note(look: DiskLook): void
  /** Milliseconds until `free` is at `reserve`; 0: it is; null: nothing grows, or it is too early to say. */
  fullInMs(reserve: number): number | null
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** A look is kept for each such step, for so long; said of is what lies between, if that is long enough. */
const windows = [
  { step: MINUTE, length: HOUR, enough: 10 * MINUTE },
  { step: 15 * MINUTE, length: 24 * HOUR, enough: 3 * HOUR },
] as const
const GAP = 30 * MINUTE
/** Farther away than this is not worth a word. */
const FARTHEST = 90 * 24 * HOUR

export function createDiskTrend(): DiskTrend {
  const kept: DiskLook[][] = windows.map(() => [])
  let last: DiskLook | null = null

  return {
    note(look) {
      if (last && (look.total !== last.total || look.at - last.at > GAP || look.at < last.at))
        for (const looks of kept) looks.length = 0
      last = look
      for (const [i, { step, length }] of windows.entries()) {
        const looks = kept[i]!
        if (looks.length === 0 || look.at - looks.at(-1)!.at >= step) looks.push(look)
        while (look.at - looks[0]!.at > length) looks.shift()
      }
    },
    fullInMs(reserve) {
      if (last === null) return null
      const left = last.free - reserve
      if (left <= 0) return 0
      let soonest: number | null = null
      for (const [i, { enough }] of windows.entries()) {
        const first = kept[i]![0]!
        const took = last.at - first.at
        const grown = first.free - last.free
        if (took < enough || grown <= 0) continue
        const ms = (left * took) / grown
        if (ms <= FARTHEST && (soonest === null || ms < soonest)) soonest = ms
      }
      return soonest
    },
  }
}

/** Hours before the disk is at its reserve at which it is said, the last one at last. */
export const WARNING_HOURS = [24, 6, 1] as const
export type WarningHours = (typeof WARNING_HOURS)[number]
/** What was said stands until it is so much better: a forecast that trembles says nothing twice. */
const RELIEF = 1.5

/** The warning that stands after this forecast; `told` is the one that stood before. */
export function warningOf(fullInMs: number | null, told: WarningHours | null): WarningHours | null {
  const hours = fullInMs === null ? Infinity : fullInMs / HOUR
  const now = WARNING_HOURS.findLast((one) => hours <= one) ?? null
  if (told === null || (now !== null && now < told)) return now
  if (hours <= told * RELIEF) return told
  // Better than what was said, and perhaps not well: the next wider warning that still holds.
  return WARNING_HOURS.findLast((one) => one > told && hours <= one * RELIEF) ?? null
}

/** "about 9 h", "about 3 days", "about 20 min" */
export function forecastWords(ms: number): string {
  const minutes = ms / MINUTE
  if (minutes < 90) return `about ${Math.max(1, Math.round(minutes))} min`
  const hours = minutes / 60
  return hours < 48 ? `about ${Math.round(hours)} h` : `about ${Math.round(hours / 24)} days`
}
