/**
 * The only door to time: `Date.now`, timers and intervals are reached through a Clock so that tests of seconds run on a
 * fake one (testkit/fake-clock.ts). The wall clock stamps; `monotonic` measures; leases and schedules use the database's.
 */
import { performance } from 'node:perf_hooks'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the epoch. May jump. */
  now(): number
  /** Milliseconds from an arbitrary start. Never jumps back. */
  monotonic(): number
  /** Runs `run` once after `ms`. `hold: false` does not keep the process alive. */
  after(ms: number, run: () => void, options?: { hold?: boolean }): Timer
  /** Runs `run` every `ms`, first after `ms`. Does not keep the process alive. */
  every(ms: number, run: () => void): Timer
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run, options) {
    const handle = setTimeout(run, ms)
    if (options?.hold === false) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
  every(ms, run) {
    const handle = setInterval(run, ms)
    handle.unref()
    return { cancel: () => clearInterval(handle) }
  },
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = (): void => {
        clearTimeout(handle)
        reject(signal!.reason as Error)
      }
      const handle = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
}

/** What `work` gives, or `late()` thrown after `ms`: for one who must answer, whatever the work goes on to do. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: Timer | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = clock.after(ms, () => reject(late()), { hold: false })
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    timer?.cancel()
  }
}
