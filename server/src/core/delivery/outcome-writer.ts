/**
 * Collects outcomes and writes them together, every 20 ms, on a connection of its own with synchronous_commit=off (100 ms
 * gained nothing when measured). While the database is away they are kept and written when it is back; what a crash
 * loses comes back as unsure through the lease.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { classifyDbError } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { OUTCOME_SETTINGS, writeOutcomes, type OutcomeRow } from '../../store/outcomes.ts'

const COLLECT_MS = 20
const BATCH = 500

export interface OutcomeWriter {
  /** Resolves when the row has been written. */
  add(row: OutcomeRow): Promise<void>
  /** Writes what is left; gives up after `ms` without the database. */
  stop(ms: number): Promise<void>
}

export function createOutcomeWriter(deps: { db: Database; clock: Clock; log: Log; nodeId: Id }): OutcomeWriter {
  let rows: { row: OutcomeRow; done: () => void }[] = []
  let sql: DedicatedSql | null = null
  let flushing: Promise<void> | null = null
  let stopped = false

  async function flush(): Promise<void> {
    while (rows.length > 0) {
      const batch = rows.slice(0, BATCH)
      try {
        sql ??= await deps.db.dedicated('outcomes', OUTCOME_SETTINGS)
        await writeOutcomes(
          sql,
          deps.nodeId,
          batch.map((one) => one.row),
        )
      } catch (error) {
        deps.log.warn(
          { err: (error as Error).message, waiting: rows.length },
          'outcomes could not be written; keeping them',
        )
        const kind = classifyDbError(error)
        if (kind === 'connection' || kind === 'unavailable') {
          void sql?.close().catch(() => undefined)
          sql = null
        } else if (kind !== 'repeat' && batch.length > 1) {
          // One bad row must not hold up the rest: write one by one, drop none silently.
          await oneByOne(batch)
          continue
        } else if (kind !== 'repeat') {
          deps.log.error(
            { deliveryId: batch[0]!.row.deliveryId },
            'an outcome cannot be stored; its lease will run out and it becomes unsure',
          )
          rows = rows.slice(1)
          batch[0]!.done()
          continue
        }
        if (stopped) return
        await deps.clock.sleep(250)
        continue
      }
      rows = rows.slice(batch.length)
      for (const one of batch) one.done()
    }
  }

  async function oneByOne(batch: typeof rows): Promise<void> {
    for (const one of batch) {
      if (!sql) return
      try {
        await writeOutcomes(sql, deps.nodeId, [one.row])
      } catch (error) {
        // The connection's fault is no row's: this one and the rest stay for the next round.
        if (!['data', 'other'].includes(classifyDbError(error))) return
        deps.log.error(
          { err: (error as Error).message, deliveryId: one.row.deliveryId },
          'an outcome cannot be stored; its lease will run out and it becomes unsure',
        )
      }
      rows = rows.filter((other) => other !== one)
      one.done()
    }
  }

  function schedule(): void {
    flushing ??= deps.clock
      .sleep(COLLECT_MS)
      .then(flush)
      .finally(() => {
        flushing = null
        if (rows.length > 0 && !stopped) schedule()
      })
  }

  return {
    add(row) {
      return new Promise((resolve) => {
        rows.push({ row, done: resolve })
        schedule()
      })
    },
    async stop(ms) {
      const until = deps.clock.monotonic() + ms
      while ((flushing !== null || rows.length > 0) && deps.clock.monotonic() < until) await deps.clock.sleep(10)
      stopped = true
      await sql?.close().catch(() => undefined)
    },
  }
}
