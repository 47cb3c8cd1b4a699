/**
 * When is it one person's mailbox that fails, and not the primary (docs/decisions/0025-mailboxes-that-fail.md)? One database
 * of a cluster is down: SMTP says yes, some recipients fail temporarily again and again, their colleagues are taken. Pure.
 *
 * A full mailbox, greylisting and a refused message are no such thing. What fails after RCPT may be the message's
 * fault, so two different ones must.
 */
import type { Sensitivity } from './sensitivity.ts'

export interface MailboxReply {
  stage: string
  code?: number
  enhanced?: string | null
  text?: string
}

/** RFC 3463: other or disabled mailbox (X.2.0, X.2.1), other mail system status, not accepting, misconfigured (X.3.0, .2, .5). */
const ofTheStore = /^4\.(2\.[01]|3\.[025])$/
/** Said with the same codes, but it is about the sender, the pace, or how full a mailbox is. */
const otherMatter = /gr[ea]y-?list|too (many|fast|much)|rate|quota|full|exceed|over ?limit|spam|blocked|policy/i
const wordsOfTheStore = /mailbox|mail store|database|storage|backend|offline|unavailable|disabled|internal error/i

/** A temporary reply that speaks of where the recipient's mail is kept. */
export function speaksOfMailbox({ stage, code = 0, enhanced, text = '' }: MailboxReply): boolean {
  if (stage !== 'rcpt' && stage !== 'data' && stage !== 'final') return false
  // RFC 5321 section 3.8: 421 closes the channel, whatever it was about.
  if (code < 400 || code > 499 || code === 421 || otherMatter.test(text)) return false
  if (enhanced) return ofTheStore.test(enhanced)
  // 450 and 452 without a status code are greylisting's and the full mailbox's (classify.ts).
  return code !== 450 && code !== 452 && wordsOfTheStore.test(text)
}

export interface MailboxSeen {
  failures: number
  firstAt: Date
  /** the mailbox was refused at RCPT, or more than one message failed after it */
  isMailbox: boolean
  /** their route took somebody's mail since the first failure */
  othersTaken: boolean
}

type Thresholds = Pick<Sensitivity, 'emergencyFailures' | 'emergencyAfter' | 'probeEmergency'>

/** The same failures for the same time as a route needs for its emergency. */
export function isInTrouble(seen: MailboxSeen, numbers: Thresholds, now: Date): boolean {
  const lasted = (now.getTime() - seen.firstAt.getTime()) / 1000
  return (
    seen.isMailbox && seen.othersTaken && seen.failures >= numbers.emergencyFailures && lasted >= numbers.emergencyAfter
  )
}

/** Seconds: never slower than this, or a mailbox that is well again would wait for it. */
const SLOWEST_TRY = 300

/** Seconds until one delivery may try, after so many that did: as a route's probe in an emergency, then ever slower. */
export const tryAgainIn = (tries: number, { probeEmergency }: Thresholds): number =>
  Math.min(SLOWEST_TRY, probeEmergency * 2 ** Math.min(tries, 16))

/** People of one route at once: no chance any more, a part of it is down. */
export const PART_OF_A_ROUTE = 2
