/** What the return asks of the delivery room. */
import type { AttemptOutcome, EvidenceKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { ClaimedDelivery } from '../../store/claims.ts'

export type { ClaimedDelivery }

export interface AttemptResult {
  deliveryId: Id
  outcome: AttemptOutcome
  /** what the attempt says about the route (core/continuity classifyAttempt) */
  evidence: EvidenceKind
  text?: string
}

export interface ReturnWorker {
  /**
   * Tries to deliver what the return has claimed (leased to this node), writes outcomes, attempts and ledger rows, and
   * reports evidence. The claims of one call are of one message and may share a transaction. Answers when the outcomes are
   * stored; never throws for what the primary says. Renews the leases while it runs.
   */
  attempt(claims: ClaimedDelivery[]): Promise<AttemptResult[]>
}
