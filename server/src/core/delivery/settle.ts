/**
 * What one transaction means for each of its recipients: the verdict, what it says about the route, and whether the
 * primary has shown that it knows the address. Pure.
 */
import type { RecipientResult, Stage } from '../../clients/smtp/result.ts'
import { EvidenceKind, Notify, type Reason } from '../../platform/codes.ts'
import { classifyAttempt, isBad } from '../continuity/index.ts'
import type { JobRecipient } from './job.ts'
import type { AttemptReport } from './runner-ports.ts'
import { judge, type Verdict, type Waits } from './verdict.ts'

export interface Settled {
  recipient: JobRecipient
  result: RecipientResult
  verdict: Verdict
  /** null: nothing was learned about the route */
  evidence: EvidenceKind | null
  /** an address without a person that its primary took */
  isNews: boolean
}

export interface RouteFacts {
  isPrimary: boolean
  waits: Waits
  /** the message is older than delivery.maxAge */
  isOld: boolean
  /** 0 to 1, spreads the next attempts */
  random(): number
  /** it failed for this recipient although others were taken: not the route's fault (one-mailbox.ts) */
  isOneMailbox(recipient: JobRecipient): boolean
}

/** At these stages a failure may be one recipient's or one message's. */
const afterRcpt: ReadonlySet<Stage> = new Set(['rcpt', 'data', 'final'])

export function settle(attempt: AttemptReport, route: RouteFacts): Settled[] {
  return attempt.job.recipients.map((recipient, i) => {
    const result = attempt.results[i]!
    const verdict = judge(result, {
      attempts: recipient.attempts,
      wasUnsure: recipient.wasUnsure,
      unsureBefore: recipient.unsureBefore,
      // A protected person's mail never runs out: it is visible here and goes home when the primary is back.
      expired: route.isOld && (recipient.personId === null || !route.isPrimary),
      waits: route.waits,
      random: route.random(),
    })
    const evidence =
      // Stricter than the route itself (RFC 8689): what a stranger asks of a certificate says nothing about the host.
      result.failure === 'local' || !attempt.tried || (attempt.job.facts.tls === 'required' && result.stage === 'tls')
        ? null
        : classifyAttempt({
            stage: result.stage,
            code: result.code,
            enhanced: result.enhanced,
            text: result.text,
            aboutClient: result.aboutClient,
          })
    const blamesHost = evidence !== null && isBad(evidence)
    const isOne = blamesHost && afterRcpt.has(result.stage) && route.isOneMailbox(recipient)
    const isUnconfirmed = !attempt.confirms && (recipient.notify & Notify.success) !== 0
    const reasonOf = (reason: Reason): Reason => {
      if (result.outcome === 'deferred' && blamesHost) return blamed(reason, isOne, result.stage)
      return reason === 'delivered' && isUnconfirmed ? 'relayed' : reason
    }
    return {
      recipient,
      result,
      verdict: { ...verdict, reason: reasonOf(verdict.reason) },
      evidence: isOne ? EvidenceKind.neutral : evidence,
      isNews: result.outcome === 'delivered' && route.isPrimary && recipient.personId === null,
    }
  })
}

/** A 4xx that speaks of the whole system, at whatever stage, is the host's, and the return waits for it; not so one mailbox's. */
function blamed(reason: Reason, isOne: boolean, stage: Stage): Reason {
  if (reason === 'expired') return reason
  if (isOne) return stage === 'rcpt' ? 'recipient-tempfail' : 'message-tempfail'
  return reason === 'recipient-tempfail' || reason === 'message-tempfail' ? 'host-tempfail' : reason
}
