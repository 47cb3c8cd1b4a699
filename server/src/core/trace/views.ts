/** What admins look at, read from the store in keyset pages: `next` is the key of the last row of a full page. */
import { DeliveryState } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { listDeliveries } from '../../store/queue-view.ts'
import type { QueueRow } from '../../store/queue-view.ts'
import * as store from '../../store/trace.ts'

export interface Page<T> {
  items: T[]
  next: string | null
}

/** Asks for one row more than is shown, to know whether there is a next page. */
export async function pageOf<T>(
  limit: number,
  keyOf: (row: T) => string,
  ask: (limit: number) => Promise<T[]>,
): Promise<Page<T>> {
  const rows = await ask(limit + 1)
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? keyOf(items.at(-1)!) : null }
}

export type QueueFilter = 'open' | 'finished' | 'all' | keyof typeof DeliveryState
const all = Object.values(DeliveryState)

export interface QueueAsk {
  organisationId: Id
  state: QueueFilter
  routeId: Id | null
  q: string | null
  after: Id | null
  limit: number
}

/** Open work oldest first (what has waited longest is what one looks for), anything else newest first. */
export function readQueue(sql: Sql, ask: QueueAsk): Promise<Page<QueueRow>> {
  const states =
    ask.state === 'all'
      ? all
      : ask.state === 'open'
        ? all.filter((state) => state < 10)
        : ask.state === 'finished'
          ? all.filter((state) => state >= 10)
          : [DeliveryState[ask.state]]
  const newestFirst = states.some((state) => state >= 10)
  return pageOf(
    ask.limit,
    (row: QueueRow) => row.deliveryId,
    (limit) => listDeliveries(sql, { ...ask, states, newestFirst, limit }),
  )
}

export interface FullTrace {
  message: store.FullMessageRow
  deliveries: (store.TraceDeliveryRow & { attemptRows: store.AttemptRow[]; proof: string | null })[]
  copies: store.CopyRow[]
  ledger: store.LedgerRow[]
}

/** Every step of one message; null when the organisation has no such message. */
export async function readTrace(sql: Sql, organisationId: Id, messageId: Id): Promise<FullTrace | null> {
  const message = await store.readMessage(sql, organisationId, messageId)
  if (!message) return null
  const [deliveries, attempts, copies, ledger] = await Promise.all([
    store.deliveriesOf(sql, organisationId, messageId),
    store.attemptsOf(sql, organisationId, messageId),
    store.copiesOf(sql, organisationId, messageId),
    store.ledgerOfMessage(sql, organisationId, messageId),
  ])
  return {
    message,
    deliveries: deliveries.map((delivery) => {
      const attemptRows = attempts.filter((attempt) => attempt.deliveryId === delivery.deliveryId)
      const good = delivery.state === DeliveryState.delivered ? attemptRows.at(-1) : undefined
      return { ...delivery, attemptRows, proof: good?.reply ?? null }
    }),
    copies,
    ledger,
  }
}
