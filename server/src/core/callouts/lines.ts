/**
 * Conversations for questions, by route: a few at once, kept for some seconds so that many questions need few handshakes.
 * Whoever finds all of them busy waits until one is free, as long as there is time; not too many wait.
 *
 * A kept conversation that the server has ended meanwhile is replaced once: nothing was asked in it.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Id } from '../../platform/ids.ts'
import type { Questions } from '../../clients/smtp/questions.ts'

export interface Lines {
  /** null: no conversation was free in time. Throws what opening or `work` throws. */
  use<T>(
    key: { routeId: Id; version: unknown },
    timeoutMs: number,
    work: (line: Questions, isNew: boolean, leftMs: number) => Promise<T>,
  ): Promise<T | null>
  stop(): void
}

const KEEP_MS = 10_000
const MOST_WAITING = 50

interface Pool {
  busy: number
  free: { line: Questions; version: unknown; at: number }[]
  waiting: Set<() => void>
}

export function createLines<Route extends { routeId: Id }>(deps: {
  clock: Clock
  mostAtOnce: number
  open(route: Route, timeoutMs: number): Promise<Questions>
  routeOf(routeId: Id): Route | undefined
}): Lines {
  const { clock } = deps
  const pools = new Map<Id, Pool>()
  let stopped = false

  function poolOf(routeId: Id): Pool {
    const known = pools.get(routeId)
    if (known) return known
    const pool: Pool = { busy: 0, free: [], waiting: new Set() }
    pools.set(routeId, pool)
    return pool
  }

  /** Those that may be used; the others are closed. */
  function tidy(pool: Pool, version?: unknown): void {
    const now = clock.monotonic()
    pool.free = pool.free.filter((one) => {
      const stays =
        !stopped && one.line.usable() && now - one.at < KEEP_MS && (version === undefined || one.version === version)
      if (!stays) one.line.close()
      return stays
    })
  }

  /** False: not in time. */
  async function turn(pool: Pool, timeoutMs: number): Promise<boolean> {
    if (pool.busy < deps.mostAtOnce) {
      pool.busy++
      return true
    }
    if (pool.waiting.size >= MOST_WAITING) return false
    return new Promise((resolve) => {
      const mine = (): void => {
        timer.cancel()
        resolve(true)
      }
      const timer = clock.after(
        timeoutMs,
        () => {
          pool.waiting.delete(mine)
          resolve(false)
        },
        { hold: false },
      )
      pool.waiting.add(mine)
    })
  }

  function done(routeId: Id, pool: Pool): void {
    const [next] = pool.waiting
    if (next) {
      // The turn goes on to whoever waits longest.
      pool.waiting.delete(next)
      return next()
    }
    pool.busy--
    if (pool.busy === 0 && pool.free.length === 0) pools.delete(routeId)
  }

  return {
    async use({ routeId, version }, timeoutMs, work) {
      const began = clock.monotonic()
      const left = (): number => timeoutMs - (clock.monotonic() - began)
      const pool = poolOf(routeId)
      if (!(await turn(pool, timeoutMs))) return null
      let line: Questions | null = null
      try {
        const route = deps.routeOf(routeId)
        if (!route || stopped) return null
        tidy(pool, version)
        const kept = pool.free.pop()
        if (kept) {
          line = kept.line
          try {
            return await work(line, false, left())
          } catch (error) {
            if (left() < timeoutMs / 4) throw error
          }
        }
        line = await deps.open(route, left())
        return await work(line, true, left())
      } finally {
        if (line?.usable() && !stopped) {
          pool.free.push({ line, version, at: clock.monotonic() })
          clock.after(KEEP_MS, () => tidyAway(routeId, pool), { hold: false })
        } else line?.close()
        done(routeId, pool)
      }
    },
    stop() {
      stopped = true
      for (const pool of pools.values()) tidy(pool)
      pools.clear()
    },
  }

  function tidyAway(routeId: Id, pool: Pool): void {
    tidy(pool)
    if (pool.busy === 0 && pool.free.length === 0 && pools.get(routeId) === pool) pools.delete(routeId)
  }
}
