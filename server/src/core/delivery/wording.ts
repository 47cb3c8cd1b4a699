/** Words of the SMTP dialogue: what is passed on of the sender's wish, what is kept of the next hop's answer. Pure. */
import { Notify } from '../../platform/codes.ts'

const NOTIFY_WORDS = [
  [Notify.never, 'NEVER'],
  [Notify.success, 'SUCCESS'],
  [Notify.failure, 'FAILURE'],
  [Notify.delay, 'DELAY'],
] as const

/** RFC 3461 section 4.1: the NOTIFY parameter as it is passed on. */
export function notifyText(bits: number): string | null {
  if (bits === 0) return null
  return NOTIFY_WORDS.filter(([bit]) => (bits & bit) !== 0)
    .map(([, word]) => word)
    .join(',')
}

/** By server, in the order in which they are looked for. */
const REMOTE_IDS = [
  // Postfix, Zimbra, Holdfast
  /queued as ([A-Za-z0-9._-]{4,64})/,
  // Exchange and Microsoft 365
  /\bInternalId=(\d{4,32})/,
  // Exim
  /\bid=([A-Za-z0-9._-]{4,64})/,
  // Dovecot
  /<[^>]{0,320}> ([A-Za-z0-9]{10,40}) Saved/,
  // OpenSMTPD, sendmail
  /(?:^|\s)([A-Za-z0-9]{6,40}) Message accepted for delivery/,
  // Google
  /(?:^|\s)([A-Za-z0-9.-]{8,80}) - gsmtp/,
  // Haraka
  /Message Queued \(([A-Za-z0-9.-]{8,64})\)/i,
  // qmail
  /\bqp (\d{1,12})/,
]

/** The next hop's own queue id, as most servers tell it in the reply to the final dot: what its admin searches for. */
export function remoteIdOf(text: string): string | null {
  for (const pattern of REMOTE_IDS) {
    const found = pattern.exec(text)
    if (found) return found[1]!
  }
  return null
}
