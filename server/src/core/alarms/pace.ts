/**
 * When an alarm is told again, and when enough was told. Pure. A question and our own blindness are repeated, after half an
 * hour, an hour, two, then every four, until somebody has acknowledged, answered, or the cause is gone; the others are told
 * once, and once that they are over. A route that goes to and fro sends a handful of letters an hour, never hundreds: what is
 * over the limit is not lost but put off, and what is over by then is not told at all.
 */
import type { AlarmKind } from '../../platform/codes.ts'

const FIRST_SECONDS = 1800
const MOST_SECONDS = 14_400
/** Letters within an hour, to each address. */
const MOST_OF_CAUSE = 4
const MOST_OF_ORGANISATION = 20
export const PUT_OFF_SECONDS = 300

const repeated: ReadonlySet<AlarmKind> = new Set(['ask-away', 'ask-home', 'blind'])

/** Seconds until it is told again after it was told `told` times; null: not again. */
export function againAfter(kind: AlarmKind, told: number, isOver: boolean): number | null {
  if (isOver || !repeated.has(kind)) return null
  return Math.min(MOST_SECONDS, FIRST_SECONDS * 2 ** Math.min(told - 1, 10))
}

export const isEnough = ({ recent, recentOfCause }: { recent: number; recentOfCause: number }): boolean =>
  recent >= MOST_OF_ORGANISATION || recentOfCause >= MOST_OF_CAUSE
