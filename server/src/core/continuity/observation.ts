/**
 * From counted evidence to one observation: is the route failing, answering, or is it unclear, and since when. Pure; the
 * thresholds are the machine's. Counts arrive per second and kind (never a row per message).
 *
 * What counts: a streak of failures since the last success; or, with traffic, a large share of failing deliveries
 * (half-dead, or everything refused after a good RCPT, which no probe sees). What is the message's own fault is neutral
 * and counts for nothing. 5xx to everything (policy) counts only when there are many and nothing succeeds.
 */
import { EvidenceKind, Mode } from '../../platform/codes.ts'
import type { Sensitivity } from './sensitivity.ts'

export interface EvidenceCount {
  /** milliseconds, start of the second, the database's clock */
  second: number
  kind: EvidenceKind
  seen: number
  text?: string | null
}

export type Observation =
  | { kind: 'good'; forMs: number; count: number }
  | { kind: 'bad'; forMs: number; count: number; text: string }
  | { kind: 'mixed' }
  | { kind: 'silent' }
  /** since the last that was seen of the route there was only trouble of our own */
  | { kind: 'blind'; why: string }

/** 5xx answers say something about the route only when there are at least this many and nothing else. */
const POLICY_MANY = 5
/** Failures a streak of successes may contain: real primaries always refuse a little. */
const TOLERATED = 0.1

const isGood = (kind: EvidenceKind): boolean => kind === EvidenceKind.good || kind === EvidenceKind.probeGood

/** Failures that speak about the route itself. */
export function isBad(kind: EvidenceKind): boolean {
  switch (kind) {
    case EvidenceKind.connectRefused:
    case EvidenceKind.timeout:
    case EvidenceKind.tempfail:
    case EvidenceKind.tls:
    case EvidenceKind.dns:
    case EvidenceKind.dropped:
    case EvidenceKind.probeBad:
      return true
    case EvidenceKind.good:
    case EvidenceKind.neutral:
    case EvidenceKind.policy:
    case EvidenceKind.probeGood:
    case EvidenceKind.ours:
    // Whether people can reach their mail is judged apart: reach.ts.
    case EvidenceKind.reachGood:
    case EvidenceKind.reachBad:
    case EvidenceKind.probeRefused:
    // So is whether what it takes arrives: canary.ts.
    case EvidenceKind.canaryGood:
    case EvidenceKind.canaryBad:
    case EvidenceKind.canaryBack:
      return false
  }
}

/**
 * A failure that began before an emergency, or before the return of one, led there and says nothing more: a connection that
 * hangs all through an outage must not count against its end.
 */
export const isOfBefore = ({ mode, since }: { mode: Mode; since: number }, begunAt: number): boolean =>
  (mode === Mode.emergency || mode === Mode.recovering) && begunAt < since

interface Tally {
  second: number
  good: number
  bad: number
}

/** `ignoreBefore`: evidence from before a pause of ours, or from before we could see, is not judged. */
export function observe(
  counts: readonly EvidenceCount[],
  now: number,
  numbers: Sensitivity,
  ignoreBefore = 0,
): Observation {
  const from = Math.max(now - numbers.window * 1000, ignoreBefore)
  // What is stamped later than now was stamped before the clock went back.
  const inside = counts.filter((c) => c.second >= from && c.second <= now).sort((a, b) => a.second - b.second)
  const policy = sum(inside, (c) => c.kind === EvidenceKind.policy)
  const policyCounts = policy >= POLICY_MANY && sum(inside, (c) => isGood(c.kind)) === 0
  const failing = (kind: EvidenceKind): boolean => isBad(kind) || (policyCounts && kind === EvidenceKind.policy)
  const text = inside.findLast((c) => failing(c.kind))?.text ?? ''

  const tallies = tally(inside, failing)
  const ours = ownTrouble(inside, tallies.at(-1)?.second ?? -Infinity)
  if (ours.length > 0 && sum(ours, () => true) >= numbers.suspectFailures)
    return { kind: 'blind', why: ours.at(-1)!.text ?? 'trouble of our own' }

  const share = failingShare(inside, now, numbers)
  if (share) return { kind: 'bad', forMs: now - share.since, count: share.count, text }

  if (tallies.length === 0) return { kind: 'silent' }
  const lastGood = tallies.findLast((t) => t.good > 0)?.second ?? -Infinity
  const streak = tallies.filter((t) => t.second > lastGood && t.bad > 0)
  if (streak.length > 0)
    return { kind: 'bad', forMs: now - streak[0]!.second, count: streak.reduce((n, t) => n + t.bad, 0), text }
  return goodSuffix(tallies, now) ?? { kind: 'mixed' }
}

/** Our own trouble after the last that was seen. */
const ownTrouble = (counts: readonly EvidenceCount[], after: number): EvidenceCount[] =>
  counts.filter((c) => c.kind === EvidenceKind.ours && c.second > after)

function sum(counts: readonly EvidenceCount[], pick: (c: EvidenceCount) => boolean): number {
  return counts.reduce((n, c) => n + (pick(c) ? c.seen : 0), 0)
}

function tally(counts: readonly EvidenceCount[], failing: (kind: EvidenceKind) => boolean): Tally[] {
  const bySecond = new Map<number, Tally>()
  for (const c of counts) {
    const good = isGood(c.kind)
    if (!good && !failing(c.kind)) continue
    const t = bySecond.get(c.second) ?? { second: c.second, good: 0, bad: 0 }
    if (good) t.good += c.seen
    else t.bad += c.seen
    bySecond.set(c.second, t)
  }
  return [...bySecond.values()]
}

/**
 * A large share of real deliveries fails. Probes do not count here: a primary that answers RCPT and fails every message
 * is as dead as one that refuses the connection.
 */
function failingShare(
  inside: readonly EvidenceCount[],
  now: number,
  numbers: Sensitivity,
): { since: number; count: number } | null {
  const realBad = inside.filter((c) => isBad(c.kind) && c.kind !== EvidenceKind.probeBad)
  const bad = sum(realBad, () => true)
  const good = sum(inside, (c) => c.kind === EvidenceKind.good)
  if (bad < numbers.shareFailures || bad / (bad + good) < numbers.share) return null
  // Old failures alone are no outage of now: real mail must still be failing. In an emergency next to none is tried, so
  // there the probes decide.
  const recently = now - Math.max(2, numbers.emergencyAfter / 2) * 1000
  const recent = inside.filter((c) => c.second >= recently)
  const recentGood = sum(recent, (c) => c.kind === EvidenceKind.good)
  const recentBad = sum(recent, (c) => isBad(c.kind) && c.kind !== EvidenceKind.probeBad)
  if (recentBad === 0 || recentBad / (recentBad + recentGood) < numbers.share) return null
  return { since: realBad[0]!.second, count: bad }
}

/** The longest stretch up to now that began with a success and holds next to no failures. */
function goodSuffix(tallies: readonly Tally[], now: number): Observation | null {
  let good = 0
  let bad = 0
  let best: Observation | null = null
  for (let i = tallies.length - 1; i >= 0; i--) {
    const t = tallies[i]!
    good += t.good
    bad += t.bad
    if (t.good > 0 && bad / (good + bad) <= TOLERATED) best = { kind: 'good', forMs: now - t.second, count: good }
  }
  return best
}
