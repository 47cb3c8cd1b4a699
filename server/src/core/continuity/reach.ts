/**
 * From the answers of a route's reach probes to one observation: can people reach their mail there? Pure; the thresholds are
 * the machine's. Each probe stands for itself: that the webmail answers says nothing about a dead sign-in. One that fails
 * is enough for `reachBad`; all must be well for `reachGood`. A probe that has not been heard of for a while, or whose own
 * password is refused, says nothing.
 */
import { EvidenceKind } from '../../platform/codes.ts'
import type { EvidenceCount } from './observation.ts'
import { longestWindow, type Sensitivity } from './sensitivity.ts'

export type ReachObservation =
  { kind: 'reachBad'; forMs: number; count: number; text: string } | { kind: 'reachGood'; forMs: number; count: number }

/** `probe`: its name; '' where it is about taking mail. */
export type HeardCount = EvidenceCount & { probe: string }

export interface HeardProbe {
  name: string
  /** from one question to the next, the longest time that its answer takes counted in */
  everyMs: number
}

/** A probe is late when it has not answered for so many of its rounds, or for this long. */
const LATE_ROUNDS = 3
const LATE_MS = 60_000

/** Seconds of a route's evidence that are looked at: a probe that is asked seldom must still be among it. */
export function windowFor(probes: readonly HeardProbe[], { window }: Pick<Sensitivity, 'window'>): number {
  const rounds = Math.max(0, ...probes.map(({ everyMs }) => (LATE_ROUNDS * everyMs) / 1000))
  return Math.ceil(Math.min(longestWindow, Math.max(window, rounds)))
}

interface Streak {
  name: string
  good: boolean
  forMs: number
  count: number
  text: string
}

/** `ignoreBefore`: evidence from before is not judged. null: nothing is known. */
export function observeReach(
  counts: readonly HeardCount[],
  now: number,
  probes: readonly HeardProbe[],
  ignoreBefore = 0,
): ReachObservation | null {
  const from = Math.max(now - longestWindow * 1000, ignoreBefore)
  // A clock that went back leaves evidence of a time to come.
  const inside = counts.filter((c) => c.second >= from && c.second <= now)
  const streaks = probes.flatMap((probe) => streakOf(inside, probe, now) ?? [])
  const heardOnce = new Set(inside.filter(({ kind }) => isAnswer(kind)).map(({ probe }) => probe))
  const failing = streaks.filter(({ good }) => !good).sort((a, b) => b.forMs - a.forMs)[0]
  if (failing)
    return {
      kind: 'reachBad',
      forMs: failing.forMs,
      count: failing.count,
      text: `${failing.name}: ${failing.text}`,
    }
  // One that was heard of and is late now may be the one that fails.
  if (streaks.length === 0 || streaks.length < probes.filter(({ name }) => heardOnce.has(name)).length) return null
  const least = (pick: (streak: Streak) => number): number => Math.min(...streaks.map(pick))
  return { kind: 'reachGood', forMs: least(({ forMs }) => forMs), count: least(({ count }) => count) }
}

const isAnswer = (kind: EvidenceKind): boolean => kind === EvidenceKind.reachBad || kind === EvidenceKind.reachGood

/** The answers of one kind that one probe has given last without another between them. */
function streakOf(inside: readonly HeardCount[], { name, everyMs }: HeardProbe, now: number): Streak | null {
  const isGood = ({ kind }: EvidenceCount): boolean => kind === EvidenceKind.reachGood
  const its = inside
    .filter(({ probe, kind }) => probe === name && isAnswer(kind))
    // Both within one second: it may be either, so it is well.
    .sort((a, b) => a.second - b.second || Number(isGood(a)) - Number(isGood(b)))
  const last = its.at(-1)
  if (!last || now - last.second > Math.max(LATE_MS, LATE_ROUNDS * everyMs)) return null
  const other = its.findLastIndex((one) => isGood(one) !== isGood(last))
  const streak = its.slice(other + 1)
  return {
    name,
    good: isGood(last),
    forMs: now - streak[0]!.second,
    count: streak.reduce((n, one) => n + one.seen, 0),
    text: last.text ?? '',
  }
}
