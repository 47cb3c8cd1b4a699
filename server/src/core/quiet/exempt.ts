/** Which mail a window does not hold: that of senders, to recipients, with subjects or priorities it names, and codes. Pure. */
import { domainToASCII } from 'node:url'
import { compared, isSignInCode } from './sign-in-codes.ts'
import { wordsOf, type Plan } from './window.ts'

/** What is asked about a message; as it was accepted. */
export interface MailFacts {
  /** '' is the null sender */
  envelopeFrom: string
  /** as shown: a name and an address */
  headerFrom: string | null
  subject: string | null
  priority: 'high' | 'low' | undefined
}

/** What waits for nobody's morning, whatever a window says: bounces and other notices, and codes as they are known. */
export const isNeverHeld = ({ envelopeFrom, subject }: Pick<MailFacts, 'envelopeFrom' | 'subject'>): boolean =>
  envelopeFrom === '' || isSignInCode(subject)

export type Exempt = (mail: MailFacts, recipient: string) => boolean

/** Folded; '' where there is none. */
function folded(address: string): string {
  const at = address.lastIndexOf('@')
  if (at < 1) return ''
  const domain = address.slice(at + 1).toLowerCase()
  return `${address.slice(0, at).toLowerCase()}@${domainToASCII(domain) || domain}`
}

const inBrackets = (from: string): string => /<([^<>]*)>\s*$/.exec(from)?.[1] ?? from.trim()

/** Asked for each message in an open window: sets are looked up, lists are walked only for what lies below a domain. */
function among(patterns: readonly string[]): (address: string) => boolean {
  if (patterns.length === 0) return () => false
  const exact = new Set(patterns)
  const below = patterns.flatMap((one) => (one.startsWith('@*.') ? [one.slice(2)] : []))
  return (address) => {
    const domain = address.slice(address.lastIndexOf('@'))
    return (
      address !== '' && (exact.has(address) || exact.has(domain) || below.some((end) => domain.slice(1).endsWith(end)))
    )
  }
}

export function exemptOf({ exempt }: Pick<Plan, 'exempt'>): Exempt {
  const isSender = among(exempt.senders)
  const isRecipient = among(exempt.recipients)
  const subjects = wordsOf(exempt.subjects)
  const codeWords = exempt.codeWords && wordsOf(exempt.codeWords)
  return (mail, recipient) => {
    if (isRecipient(folded(recipient)) || isSender(folded(mail.envelopeFrom))) return true
    if (mail.headerFrom !== null && isSender(folded(inBrackets(mail.headerFrom)))) return true
    if (exempt.priorities.includes(mail.priority ?? 'normal')) return true
    if (isSignInCode(mail.subject, codeWords)) return true
    if (subjects.length === 0 || mail.subject === null) return false
    const subject = compared(mail.subject)
    return subjects.some((one) => subject.includes(one))
  }
}
