/**
 * Whose fault are the failures of a return? Several recipients in a row that fail are the route's; one recipient that
 * fails again and again is counted once. Pure: what happened comes in, what it means goes out.
 */
import type { Id } from '../../platform/ids.ts'

export interface Failure {
  deliveryId: Id
  /** the person, or the address where there is none */
  recipient: string
}

export interface OwnFaults {
  /** Another recipient's than those that failed since the last success? Only such a failure speaks of the route. */
  failed(failure: Failure, now: number): { isNews: boolean }
  succeeded(failure: Failure): void
  /** Deliveries that failed more than once, and when each first did (milliseconds, monotonic). */
  suspects(): { deliveryId: Id; since: number }[]
  /** No more asked about. */
  settled(deliveryId: Id): void
}

export function createOwnFaults(): OwnFaults {
  const inRow = new Set<string>()
  const failing = new Map<Id, { since: number; times: number }>()

  return {
    failed({ deliveryId, recipient }, now) {
      const isNews = !inRow.has(recipient)
      inRow.add(recipient)
      const known = failing.get(deliveryId) ?? { since: now, times: 0 }
      failing.set(deliveryId, { ...known, times: known.times + 1 })
      return { isNews }
    },
    succeeded({ deliveryId }) {
      inRow.clear()
      failing.delete(deliveryId)
    },
    suspects: () =>
      [...failing].filter(([, { times }]) => times > 1).map(([deliveryId, { since }]) => ({ deliveryId, since })),
    settled: (deliveryId) => void failing.delete(deliveryId),
  }
}
