/**
 * The leases of deliveries in our hands: renewed while we hold them; of others, those that ran out become unsure, because
 * the body may have been sent (promise 2).
 */
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { expireLeases, renewLeases } from '../../store/claims.ts'
import type { RouteBook } from '../directory/index.ts'

export interface Leases {
  hold(delivery: { deliveryId: Id; organisationId: Id }): void
  release(deliveryId: Id): void
  renew(): Promise<void>
  /** Anybody's that ran out. */
  expire(): Promise<void>
}

/** Seconds that an unsure delivery of a route that is gone waits, as route-settings.ts says by default. */
const DEFAULT_WAIT = 900
const MOST_AT_ONCE = 1000

export function createLeases(deps: {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'delivery'>
  nodeId: Id
  routes: Pick<RouteBook, 'all'>
}): Leases {
  /** leased deliveries in our hands, and whose they are */
  const holding = new Map<Id, Id>()

  return {
    hold: ({ deliveryId, organisationId }) => void holding.set(deliveryId, organisationId),
    release: (deliveryId) => void holding.delete(deliveryId),
    async renew() {
      if (holding.size === 0) return
      await renewLeases(deps.db.vital, {
        organisationIds: [...holding.values()],
        deliveryIds: [...holding.keys()],
        nodeId: deps.nodeId,
        leaseSeconds: deps.config.delivery.lease,
      })
    },
    async expire() {
      const waits = [...deps.routes.all()].map((r) => ({ routeId: r.routeId, seconds: r.settings.unsureWait }))
      const n = await deps.db.transaction((sql) =>
        expireLeases(sql, {
          nodeId: deps.nodeId,
          waits,
          defaultWait: DEFAULT_WAIT,
          limit: MOST_AT_ONCE,
          newId: () => newId(deps.clock.now()),
        }),
      )
      if (n > 0) deps.log.warn({ deliveries: n }, 'leases ran out: these deliveries are unsure now')
    },
  }
}
