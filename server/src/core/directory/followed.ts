/**
 * What is kept in memory whole and follows the directory: read at the start, and again when the directory's generation has
 * moved (a poll of at most a second, one at a time). Failure: what was read last stands, and the log says so.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Log } from '../../platform/log.ts'
import { readGeneration } from '../../store/directory.ts'

export interface Followed {
  /** Reads again if anything has changed. */
  refresh(): Promise<void>
  start(): Promise<void>
  stop(): void
}

export interface FollowDeps {
  db: Database
  clock: Clock
  log: Log
  pollMs?: number
}

/** `what`: for the log, in the plural. */
export function followDirectory(deps: FollowDeps, what: string, read: () => Promise<void>): Followed {
  let generation = -1
  let timer: Timer | null = null
  let reading = false

  async function refresh(): Promise<void> {
    const now = await readGeneration(deps.db)
    if (now === generation) return
    await read()
    generation = now
  }

  return {
    refresh,
    async start() {
      await refresh()
      timer = deps.clock.every(deps.pollMs ?? 1000, () => {
        if (reading) return
        reading = true
        refresh()
          .catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, `${what} could not be read; the last ones stand`),
          )
          .finally(() => {
            reading = false
          })
      })
    },
    stop: () => timer?.cancel(),
  }
}
