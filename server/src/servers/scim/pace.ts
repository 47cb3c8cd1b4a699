/**
 * How many requests: of a source at once, and of a network with tokens that are none. A token cannot be guessed, so the
 * second only saves work; who had a good one lately is not kept out by others who share their network.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { ScimError } from '../../protocols/scim/index.ts'

const MOST_AT_ONCE = 20
const MOST_WRONG = 120
const WINDOW_MS = 60_000
const GOOD_MS = 3_600_000
const MOST_REMEMBERED = 10_000

export interface Pace {
  /** Throws 429 where the network has shown too many wrong ones. */
  mayTry(network: string, token: string): void
  wrong(network: string): void
  good(token: string): void
  /** Throws 429; what is returned ends it. */
  begin(sourceId: string): () => void
}

const slower = (): ScimError => new ScimError(429, null, 'Too many requests. Try again in a minute.')
const markOf = (token: string): string => createHash('sha256').update(token).digest('base64')

export function createPace(clock: Clock): Pace {
  const wrong = new Map<string, { since: number; count: number }>()
  const good = new Map<string, number>()
  const busy = new Map<string, number>()
  const fresh = (network: string): { since: number; count: number } => {
    const now = clock.monotonic()
    const found = wrong.get(network)
    if (found && now - found.since < WINDOW_MS) return found
    if (wrong.size >= MOST_REMEMBERED) wrong.clear()
    const one = { since: now, count: 0 }
    wrong.set(network, one)
    return one
  }
  return {
    mayTry(network, token) {
      const lately = good.get(markOf(token))
      if (lately !== undefined && clock.monotonic() - lately < GOOD_MS) return
      if (fresh(network).count >= MOST_WRONG) throw slower()
    },
    wrong(network) {
      fresh(network).count++
    },
    good(token) {
      if (good.size >= MOST_REMEMBERED) good.clear()
      good.set(markOf(token), clock.monotonic())
    },
    begin(sourceId) {
      const now = busy.get(sourceId) ?? 0
      if (now >= MOST_AT_ONCE) throw slower()
      busy.set(sourceId, now + 1)
      let isEnded = false
      return () => {
        if (isEnded) return
        isEnded = true
        const left = busy.get(sourceId)! - 1
        if (left > 0) busy.set(sourceId, left)
        else busy.delete(sourceId)
      }
    },
  }
}
