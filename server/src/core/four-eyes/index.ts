/**
 * Four eyes: a reason, a second person and a notice before an administrator reads somebody's mailbox, or makes a shared one
 * of it. machine.ts: the way of a request; who.ts: who is a second person; four-eyes.ts: the acts; reading.ts: what reading
 * leaves in the audit. docs/decisions/0039.
 */
export { createFourEyes, isOver, MINUTES, REASON, type By, type FourEyes } from './four-eyes.ts'
export { MOST_READ_AT_ONCE, noteReading, type Lent, type Reading } from './reading.ts'
export { mayEnd } from './who.ts'
export { createAccessWatch } from './watch.ts'
export type { AccessRow, LentMailbox } from '../../store/mailbox-access.ts'
