/** Bringing home what the primary missed: pace, order, ledger, and what people deleted meanwhile. */
export { createReturnScheduler, type ReturnScheduler } from './scheduler.ts'
export { createOwedMail, type OwedMail } from './owed.ts'
export { confirmDeletions, readDeletions, type Deletions } from './deletions.ts'
export { returnHeaders } from './headers.ts'
export { addSentOwed } from '../../store/owed.ts'
export { ledgerPage, returnEvents, type LedgerRow, type ReturnEventRow } from '../../store/returns.ts'
