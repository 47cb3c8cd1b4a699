/**
 * What a mail system's answer to RCPT says about the address. Pure. Errs towards saying nothing: only what speaks of this
 * mailbox counts as a refusal (promise 7: never 550 on a guess); what may be about us, about everybody or about today does not.
 */
import type { RcptAnswer } from '../../clients/smtp/questions.ts'

export type Answer = 'known' | 'unknown' | 'unsaid'

/** RFC 3463 section 3.2: no such mailbox, moved away; RFC 7505 section 4.2: takes no mail. */
const NO_SUCH_MAILBOX = /^5\.1\.(?:1|6|10)$/

/** Without a status code only these words tell a mailbox that is not there from a client that is not wanted. */
const WORDS =
  /(?:unknown|no such|nonexistent|non-existent|invalid|unrouteable|unroutable) (?:(?:local|virtual|mail) )?(?:user|mailbox|recipient|address|account|person)|(?:user|mailbox|recipient|address|account)[^.;]{0,80}? (?:unknown|not found|(?:does not|doesn't) exist|not exist)/i
const NOT_WANTED =
  /\b(?:black|block|deny|denied|reject(?:ed)? by|policy|spam|reputation|relay|sender|client|helo|ip\b|spf|dkim|dmarc)/i

export function readAnswer({ code, enhanced, text }: RcptAnswer): Answer {
  if (code === 250 || code === 251) return 'known'
  if (code < 550 || code > 559) return 'unsaid'
  if (enhanced !== null) return NO_SUCH_MAILBOX.test(enhanced) ? 'unknown' : 'unsaid'
  return code === 550 && WORDS.test(text) && !NOT_WANTED.test(text) ? 'unknown' : 'unsaid'
}
