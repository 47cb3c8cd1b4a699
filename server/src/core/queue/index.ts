/**
 * The queue's way in: what one commit stores (incoming.ts) and the batcher that stores it (accept.ts), and the bodies
 * that are too large to ride in the commit (body-intake.ts). The way out is core/delivery.
 */
export { createAccept, type Accept } from './accept.ts'
export { createBodyIntake, type BodyIntake, type BodySink } from './body-intake.ts'
export { createSweeper, type Sweeper } from './sweeper.ts'
export { postingFacts, tlsFact } from './incoming.ts'
export type { Incoming, MessageFacts, NewCopy, NewDelivery, StoredBody } from './incoming.ts'
