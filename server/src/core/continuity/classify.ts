/**
 * From the outcome of one delivery attempt (or probe) to evidence about its route. Pure. The delivery room knows the
 * stage and the reply; this table knows what it says about the route as a whole (RFC 3463 section 3: the class says
 * permanent or not, the subject says whose fault it is).
 *
 * Errs towards neutral: what may be one message's or one mailbox's own fault says nothing about the route, so a few
 * failing recipients never move it. What is our own fault (no uplink, no file handles, a silent resolver) is a
 * kind of its own that moves nothing: when we cannot see, no mode changes.
 */
import { EvidenceKind } from '../../platform/codes.ts'

export type Stage = 'dns' | 'connect' | 'tls' | 'greeting' | 'ehlo' | 'auth' | 'mail' | 'rcpt' | 'data' | 'final'

export interface AttemptSign {
  stage: Stage
  /** What went wrong when there was no reply. Absent: there was a reply (code > 0), or `text` tells. */
  failure?: Failure
  /** 0 or absent: no reply */
  code?: number
  /** RFC 3463 status code of the reply, e.g. '4.2.2' */
  enhanced?: string | null
  text?: string
  /** the reply is to the word whose message it is (XCLIENT) */
  aboutClient?: boolean | undefined
}

export type Failure =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'dropped'
  /** what answered does not speak SMTP */
  | 'protocol'
  | 'tls'
  /** the resolver answered: there is no such host */
  | 'no-such-host'
  /** the resolver did not answer */
  | 'no-resolver'
  /** no uplink, no file handles, no memory: nobody's fault but ours */
  | 'ours'

const withoutReply = {
  'refused': EvidenceKind.connectRefused,
  // The host's network says it is not there: a switched-off machine on our own network answers so.
  'unreachable': EvidenceKind.timeout,
  'timeout': EvidenceKind.timeout,
  'dropped': EvidenceKind.dropped,
  'protocol': EvidenceKind.dropped,
  'tls': EvidenceKind.tls,
  'no-such-host': EvidenceKind.dns,
  'no-resolver': EvidenceKind.ours,
  'ours': EvidenceKind.ours,
} as const satisfies Record<Failure, EvidenceKind>

export function classifyAttempt(sign: AttemptSign): EvidenceKind {
  const code = sign.code ?? 0
  if (sign.failure) return withoutReply[sign.failure]
  if (code === 0) return withoutReply[failureFromText(sign.stage, sign.text ?? '')]
  if (code >= 200 && code < 400) return EvidenceKind.good
  if (sign.aboutClient) return classifyWelcome(sign)
  // RFC 5321 section 3.8: 421 closes the channel, whatever it was about.
  if (code === 421) return EvidenceKind.tempfail
  // RFC 3207 section 4, 454 to STARTTLS: it is so for everybody who must have TLS, whatever the status code says.
  if (sign.stage === 'tls' && code >= 400 && code < 600) return EvidenceKind.tls
  if (isAboutSize(sign)) return EvidenceKind.neutral
  if (code >= 400 && code < 500) return classifyTemporary(sign, code)
  if (code >= 500 && code < 600) return classifyPermanent(sign)
  // Not an SMTP reply at all: whatever answers there is not a mail server just now.
  return EvidenceKind.dropped
}

/**
 * What a server says to a client that we only name may be about that client alone: it is blocked there, or comes too often,
 * and 421 is how that is said as well. Only where the status code speaks of the system it is as with any greeting.
 */
function classifyWelcome({ code = 0, enhanced }: AttemptSign): EvidenceKind {
  const subject = subjectOf(enhanced)
  if (subject !== 3 && subject !== 4) return EvidenceKind.neutral
  return code < 500 ? EvidenceKind.tempfail : EvidenceKind.policy
}

const early = (stage: Stage): boolean =>
  stage === 'greeting' || stage === 'ehlo' || stage === 'auth' || stage === 'mail'

/** RFC 3463 section 3.4, X.3.4: one message's size. 552 without a status code is that, or one mailbox's quota. */
const isAboutSize = (sign: AttemptSign): boolean =>
  sign.enhanced ? /^[45]\.3\.4$/.test(sign.enhanced) : sign.code === 552

function classifyTemporary(sign: AttemptSign, code: number): EvidenceKind {
  const subject = subjectOf(sign.enhanced)
  switch (subject) {
    case 1: // addressing: this recipient or sender
    case 2: // mailbox full, over quota, busy
    case 6: // content
    case 7: // policy, greylisting
      // A greeting with 4.7.0 ("too many connections from you") refuses everybody.
      return sign.stage === 'greeting' || sign.stage === 'ehlo' ? EvidenceKind.tempfail : EvidenceKind.neutral
    case 3: // mail system
    case 4: // network and routing
    case 5: // protocol
      // RFC 3463 section 3.6, 4.5.3: too many recipients in one transaction is ours to split.
      return sign.enhanced === '4.5.3' ? EvidenceKind.neutral : EvidenceKind.tempfail
    default:
      break
  }
  // Without a status code: 450 is the mailbox's (and greylisting's), 452 at RCPT means one mailbox or too many of them.
  if (early(sign.stage)) return EvidenceKind.tempfail
  if (code === 450) return EvidenceKind.neutral
  if (code === 452 && sign.stage === 'rcpt') return EvidenceKind.neutral
  return EvidenceKind.tempfail
}

function classifyPermanent(sign: AttemptSign): EvidenceKind {
  if (sign.stage === 'greeting' || sign.stage === 'ehlo' || sign.stage === 'auth') return EvidenceKind.policy
  const subject = subjectOf(sign.enhanced)
  if (subject === 1 || subject === 2 || subject === 6 || subject === 7) return EvidenceKind.neutral
  if (subject === 3 || subject === 4) return EvidenceKind.policy
  // A refused recipient shows a server that answers; a refused sender or message without a reason may be everybody's.
  return sign.stage === 'rcpt' ? EvidenceKind.neutral : EvidenceKind.policy
}

function subjectOf(enhanced: string | null | undefined): number | null {
  const match = !enhanced ? null : /^[245]\.(\d{1,3})\.\d{1,3}$/.exec(enhanced)
  return match ? Number(match[1]) : null
}

const byErrorCode: readonly (readonly [RegExp, Failure])[] = [
  [/ECONNREFUSED/, 'refused'],
  [/EHOSTUNREACH|EHOSTDOWN/, 'unreachable'],
  [/ENOTFOUND|ENODATA/, 'no-such-host'],
  [/EAI_AGAIN|ESERVFAIL/, 'no-resolver'],
  [/ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EMFILE|ENFILE|ENOBUFS|ENOMEM/, 'ours'],
  [/ETIMEDOUT|timeout|no answer for/i, 'timeout'],
  [/ERR_TLS|ERR_SSL|CERT_|certificate/i, 'tls'],
]

/** Node's error code or message of a broken connection, as a failure, so that deliveries and probes judge alike. */
export function failureFromText(stage: Stage, text: string): Failure {
  for (const [pattern, failure] of byErrorCode) if (pattern.test(text)) return failure
  return stage === 'tls' ? 'tls' : stage === 'dns' ? 'no-resolver' : 'dropped'
}
