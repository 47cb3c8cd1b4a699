/**
 * What a result at the next hop means for the delivery: its state, the reason from the closed list, and when it is tried
 * again. Pure. Unknown is temporary; only the server's own 5xx about sender, recipient or message is final.
 */
import type { RecipientResult, Stage } from '../../clients/smtp/result.ts'
import { AttemptOutcome, DeliveryState, type Reason } from '../../platform/codes.ts'

export interface Verdict {
  outcome: AttemptOutcome
  state: DeliveryState
  reason: Reason
  /** milliseconds until the next attempt; null: finished */
  againIn: number | null
}

export interface Waits {
  /** seconds */
  retryFirst: number
  retryMax: number
  unsureWait: number
}

const FAILURE_REASON: Record<NonNullable<RecipientResult['failure']>, (stage: Stage) => Reason> = {
  refused: () => 'connect-refused',
  timeout: (stage) => (stage === 'connect' ? 'connect-timeout' : 'reply-timeout'),
  tls: () => 'tls-failed',
  dns: () => 'dns-failed',
  dropped: () => 'connection-lost',
  reply: () => 'host-tempfail',
  protocol: () => 'connection-lost',
  local: () => 'message-tempfail',
}

function deferredReason(result: RecipientResult): Reason {
  if (result.failure !== null) return FAILURE_REASON[result.failure](result.stage)
  if (result.code === 421) return 'host-tempfail'
  if (result.stage === 'rcpt') return 'recipient-tempfail'
  return result.stage === 'data' || result.stage === 'final' ? 'message-tempfail' : 'host-tempfail'
}

function refusedReason({ stage, code, enhanced }: RecipientResult): Reason {
  if (stage === 'rcpt') return 'recipient-refused'
  // RFC 1870 section 6.1: at MAIL a 552 is about the declared size, not about the sender.
  const isSize = code === 552 || enhanced?.endsWith('.3.4')
  return stage === 'mail' && !isSize ? 'sender-refused' : 'message-refused'
}

/**
 * So often the same mail may be sent without hearing what became of it. A server that takes everything and never says so
 * would otherwise get a copy every quarter of an hour; now an admin looks.
 */
export const MOST_UNSURE = 6
const LONGEST_UNSURE_WAIT = 14_400

/** Exponential from retryFirst to retryMax, spread by a tenth so that a backlog does not come back as one wave. */
export function backoffMs(attemptsBefore: number, waits: Waits, random: number): number {
  const seconds = Math.min(waits.retryMax, waits.retryFirst * 2 ** Math.min(attemptsBefore, 20))
  return seconds * 1000 * (0.95 + random * 0.1)
}

/** `expired`: it is older than its organisation waits, and nobody protected hangs on it. */
export function judge(
  result: RecipientResult,
  context: {
    attempts: number
    wasUnsure: boolean
    /** attempts before this one that ended unsure */
    unsureBefore: number
    expired: boolean
    waits: Waits
    random: number
  },
): Verdict {
  switch (result.outcome) {
    case 'delivered':
      return {
        outcome: AttemptOutcome.delivered,
        state: DeliveryState.delivered,
        reason: context.wasUnsure ? 'resent-after-unsure' : 'delivered',
        againIn: null,
      }
    case 'unsure': {
      const known = { outcome: AttemptOutcome.unsure, reason: 'final-reply-lost' } as const
      // It may have arrived, so no notice may say that it did not.
      if (context.expired || context.unsureBefore + 1 >= MOST_UNSURE)
        return { ...known, state: DeliveryState.parked, againIn: null }
      const { unsureWait } = context.waits
      const seconds = Math.min(unsureWait * 2 ** context.unsureBefore, Math.max(unsureWait, LONGEST_UNSURE_WAIT))
      return { ...known, state: DeliveryState.unsure, againIn: seconds * 1000 }
    }
    case 'refused': {
      const reason = refusedReason(result)
      return { outcome: AttemptOutcome.refused, state: DeliveryState.refused, reason, againIn: null }
    }
    case 'deferred':
      if (context.expired)
        return { outcome: AttemptOutcome.deferred, state: DeliveryState.refused, reason: 'expired', againIn: null }
      return {
        outcome: AttemptOutcome.deferred,
        state: DeliveryState.deferred,
        reason: deferredReason(result),
        againIn: backoffMs(context.attempts, context.waits, context.random),
      }
  }
}
