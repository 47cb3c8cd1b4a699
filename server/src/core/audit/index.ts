/** The audit chain: who did what, provably in this order. */
export type { AuditAction } from './actions.ts'
export { appendAudit, verifyAuditChain } from './chain.ts'
export type { AuditEntry, ChainProblem, ChainVerdict } from './chain.ts'
export { canonicalJson } from './canonical.ts'
export { auditBefore as readAudit, auditChains } from '../../store/audit.ts'
export type { AuditRow } from '../../store/audit.ts'
