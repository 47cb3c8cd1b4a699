/**
 * What a reply or a forwarded message starts with: subject, recipients, threading headers (RFC 5322 section 3.6.4),
 * quoted text. Pure; tested beside it.
 */
import { sameAddress } from './address.ts'
import type { Address, Email } from '../data/jmap/types.ts'

export type ReplyKind = 'reply' | 'replyAll' | 'forward'

export function replySubject(kind: ReplyKind, subject: string | null): string {
  const bare = (subject ?? '').replace(/^(?:\s*(?:re|aw|rép|ré|fwd?|wg|tr)\s*(?:\[\d+\])?\s*:\s*)+/i, '').trim()
  return `${kind === 'forward' ? 'Fwd' : 'Re'}: ${bare}`.trim()
}

type Headed = Pick<Email, 'from' | 'to' | 'cc' | 'replyTo'>

/** To whom an answer goes. One's own addresses are left out, unless one writes to oneself alone. */
export function replyRecipients(kind: ReplyKind, mail: Headed, mine: string[]): { to: Address[]; cc: Address[] } {
  if (kind === 'forward') return { to: [], cc: [] }
  const own = (address: Address) => mine.some((each) => sameAddress(each, address.email))
  const once = (list: Address[], without: Address[] = []) =>
    list.filter(
      (address, at) =>
        !without.some((other) => sameAddress(other.email, address.email)) &&
        list.findIndex((other) => sameAddress(other.email, address.email)) === at,
    )
  const sender = mail.replyTo?.length ? mail.replyTo : (mail.from ?? [])
  const fromMe = (mail.from ?? []).some(own)
  // An answer to one's own message goes on to those it was sent to.
  const first = once(fromMe ? (mail.to ?? []) : sender)
  if (kind === 'reply') return { to: first, cc: [] }
  const to = once([...first, ...(fromMe ? [] : (mail.to ?? []))].filter((address) => !own(address)))
  const cc = once(
    (mail.cc ?? []).filter((address) => !own(address)),
    to,
  )
  return { to: to.length ? to : first, cc }
}

export function threading(mail: Pick<Email, 'messageId' | 'references' | 'inReplyTo'>): {
  inReplyTo: string[]
  references: string[]
} {
  const id = mail.messageId ?? []
  const before = mail.references?.length ? mail.references : (mail.inReplyTo ?? [])
  // A line of ids must not grow without end: the first and the last twenty keep the thread together.
  const all = [...before.filter((each) => !id.includes(each)), ...id]
  return { inReplyTo: id, references: all.length > 21 ? [all[0]!, ...all.slice(-20)] : all }
}

export const quoteText = (intro: string, text: string): string =>
  `\n\n${intro}\n${text
    .replace(/\s+$/, '')
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : line ? `> ${line}` : '>'))
    .join('\n')}\n`

const speaking =
  /\b(?:attach(?:ed|ment|ments|ing)|enclosed|pièces?[ -]jointes?|ci-joint(?:e|s|es)?|joins|anhang|anhänge|anbei|angehängt|beigefügt|anlagen?)(?![\p{L}])/iu

/** The word in one's own text (not in what is quoted) that speaks of an attachment, in the three languages. */
export function speaksOfAttachment(text: string): string | null {
  const own = text
    .split('\n')
    .filter((line) => !line.startsWith('>'))
    .join('\n')
    .split(/^-{5,} /m)[0]!
  return speaking.exec(own)?.[0] ?? null
}
