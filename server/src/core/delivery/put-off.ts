/**
 * What a full destination (places.ts) cannot have in memory goes back to the queue untried: no attempt is counted, what may
 * have arrived already stays unsure, and it is due again some seconds later, so that a claim does not find the same rows
 * again and comes to those behind them. Of one route so many become due a second, in the order in which they were put off:
 * however many there are, the claims have time for the mail of others.
 *
 * What cannot be written just now is kept, with its leases, and tried again; a process that dies with it leaves leases that
 * run out.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { giveBack } from '../../store/claims.ts'
import type { Job } from './job.ts'
import type { Leases } from './leases.ts'

export interface PutOff {
  /** Resolves when it is written. */
  put(job: Job): Promise<void>
  stop(): Promise<void>
}

/** It is due again no sooner than this, */
export const SOONEST_MS = 10_000
/** so long after the one that was put off before it, */
const APART_MS = 20
/** and no later than this: what would be begins anew with the soonest. */
const LATEST_MS = 300_000
/** Deliveries in one statement. */
const MOST_AT_ONCE = 500
const AGAIN_MS = 1_000

interface Waiting {
  organisationId: Id
  deliveryId: Id
  wasUnsure: boolean
  /** monotonic milliseconds */
  dueAt: number
  stored: () => void
}

export function createPutOff(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  nodeId: Id
  leases: Pick<Leases, 'hold' | 'release'>
}): PutOff {
  const { clock, leases } = deps
  let waiting: Waiting[] = []
  let running: Promise<void> | null = null
  let stopped = false
  /** when the last one of each route is due again */
  const last = new Map<Id, number>()
  const counted = deps.metrics.counter(
    'holdfast_delivery_put_off_total',
    'Deliveries that went back to the queue untried, because too much waited for their destination already',
    [],
  )

  function dueAt(routeId: Id): number {
    const now = clock.monotonic()
    let at = Math.max((last.get(routeId) ?? 0) + APART_MS, now + SOONEST_MS)
    if (at > now + LATEST_MS) at = now + SOONEST_MS
    last.set(routeId, at)
    return at
  }

  async function write(): Promise<void> {
    // What comes in the same turn goes together.
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_AT_ONCE)
      const now = clock.monotonic()
      const rows = batch.map(({ dueAt, ...row }) => ({ ...row, inSeconds: Math.max(0, dueAt - now) / 1000 }))
      try {
        await giveBack(deps.db, deps.nodeId, rows)
      } catch (error) {
        deps.log.warn({ err: String(error) }, 'mail for a full destination could not be put back; it is repeated')
        if (stopped) return
        await clock.sleep(AGAIN_MS)
        continue
      }
      waiting = waiting.slice(batch.length)
      counted.inc({}, batch.length)
      for (const { deliveryId, stored } of batch) {
        leases.release(deliveryId)
        stored()
      }
    }
  }

  return {
    async put({ organisationId, routeId, recipients }) {
      const stored: Promise<void>[] = []
      for (const { deliveryId, wasUnsure } of recipients) {
        // Renewed until it is written.
        leases.hold({ deliveryId, organisationId })
        const row = { organisationId, deliveryId, wasUnsure, dueAt: dueAt(routeId) }
        stored.push(new Promise<void>((resolve) => waiting.push({ ...row, stored: resolve })))
      }
      running ??= write().finally(() => {
        running = null
      })
      await Promise.all(stored)
    },
    async stop() {
      stopped = true
      await running?.catch(() => undefined)
      for (const { stored } of waiting.splice(0)) stored()
    },
  }
}
