/**
 * Counts of failures, in memory and bounded: each key's fades with time; from a threshold on, tries are spaced by a delay
 * that grows. A try counts as failed from its beginning, for many may be under way at once, and is given back when it
 * turns out well. What the counts mean for whom is in guard.ts.
 */
import type { Clock } from '../../platform/clock.ts'

export interface BrakeSettings {
  /** failures that cost nothing */
  free: number
  /** failures that double the delay */
  doubleEvery: number
  firstMs: number
  mostMs: number
  /** failures halve in this time */
  halfLifeMs: number
}

/** Tries for one name from one network: nobody but who sits there slows them down. */
export const ownBrake: BrakeSettings = { free: 3, doubleEvery: 1, firstMs: 500, mostMs: 15_000, halfLifeMs: 900_000 }
/** Tries for one name from anywhere it was not known before. */
export const nameBrake: BrakeSettings = { free: 6, doubleEvery: 3, firstMs: 250, mostMs: 2_000, halfLifeMs: 900_000 }
/** An office behind one address mistypes a lot on the morning of an outage. */
export const addressBrake: BrakeSettings = {
  free: 30,
  doubleEvery: 10,
  firstMs: 250,
  mostMs: 2_000,
  halfLifeMs: 300_000,
}

interface Count {
  failures: number
  at: number
  /** the next try may run from here on */
  readyAt: number
}

export interface Brake {
  /** Takes a turn and counts it as failed: the milliseconds to wait. Null where it were more than `mostWait`. */
  take(key: string, mostWait: number): number | null
  /** What a try would wait now. */
  peek(key: string): number
  /** The delay between tries, as failures stand. */
  spacing(key: string): number
  failed(key: string): void
  forgive(key: string, failures: number): void
  size(): number
}

export function createBrake(clock: Clock, settings: BrakeSettings, most = 20_000): Brake {
  const counts = new Map<string, Count>()
  /** More would only make them fade later. */
  const worst = settings.free + settings.doubleEvery * Math.ceil(Math.log2(settings.mostMs / settings.firstMs))

  const current = (key: string): Count | undefined => {
    const count = counts.get(key)
    if (!count) return undefined
    const now = clock.monotonic()
    count.failures *= 0.5 ** ((now - count.at) / settings.halfLifeMs)
    count.at = now
    return count
  }
  const delay = (failures: number): number =>
    failures < settings.free
      ? 0
      : Math.min(settings.mostMs, settings.firstMs * 2 ** Math.floor((failures - settings.free) / settings.doubleEvery))

  const wait = (count: Count | undefined): number => Math.max(0, (count?.readyAt ?? 0) - clock.monotonic())

  function addFailure(key: string, from: number): void {
    const count = current(key) ?? { failures: 0, at: clock.monotonic(), readyAt: 0 }
    count.failures = Math.min(worst, count.failures + 1)
    count.readyAt = Math.max(count.readyAt, from + delay(count.failures))
    // Newest last: what is dropped at the bound is what failed longest ago.
    counts.delete(key)
    counts.set(key, count)
    if (counts.size > most) counts.delete(counts.keys().next().value!)
  }

  return {
    take(key, mostWait) {
      const ms = wait(counts.get(key))
      if (ms > mostWait) return null
      addFailure(key, clock.monotonic() + ms)
      return ms
    },
    peek: (key) => wait(counts.get(key)),
    spacing: (key) => delay(current(key)?.failures ?? 0),
    failed: (key) => addFailure(key, clock.monotonic()),
    forgive(key, failures) {
      const count = current(key)
      if (!count) return
      count.failures -= failures
      if (count.failures < 1) counts.delete(key)
    },
    size: () => counts.size,
  }
}

/** One network that a household or an attacker has to himself: an IPv4 address, an IPv6 /64. */
export function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped) return mapped[1]!
  const [head = '', tail] = ip.toLowerCase().split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
