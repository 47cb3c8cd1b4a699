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
  /** false: given back, it says nothing */
  tried?: boolean
}

export interface ReturnWorker {
  /**
   * Tries to deliver what the return has claimed (leased to this node), writes outcomes, attempts and ledger rows, and
   * reports evidence. Of one person it tries one after the other, in the order of the claims; after a failure that is the
   * route's the rest of that person's is given back untried (deferred, neutral). A message's recipients may share a
   * transaction. `ended` is told at the end of each transaction; the answer comes when all outcomes are stored. Never
   * throws for what the primary says. Renews the leases while it runs. `isTrial`: although the route is closed.
   */
  attempt(
    claims: ClaimedDelivery[],
    ended: (results: AttemptResult[]) => void,
    how?: { isTrial: boolean },
  ): Promise<void>
}
