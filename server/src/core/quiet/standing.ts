/**
 * How a stored window stands at an instant: its plan, and what people did to it since. Released early it is closed until it
 * would have closed by itself; extended it is open until then, whatever the plan says. Asked for every message while any
 * window exists, so what was found out is kept until it can be otherwise. Pure.
 */
import type { QuietWindowRow } from '../../store/quiet.ts'
import { exemptOf, type Exempt } from './exempt.ts'
import { openingAt, type Occurrence, type Opening, type When } from './recurrence.ts'
import { planSchema, whenOf, type Plan } from './window.ts'

export interface Window extends Omit<QuietWindowRow, 'plan'> {
  plan: Plan
  isExempt: Exempt
  /** how it stands; the next opening only where nobody changed anything */
  at: (now: number) => Opening
}

/** Null: what is stored is no plan (of another version, or somebody's own SQL). */
export function windowOf(row: QuietWindowRow): Window | null {
  const parsed = planSchema.safeParse(row.plan)
  if (!parsed.success) return null
  const plan = parsed.data
  const when = whenOf(plan)
  let known: Opening & { since: number } = { open: null, checkAt: -Infinity, next: null, since: Infinity }
  return {
    ...row,
    plan,
    isExempt: exemptOf(plan),
    at: (now) => {
      // A clock that was put back asks anew as well.
      if (now >= known.checkAt || now < known.since) known = { ...standingAt(when, row, plan.zone, now), since: now }
      return known
    },
  }
}

function standingAt(
  when: When,
  { releasedUntil, extendedUntil }: Pick<QuietWindowRow, 'releasedUntil' | 'extendedUntil'>,
  zone: string,
  now: number,
): Opening {
  const planned = openingAt(when, zone, now)
  if (extendedUntil !== null && extendedUntil.getTime() > now) {
    const until = Math.max(extendedUntil.getTime(), planned.open?.until ?? 0)
    const open: Occurrence = { from: planned.open?.from ?? now, until }
    return { open, checkAt: until, next: null }
  }
  if (releasedUntil !== null && releasedUntil.getTime() > now && planned.open !== null) {
    const until = Math.min(releasedUntil.getTime(), planned.open.until)
    return { open: null, checkAt: until, next: planned.next }
  }
  return planned
}
