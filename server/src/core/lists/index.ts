/**
 * Lists: who may post (posting.ts), and what becomes of bounces of their members (bounces.ts). Resolved by core/directory;
 * core/routing makes a posting's deliveries, each with a bounce address of its own. docs/decisions/0014-lists.md
 */
export { createListBounces, isFailureReport, REPORT_BYTES, resumeMember, type ListBounces } from './bounces.ts'
export { refusalOf } from './posting.ts'
export { listsOf, listStandIns, type ListStanding, type StandInRow } from '../../store/lists.ts'
