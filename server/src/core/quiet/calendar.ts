/**
 * Days of the calendar as numbers (days since 1 January 1970), and the patterns that pick some of them: days of the week,
 * the second Tuesday of the month, the last day of it. No time zone in here. Pure.
 */
import { DAY } from './wall-time.ts'

/** ISO 8601: 1 is Monday, 7 is Sunday. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** `2026-11-27`; null where the calendar has no such day. */
export function dayOf(text: string): number | null {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []
  if (year === undefined || Number(year) < 1970) return null
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day))
  return new Date(at).toISOString().startsWith(text) ? at / DAY : null
}

export const dayText = (day: number): string => new Date(day * DAY).toISOString().slice(0, 10)

/** `22:00` as minutes of the day, `24:00` as its end; null where a clock shows no such time. */
export function minuteOf(text: string): number | null {
  const [, hour, minute] = /^(\d{2}):(\d{2})$/.exec(text) ?? []
  if (hour === undefined || Number(minute) > 59) return null
  const minutes = Number(hour) * 60 + Number(minute)
  return minutes <= 24 * 60 ? minutes : null
}

/** The first of January 1970 was a Thursday. */
export const weekdayOf = (day: number): Weekday => weekdays[(((day + 3) % 7) + 7) % 7]!

export type Pattern =
  | { every: 'week'; days: readonly Weekday[] }
  /** the nth of these weekdays in a month; -1: the last */
  | { every: 'month'; nth: number; day: Weekday }
  /** that day of the month; -1: the last. A month without it has none */
  | { every: 'month'; date: number }

export function picks(pattern: Pattern, day: number): boolean {
  if (pattern.every === 'week') return pattern.days.includes(weekdayOf(day))
  const date = new Date(day * DAY).getUTCDate()
  const isLast = (step: number): boolean => new Date((day + step) * DAY).getUTCDate() <= step
  if ('date' in pattern) return pattern.date === -1 ? isLast(1) : pattern.date === date
  if (pattern.day !== weekdayOf(day)) return false
  return pattern.nth === -1 ? isLast(7) : Math.ceil(date / 7) === pattern.nth
}
