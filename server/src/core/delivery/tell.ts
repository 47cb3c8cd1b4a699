/**
 * Writes refusals that are passed on, many in one transaction, one transaction at a time: whoever comes meanwhile shares
 * the next. Unlike other outcomes (outcome-writer.ts) they are durable before anything is said, for the sender gives the
 * message up.
 *
 * Promise: `told` is certain. Everything else goes to the ordinary outcomes and becomes a notice: `untold` is as
 * certain, the transaction cannot commit any more. `unknown`: its COMMIT was sent and nothing was heard of it, so neither
 * 5xx nor 250 would be true for sure; the sender has to ask again.
 */
import type { Clock } from '../../platform/clock.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { OutcomeRow } from '../../store/outcomes.ts'
import { passOn, type PlacedAt } from '../../store/pass-through.ts'

export type Telling = 'told' | 'untold' | 'unknown'

export interface Tell {
  (rows: readonly OutcomeRow[], places: readonly PlacedAt[]): Promise<Telling>
}

/** The sender has waited for the primary already. */
const PATIENCE_MS = 2_000
const BATCH = 100
/** of a transaction that lost against another one */
const TRIES = 3

interface Entry {
  rows: readonly OutcomeRow[]
  places: readonly PlacedAt[]
  /** its COMMIT may be under way */
  committing: boolean
  done: boolean
  resolve: (telling: Telling) => void
}

export function createTell(deps: { db: Database; clock: Clock; log: Log; nodeId: Id }): Tell {
  let entries: Entry[] = []
  let running = false

  const end = (entry: Entry, telling: Telling): void => {
    if (entry.done) return
    entry.done = true
    entry.resolve(telling)
  }

  async function write(batch: readonly Entry[], tries = 1): Promise<void> {
    try {
      await deps.db.vital.transaction(async (sql) => {
        const taken = await passOn(
          sql,
          deps.nodeId,
          batch.flatMap(({ rows }) => rows),
          batch.flatMap(({ places }) => places),
        )
        if (!taken) throw new Error('a delivery is not ours any more')
        // Somebody was told otherwise meanwhile: from here on nobody of these can be.
        if (batch.some(({ done }) => done)) throw new Error('the database took too long')
        for (const entry of batch) entry.committing = true
      })
      for (const entry of batch) end(entry, 'told')
    } catch (error) {
      const kind = classifyDbError(error)
      if (kind === 'repeat' && tries < TRIES && !batch.some(({ done }) => done)) {
        for (const entry of batch) entry.committing = false
        return write(batch, tries + 1)
      }
      deps.log.warn({ err: (error as Error).message, messages: batch.length }, 'refusals could not be passed on')
      for (const entry of batch) end(entry, entry.committing && kind === 'connection' ? 'unknown' : 'untold')
    }
  }

  async function run(): Promise<void> {
    running = true
    while (entries.length > 0) {
      const batch = entries.slice(0, BATCH)
      entries = entries.slice(BATCH)
      const live = batch.filter(({ done }) => !done)
      if (live.length > 0) await write(live)
    }
    running = false
  }

  return (rows, places) =>
    new Promise((resolve) => {
      const entry: Entry = { rows, places, committing: false, done: false, resolve }
      entries.push(entry)
      const timer = deps.clock.after(PATIENCE_MS, () => end(entry, entry.committing ? 'unknown' : 'untold'))
      entry.resolve = (telling) => {
        timer.cancel()
        resolve(telling)
      }
      if (!running) void run()
    })
}
