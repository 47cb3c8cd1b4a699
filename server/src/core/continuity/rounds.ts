/**
 * Asking several again and again, each at its own pace: jittered, so that routes and nodes never march in step, and the next
 * question is planned when the last one has ended, so that they never pile up.
 */
import type { Clock, Timer } from '../../platform/clock.ts'

export interface Rounds {
  /** Those that are asked from now on; others are not any more. */
  keep(wanted: ReadonlySet<string>): void
  /** At the latest within `ms`, unless it is being asked just now. */
  soon(key: string, ms: number): void
  stop(): void
}

interface Chain {
  timer: Timer | null
  running: boolean
  cancelled: boolean
}

/** Asked again after each wait: somebody else may have ended the chain meanwhile. */
const isCancelled = (chain: Chain): boolean => chain.cancelled

export function createRounds(deps: {
  clock: Clock
  random: () => number
  /** milliseconds between two questions */
  every(key: string): number
  /** milliseconds within which the first one is asked */
  firstWithin(key: string): number
  /** `isOver`: nobody wants the answer any more. Must not throw. */
  ask(key: string, isOver: () => boolean): Promise<void>
}): Rounds {
  const { clock, random } = deps
  const chains = new Map<string, Chain>()

  function plan(key: string, chain: Chain, inMs: number): void {
    chain.timer?.cancel()
    chain.timer = clock.after(Math.max(0, inMs), () => void run(key, chain), { hold: false })
  }

  async function run(key: string, chain: Chain): Promise<void> {
    if (chain.cancelled || chain.running) return
    chain.running = true
    const began = clock.monotonic()
    try {
      await deps.ask(key, () => chain.cancelled)
    } finally {
      chain.running = false
      const wait = deps.every(key) * (0.9 + 0.2 * random())
      // A question that took its time was the wait already; but a slow server is never asked without a breath.
      if (!isCancelled(chain)) plan(key, chain, Math.max(wait / 4, wait - (clock.monotonic() - began)))
    }
  }

  function end(key: string, chain: Chain): void {
    chain.cancelled = true
    chain.timer?.cancel()
    chains.delete(key)
  }

  return {
    keep(wanted) {
      for (const key of wanted) {
        if (chains.has(key)) continue
        const chain: Chain = { timer: null, running: false, cancelled: false }
        chains.set(key, chain)
        plan(key, chain, random() * deps.firstWithin(key))
      }
      for (const [key, chain] of chains) if (!wanted.has(key)) end(key, chain)
    },
    soon(key, ms) {
      const chain = chains.get(key)
      if (chain && !chain.running) plan(key, chain, random() * ms)
    },
    stop() {
      for (const [key, chain] of chains) end(key, chain)
    },
  }
}
