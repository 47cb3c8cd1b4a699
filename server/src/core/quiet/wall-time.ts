/**
 * Between the clock on a wall and the instant it shows, both ways, by the time zones that Node brings along (Intl): no
 * list of zones to keep up to date beside it, and no library for three functions. Pure.
 *
 * A wall time is a number: the milliseconds that UTC would have where the wall shows this. Where clocks are put forward
 * some wall times never come, where they are put back some come twice; so a wall time alone names no instant:
 * `firstAt` is the first moment at which the wall has come as far, `lastBefore` the end of the last moment before it.
 * Of an hour that does not exist both are the moment of the jump; of one that comes twice, they are its first coming and
 * its second.
 */
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Farther than any zone is from UTC, and by how much a wall may jump (the Pacific's date line). */
const REACH = 27 * HOUR
/** No zone has put its clocks twice within this time. */
const STEP = 3 * HOUR
/** Zones that are remembered: more than there are. */
const MOST_ZONES = 1_000

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  if (formats.size >= MOST_ZONES) formats.clear()
  formats.set(zone, made)
  return made
}

/** A name of the IANA list. An offset (`+02:00`) is none: it knows no summer. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** What the wall shows at this instant. */
export function wallAt(zone: string, at: number): number {
  const part: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(at)) part[type] = Number(value)
  const { year, month, day, hour, minute, second } = part as Record<
    'year' | 'month' | 'day' | 'hour' | 'minute' | 'second',
    number
  >
  const rest = ((at % 1000) + 1000) % 1000
  return Date.UTC(year, month - 1, day, hour, minute, second) + rest
}

/** From `from` to `until` (instants) the wall is ahead of UTC by `ahead`. */
interface Stretch {
  from: number
  until: number
  ahead: number
}

/** The stretches of one offset each in which this wall time could be. */
function stretchesAround(zone: string, wall: number): Stretch[] {
  const aheadAt = (at: number): number => wallAt(zone, at) - at
  const [start, end] = [wall - REACH, wall + REACH]
  const all: Stretch[] = [{ from: start, until: end, ahead: aheadAt(start) }]
  // Nearly always: nobody puts the clocks twice in two days.
  if (aheadAt(wall) === all[0]!.ahead && aheadAt(end) === all[0]!.ahead) return all
  for (let at = start; at < end; at += STEP) {
    const last = all.at(-1)!
    const ahead = aheadAt(at + STEP)
    if (ahead === last.ahead) continue
    let [before, after] = [at, at + STEP]
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (aheadAt(middle) === last.ahead) before = middle
      else after = middle
    }
    last.until = after
    all.push({ from: after, until: end, ahead })
  }
  return all
}

/** The first instant at which the wall shows this time or a later one. */
export function firstAt(zone: string, wall: number): number {
  const all = stretchesAround(zone, wall)
  const its = all.find(({ until, ahead }) => wall < until + ahead) ?? all.at(-1)!
  return Math.max(its.from, wall - its.ahead)
}

/** The instant from which on the wall shows no earlier time than this any more. */
export function lastBefore(zone: string, wall: number): number {
  const all = stretchesAround(zone, wall)
  const its = all.findLast(({ from, ahead }) => from + ahead < wall) ?? all[0]!
  return Math.min(its.until, wall - its.ahead)
}
