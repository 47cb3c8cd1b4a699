/**
 * Quiet Time: mail that comes in during planned hours waits for their end, and goes out by itself. When a window is open:
 * recurrence.ts; what it never holds: exempt.ts, sign-in-codes.ts; who asks: book.ts, from memory, at each attempt; what
 * people do to windows: acts.ts. Held mail lies in the queue, and is in the mailboxes here like all other.
 */
export {
  dropWindow,
  extendWindow,
  MOST_WINDOWS,
  putWindow,
  releaseDelivery,
  releaseWindow,
  setWindow,
  type WindowWish,
} from './acts.ts'
export { createQuietBook, type HeldBy, type QuietBook, type Upkeep } from './book.ts'
export { isNeverHeld } from './exempt.ts'
export { listWindows, type WindowView } from './view.ts'
export { nameSchema, planProblem, planSchema, type Plan } from './window.ts'
export { heldPage, type HeldRow } from '../../store/quiet.ts'
