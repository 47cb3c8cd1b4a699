/**
 * When a window is open: its pattern, its hours and its zone give occurrences, each from one instant to another. Pure.
 *
 * The rules where clocks are put: a window opens at the first moment at which the wall shows its beginning or later, and
 * closes after the last at which it shows less than its end. So one that begins in the hour that does not exist opens at
 * the jump, and one that begins or ends in the hour that comes twice is open through both: rather too long than in two
 * pieces. One that lies in the missing hour altogether does not happen that night.
 *
 * An occurrence belongs to the day on which it begins, also where it goes over midnight: `except` and `also` name that day.
 */
import { picks, type Pattern } from './calendar.ts'
import { DAY, firstAt, lastBefore, MINUTE, wallAt } from './wall-time.ts'

export type When =
  | {
      kind: 'pattern'
      pattern: Pattern
      /** minutes of the day; an end that is not after the beginning is the next day's */
      from: number
      to: number
      /** days on which it does not begin, whatever the pattern says, and on which it does */
      except: ReadonlySet<number>
      also: ReadonlySet<number>
    }
  /** wall times */
  | { kind: 'once'; from: number; to: number }

/** Instants: open from `from`, closed again at `until`. */
export interface Occurrence {
  from: number
  until: number
}

export interface Opening {
  open: Occurrence | null
  /** what it says holds until then */
  checkAt: number
  /** the next time it opens, where that is known */
  next: Occurrence | null
}

/** How far ahead the next opening is looked for: a 29 February that is a fifth Tuesday may be further. */
const FAR_DAYS = 800
/** Occurrences that follow each other without a gap are one, up to so many. */
const MOST_JOINED = 32

const isOn = (when: When & { kind: 'pattern' }, day: number): boolean =>
  when.also.has(day) || (picks(when.pattern, day) && !when.except.has(day))

function between(zone: string, from: number, to: number): Occurrence | null {
  const occurrence = { from: firstAt(zone, from), until: lastBefore(zone, to) }
  return occurrence.until > occurrence.from ? occurrence : null
}

/** That of a day, where it has one. */
export function occurrenceOn(when: When, zone: string, day: number): Occurrence | null {
  if (when.kind === 'once') return between(zone, when.from, when.to)
  if (!isOn(when, day)) return null
  const endsOn = when.to <= when.from ? day + 1 : day
  return between(zone, day * DAY + when.from * MINUTE, endsOn * DAY + when.to * MINUTE)
}

const dayAt = (zone: string, at: number): number => Math.floor(wallAt(zone, at) / DAY)

/** The first that ends after `at`. */
function endingAfter(when: When, zone: string, at: number): Occurrence | null {
  if (when.kind === 'once') {
    const only = between(zone, when.from, when.to)
    return only !== null && only.until > at ? only : null
  }
  // Yesterday's may still be open, and where a day was left out the one before it.
  const today = dayAt(zone, at)
  for (let day = today - 2; day <= today + FAR_DAYS; day++) {
    const one = occurrenceOn(when, zone, day)
    if (one !== null && one.until > at) return one
  }
  return null
}

/** All that are open at some time between two instants, at most so many. */
export function occurrencesBetween(when: When, zone: string, from: number, until: number, most: number): Occurrence[] {
  const all: Occurrence[] = []
  let next = endingAfter(when, zone, from)
  while (next !== null && next.from < until && all.length < most) {
    all.push(next)
    next = endingAfter(when, zone, next.until)
  }
  return all
}

/** How a window stands at an instant. */
export function openingAt(when: When, zone: string, at: number): Opening {
  const first = endingAfter(when, zone, at)
  if (first === null) return { open: null, checkAt: Infinity, next: null }
  if (first.from > at) return { open: null, checkAt: first.from, next: first }
  const open = { ...first }
  let next = endingAfter(when, zone, open.until)
  for (let joined = 0; next !== null && next.from <= open.until && joined < MOST_JOINED; joined++) {
    open.until = next.until
    next = endingAfter(when, zone, open.until)
  }
  return { open, checkAt: open.until, next: next !== null && next.from > open.until ? next : null }
}
