/**
 * The hosts of one destination: which is next, and which one rests. Lower priority first; those of one priority take turns,
 * the one that had its turn longest ago first, chance deciding where nothing else does (RFC 5321 section 5.1), and those
 * last that have as many connections as they may (host-room.ts).
 *
 * One that could not be reached, or whose system failed as a whole, rests while there are others: ten seconds, twice as
 * long each time, five minutes at most. When its rest is over one transaction tries it, the rest of the traffic waits for
 * how that ends; after a success all is forgotten. Those that rest are still asked where nobody else is left: that all fail
 * is known only when all were asked. In memory, per process and destination.
 */
import type { SmtpTarget } from '../../clients/smtp/result.ts'
import type { Clock } from '../../platform/clock.ts'
import type { TlsAbout } from '../tls-reports/index.ts'

export interface RankedTarget extends SmtpTarget {
  /** lower first */
  priority: number
  /** for reports about TLS, where it is a host of the world */
  about?: TlsAbout
}

export interface Hosts {
  /** The best first, those that rest last. */
  inOrder(targets: readonly RankedTarget[]): RankedTarget[]
  isWell: (target: RankedTarget) => boolean
  /** It is used now. The answer is what `failed` wants to know: when that was. */
  begin(target: RankedTarget): number
  /** What began at `begun` failed by the host's fault; one fault counts once, however many transactions it ended. */
  failed(target: RankedTarget, begun: number): void
  worked(target: RankedTarget): void
}

const REST_FIRST_MS = 10_000
const REST_MOST_MS = 300_000
/** Addresses of a domain in the world come and go: above it, those that are not asked for any more are forgotten. */
const MOST = 200

interface Fault {
  failures: number
  failedAt: number
  restUntil: number
}

/** What is connected to. */
export const placeOf = ({ host, address, port }: SmtpTarget): string => `${address ?? host}:${port}`
/** As it is shown, and what takes turns: several addresses of one name are one host. */
export const nameOf = ({ host, port }: SmtpTarget): string => `${host}:${port}`

export function createHosts(
  clock: Pick<Clock, 'monotonic'>,
  random: () => number = Math.random,
  isFull: (target: RankedTarget) => boolean = () => false,
): Hosts {
  const faults = new Map<string, Fault>()
  const turns = new Map<string, number>()
  let turn = 0

  const restMs = (failures: number): number => Math.min(REST_MOST_MS, REST_FIRST_MS * 2 ** Math.min(failures - 1, 20))
  const isWell = (target: RankedTarget): boolean => {
    const fault = faults.get(placeOf(target))
    return fault === undefined || fault.restUntil <= clock.monotonic()
  }

  function forgetOthers(targets: readonly RankedTarget[]): void {
    const places = new Set(targets.map(placeOf))
    const names = new Set(targets.map(nameOf))
    for (const place of faults.keys()) if (!places.has(place)) faults.delete(place)
    for (const name of turns.keys()) if (!names.has(name)) turns.delete(name)
  }

  return {
    inOrder(targets) {
      if (targets.length < 2) return [...targets]
      if (faults.size + turns.size > MOST) forgetOthers(targets)
      return targets
        .map((target) => ({
          target,
          rests: isWell(target) ? 0 : 1,
          full: isFull(target) ? 1 : 0,
          turn: turns.get(nameOf(target)) ?? 0,
          chance: random(),
        }))
        .sort(
          (a, b) =>
            a.rests - b.rests ||
            a.target.priority - b.target.priority ||
            a.full - b.full ||
            a.turn - b.turn ||
            a.chance - b.chance,
        )
        .map(({ target }) => target)
    },
    isWell,
    begin(target) {
      const now = clock.monotonic()
      turns.set(nameOf(target), ++turn)
      const fault = faults.get(placeOf(target))
      // For the others it goes on resting until this one has shown how it is.
      if (fault) fault.restUntil = Math.max(fault.restUntil, now + restMs(fault.failures))
      return now
    },
    failed(target, begun) {
      const place = placeOf(target)
      const before = faults.get(place)
      if (before && begun <= before.failedAt) return
      const now = clock.monotonic()
      const failures = (before?.failures ?? 0) + 1
      faults.set(place, { failures, failedAt: now, restUntil: now + restMs(failures) })
    },
    worked: (target) => void faults.delete(placeOf(target)),
  }
}
