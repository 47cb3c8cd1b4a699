/**
 * Room in memory for what has to be there whole: one count of bytes for the whole process, however many people ask.
 *
 * Promises: first come, first served, a large one is not overtaken for ever. Nobody waits longer than WAIT_MS: then it is
 * too-busy (HTTP 503), and nothing was begun. What alone is larger than the room has the room for itself. Small things
 * pass without being counted: the number of requests bounds them.
 */
import type { Clock } from './clock.ts'
import { WireError } from './errors.ts'

export interface ByteRoom {
  /** Runs `work` while `bytes` count as taken. Never call it from inside such work: two of them would wait for each other. */
  within<T>(bytes: number, work: () => Promise<T>): Promise<T>
  /** Takes room without waiting; null when there is none. The returned function gives it back. */
  claim(bytes: number): (() => void) | null
}

const ROOM_BYTES = 268_435_456
const SMALL_BYTES = 262_144
const WAIT_MS = 20_000

interface Waiting {
  bytes: number
  enter: () => void
}

export function createByteRoom(deps: { clock: Clock; bytes?: number }): ByteRoom {
  const total = deps.bytes ?? ROOM_BYTES
  const waiting: Waiting[] = []
  let taken = 0

  function give(bytes: number): void {
    taken -= bytes
    for (let next = waiting[0]; next && taken + next.bytes <= total; next = waiting[0]) {
      waiting.shift()
      taken += next.bytes
      next.enter()
    }
  }

  function take(bytes: number): Promise<void> {
    if (waiting.length === 0 && taken + bytes <= total) {
      taken += bytes
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const one: Waiting = { bytes, enter }
      const timer = deps.clock.after(WAIT_MS, () => {
        waiting.splice(waiting.indexOf(one), 1)
        reject(new WireError('too-busy', 'many large messages are being worked on just now'))
        // Those behind it may fit.
        give(0)
      })
      function enter(): void {
        timer.cancel()
        resolve()
      }
      waiting.push(one)
    })
  }

  const once = (bytes: number): (() => void) => {
    let given = false
    return () => {
      if (!given) give(bytes)
      given = true
    }
  }

  return {
    async within(bytes, work) {
      if (bytes <= SMALL_BYTES) return work()
      const counted = Math.min(bytes, total)
      await take(counted)
      try {
        return await work()
      } finally {
        give(counted)
      }
    },
    claim(bytes) {
      if (taken + bytes > total) return null
      taken += bytes
      return once(bytes)
    },
  }
}
