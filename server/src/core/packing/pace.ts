/** So many bytes a second and no more: whoever has moved some waits until their time is over. */
import type { Clock } from '../../platform/clock.ts'

export interface Pace {
  /** Resolves when these bytes have had their time; rejects with the signal's reason when told to stop. */
  spend(bytes: number): Promise<void>
}

/** Shorter waits are gathered: a timer for each small message would cost more than the message. */
const SHORTEST_MS = 20

export function createPace(clock: Clock, bytesPerSecond: number, signal: AbortSignal): Pace {
  let over = clock.monotonic()
  return {
    async spend(bytes) {
      const now = clock.monotonic()
      over = Math.max(over, now) + (bytes * 1000) / bytesPerSecond
      if (over - now >= SHORTEST_MS) await clock.sleep(over - now, signal)
    },
  }
}
