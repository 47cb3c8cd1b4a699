/** The way out of the queue: see delivery.ts. */
export { createDelivery, type AttemptResult, type Delivery, type DeliveryDeps } from './delivery.ts'
export { shareRoutes } from './process-share.ts'
export type { Watch } from './pass-through.ts'
export { createBounces, type Bounces } from './bounces.ts'
export { createPolicies, type KeptPolicy } from './mta-sts.ts'
