/**
 * A clock that moves only when told: `await clock.advance(ms)` runs every timer that falls due, in order, and lets
 * promises settle in between, so that a test of minutes takes milliseconds. `jump(ms)` moves the wall clock alone.
 */
import type { Clock, Timer } from '../src/platform/clock.ts'

export interface FakeClock extends Clock {
  advance(ms: number): Promise<void>
  /** Moves now() without moving monotonic() or timers, as a corrected wall clock does. */
  jump(ms: number): void
  /** Timers that are set, for tests of leaks. */
  pending(): number
}

interface Entry {
  at: number
  seq: number
  run: () => void
  every: number | null
}

/** Lets promise chains and I/O callbacks that are ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

export function fakeClock(start = Date.UTC(2026, 10, 2, 8)): FakeClock {
  let elapsed = 0
  let offset = start
  let seq = 0
  const entries = new Set<Entry>()
  const add = (ms: number, run: () => void, every: number | null): Timer => {
    const entry: Entry = { at: elapsed + Math.max(0, ms), seq: seq++, run, every }
    entries.add(entry)
    return { cancel: () => void entries.delete(entry) }
  }
  const next = (until: number): Entry | undefined => {
    let first: Entry | undefined
    for (const entry of entries)
      if (entry.at <= until && (!first || entry.at < first.at || (entry.at === first.at && entry.seq < first.seq)))
        first = entry
    return first
  }
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after: (ms, run) => add(ms, run, null),
    every: (ms, run) => add(ms, run, Math.max(1, ms)),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const onAbort = (): void => {
          timer.cancel()
          reject(signal!.reason as Error)
        }
        const timer = add(
          ms,
          () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
          null,
        )
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
    async advance(ms) {
      const until = elapsed + ms
      await settle()
      for (let entry = next(until); entry; entry = next(until)) {
        elapsed = Math.max(elapsed, entry.at)
        if (entry.every === null) entries.delete(entry)
        else entry.at += entry.every
        entry.run()
        await settle()
      }
      elapsed = until
      await settle()
    },
    jump(ms) {
      offset += ms
    },
    pending: () => entries.size,
  }
}
