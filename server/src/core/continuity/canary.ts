/**
 * From what became of a route's canaries to one observation: are messages that it takes delivered? Pure; the thresholds are the
 * machine's (decision 0023). Two voices, each with a streak of its own: the handing over (no probe named), which a real message
 * that was taken speaks for as well; and the round trip (named), for which only its mailbox speaks.
 *
 * Probes to RCPT go on being answered well meanwhile, so one voice that fails is a failing route; and until canaries that
 * failed succeed again, no good answer to RCPT ends anything. A voice that has not been heard of for a while, or whose own
 * mailbox or password is refused, says nothing.
 */
import { EvidenceKind } from '../../platform/codes.ts'
import type { Route } from '../directory/index.ts'
import type { Observation } from './observation.ts'
import type { HeardCount } from './reach.ts'

export type CanaryObservation =
  | { kind: 'bad'; forMs: number; count: number; text: string }
  /** they failed and succeed again */
  | { kind: 'good'; forMs: number; count: number }
  /** the last one failed, in a time that is not judged any more */
  | { kind: 'held' }

/** What is sent of a route, for the judge; null: nothing. */
export interface CanaryPlan {
  /** the round trip's; null: they are only handed over */
  name: string | null
  /** from one to the next at most */
  everyMs: number
}

/** A voice is late when it has not been heard for so many rounds, and a little more. */
const LATE_ROUNDS = 3
const LATE_MS = 60_000
/** Longer ago than this nothing says anything. */
const LONGEST_MS = 7_200_000

export function canaryPlan(route: Route | undefined): CanaryPlan | null {
  const trip = route?.settings.reach.find((probe) => probe.kind === 'roundTrip')
  // What is waited for is counted in.
  if (trip) return { name: trip.name, everyMs: 1000 * ((trip.every ?? TRIP_EVERY) + trip.within) }
  const canary = route?.settings.probe.canary
  return canary ? { name: null, everyMs: 1000 * canary.every } : null
}
/** Seconds between two round trips. */
export const TRIP_EVERY = 300

const lateMs = ({ everyMs }: CanaryPlan): number => Math.min(LONGEST_MS, LATE_ROUNDS * everyMs + LATE_MS)

/** Seconds of a route's canaries that are looked at: the failure before the last success must be among them. */
export const canaryWindow = (plan: CanaryPlan): number => Math.ceil((2 * lateMs(plan)) / 1000)

/**
 * `counts`: its canaries, and what else was seen of it. Failures from before `ignoreBefore` or `forgetBefore` are not held
 * against it, but what was taken and did not arrive did not: until a canary has arrived since, answers to RCPT end nothing.
 */
export function observeCanaries(
  counts: readonly HeardCount[],
  now: number,
  plan: CanaryPlan,
  { ignoreBefore, forgetBefore }: { ignoreBefore: number; forgetBefore: number },
): CanaryObservation | null {
  const inside = counts.filter((one) => one.second <= now && (one.second > forgetBefore || isFailure(one)))
  const names = plan.name === null ? [''] : ['', plan.name]
  const streaks = names.flatMap((name) => streakOf(inside, name, now, plan) ?? [])
  const failing = streaks.filter(({ good }) => !good)
  const judged = failing.flatMap(({ name, text, seen }) => {
    const since = seen.filter(({ second }) => second >= ignoreBefore && second > forgetBefore)
    return since.length === 0
      ? []
      : [{ text: name === '' ? `canary: ${text}` : `${name}: ${text}`, ...sumOf(since, now) }]
  })
  const worst = judged.sort((a, b) => b.count - a.count)[0]
  if (worst) return { kind: 'bad', ...worst }
  if (failing.length > 0) return { kind: 'held' }
  const mended = streaks.filter(({ isMended }) => isMended).map(({ seen }) => sumOf(seen, now))
  if (mended.length === 0) return null
  return {
    kind: 'good',
    forMs: Math.min(...mended.map(({ forMs }) => forMs)),
    count: Math.min(...mended.map(({ count }) => count)),
  }
}

const sumOf = (seen: readonly HeardCount[], now: number): { forMs: number; count: number } => ({
  forMs: now - seen[0]!.second,
  count: seen.reduce((n, one) => n + one.seen, 0),
})

interface Streak {
  name: string
  good: boolean
  /** there was a failure before it */
  isMended: boolean
  seen: HeardCount[]
  text: string
}

const isFailure = ({ kind }: Pick<HeardCount, 'kind'>): boolean =>
  kind === EvidenceKind.canaryBad || kind === EvidenceKind.canaryBack

function streakOf(inside: readonly HeardCount[], name: string, now: number, plan: CanaryPlan): Streak | null {
  const its = inside.filter(({ probe }) => probe === name).sort((a, b) => a.second - b.second)
  const late = lateMs(plan)
  // Its mailbox, or what it signs in with, is to be put right by an admin.
  if (its.some(({ kind, second }) => kind === EvidenceKind.probeRefused && now - second <= late)) return null
  const backs = its.filter(({ kind }) => kind === EvidenceKind.canaryBack)
  // What is taken and comes back was not delivered: being taken shows something only where nothing comes back for a while.
  const isProven = ({ second }: HeardCount): boolean =>
    name !== '' || !backs.some((back) => Math.abs(back.second - second) <= LATE_ROUNDS * plan.everyMs)
  const isSuccess = (one: HeardCount): boolean =>
    (one.kind === EvidenceKind.canaryGood || (name === '' && one.kind === EvidenceKind.good)) && isProven(one)
  const said = its.filter((one) => isFailure(one) || isSuccess(one))
  const last = said.at(-1)
  if (!last || now - last.second > late) return null
  // Both within one second: it may be either, so it is well.
  const good = said.some((one) => one.second === last.second && isSuccess(one))
  const other = said.findLastIndex((one) => (good ? isFailure(one) && one.second < last.second : isSuccess(one)))
  const seen = said.slice(other + 1)
  return { name, good, isMended: good && other >= 0, seen, text: last.text ?? '' }
}

/** What probes and deliveries say, under what the canaries say. */
export function withCanaries(seen: Observation, canaries: CanaryObservation | null): Observation {
  if (canaries === null || seen.kind === 'blind') return seen
  if (canaries.kind === 'bad') {
    const isWorse = seen.kind !== 'bad' || (canaries.count > seen.count && canaries.forMs > seen.forMs)
    return isWorse ? canaries : seen
  }
  if (seen.kind !== 'good') return seen
  if (canaries.kind === 'held') return { kind: 'mixed' }
  return { kind: 'good', forMs: Math.min(seen.forMs, canaries.forMs), count: Math.min(seen.count, canaries.count) }
}
