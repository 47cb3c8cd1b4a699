/**
 * What is decided before MAIL is said, from the message, its addresses and what the server offers: recipients to whom
 * this server cannot take it get their refusal without a word on the wire. Nothing here is the route's fault.
 */
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import { isInternational, type OutgoingMail } from './envelope.ts'
import { needsSevenBits } from './seven-bits.ts'
import { resultOf, type RecipientResult, type Stage } from './result.ts'

const refusal = (stage: Stage, code: number, enhanced: string, text: string): RecipientResult =>
  resultOf('refused', stage, { code, enhanced, lines: [text] })

/** Every door parses its addresses; this is the last place where a line could be broken out of. */
const hasControls = (address: string): boolean => /\p{Cc}/u.test(address)

/** One entry per recipient; null: nothing stands against it. */
export async function refuseBeforeMail(mail: OutgoingMail, offered: Capabilities): Promise<(RecipientResult | null)[]> {
  const whole = ofMessage(mail, offered) ?? (await ofHeader(mail, offered))
  return mail.recipients.map(({ address }) => whole ?? ofRecipient(address, offered))
}

/** Nothing stands against it for any of its recipients, and nothing has to be read to know that. */
export const isPlain = (mail: OutgoingMail, offered: Capabilities): boolean =>
  !mail.smtputf8 &&
  !needsSevenBits(mail, offered) &&
  ofMessage(mail, offered) === null &&
  mail.recipients.every(({ address }) => ofRecipient(address, offered) === null)

function ofMessage(mail: OutgoingMail, offered: Capabilities): RecipientResult | null {
  if (hasControls(mail.from))
    return refusal('mail', 553, '5.1.7', 'a sender with control characters is not sent anywhere')
  if (isInternational(mail.from) && !offered.smtputf8)
    return refusal('mail', 550, '5.6.7', "the next server does not take the sender's non-ASCII address (no SMTPUTF8)")
  // RFC 1870 section 6.1: what is larger than the server's fixed maximum is not sent. 0 is no limit.
  if (offered.size !== null && offered.size > 0 && mail.size > offered.size)
    return refusal(
      'data',
      552,
      '5.3.4',
      `the message has ${mail.size} octets, the next server takes ${offered.size} at most`,
    )
  return null
}

/**
 * RFC 6531 section 3.2: UTF-8 in the header does not go where SMTPUTF8 is not offered. Looked at only where the sender
 * said SMTPUTF8, and by the bytes: many say it for messages that do not need it, and those may go.
 */
async function ofHeader(mail: OutgoingMail, offered: Capabilities): Promise<RecipientResult | null> {
  if (!mail.smtputf8 || offered.smtputf8 || (await isHeaderAscii(mail.body()))) return null
  return refusal('data', 550, '5.6.9', 'the next server does not take UTF-8 in the header (no SMTPUTF8)')
}

function ofRecipient(address: string, offered: Capabilities): RecipientResult | null {
  if (hasControls(address)) return refusal('rcpt', 553, '5.1.3', 'an address with control characters is not sent')
  if (isInternational(address) && !offered.smtputf8)
    return refusal(
      'rcpt',
      550,
      '5.6.7',
      'the next server does not take addresses with non-ASCII characters (no SMTPUTF8)',
    )
  return null
}

async function isHeaderAscii(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<boolean> {
  let tail = ''
  for await (const chunk of body) {
    // One character per octet; the empty line that ends the header may lie across chunks.
    const text = tail + chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (/[^\0-\x7f]/.test(end < 0 ? text : text.slice(0, end))) return false
    if (end >= 0) return true
    tail = text.slice(-3)
  }
  return true
}
