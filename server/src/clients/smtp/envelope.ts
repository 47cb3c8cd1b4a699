/** One transaction as it is asked for, and its MAIL and RCPT lines with the parameters that the server offered. Pure. */
import type { SignedParts } from '../../protocols/dkim/signature.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { ClientFacts } from './client-address.ts'
import { encodeOrcpt, encodeXtext } from '../../protocols/smtp/xtext.ts'

export interface OutgoingMail {
  from: string
  /** bytes of everything that is sent, for SIZE */
  size: number
  /** the sender said SMTPUTF8: the header may hold UTF-8 */
  smtputf8: boolean
  eightbit: boolean
  ret: 'FULL' | 'HDRS' | null
  envid: string | null
  /** it may go on only over TLS (RFC 8689) */
  requireTls?: boolean
  recipients: OutgoingRecipient[]
  /** whom we had it from; null or left out: it is our own */
  client?: ClientFacts | null
  /** our own signature in it; null or left out: there is none */
  signature?: OwnSignature | null
  /** each call reads from the beginning */
  body(): AsyncIterable<Buffer> | Iterable<Buffer>
}

/** A DKIM-Signature of ours, which a changed body needs anew. */
export interface OwnSignature {
  /** as it is written in the message's header */
  field: Buffer
  /** The field that goes before a message of these parts; null: it goes without one. */
  sign(parts: SignedParts): Promise<Buffer | null>
}

export interface OutgoingRecipient {
  address: string
  notify: string | null
  orcpt: string | null
}

export const isInternational = (address: string): boolean => /[^ -~]/.test(address)

export function mailLine(mail: OutgoingMail, recipients: readonly OutgoingRecipient[], offered: Capabilities): string {
  let line = `MAIL FROM:<${mail.from}>`
  if (offered.size !== null) line += ` SIZE=${mail.size}`
  if (mail.eightbit && offered.eightBitMime) line += ' BODY=8BITMIME'
  // RFC 6531 section 3.4: an address needs it, whatever was said about the message.
  const isNeeded = mail.smtputf8 || [mail.from, ...recipients.map((one) => one.address)].some(isInternational)
  if (isNeeded && offered.smtputf8) line += ' SMTPUTF8'
  // To where it is not offered it goes only where the route says that the way is protected.
  if (mail.requireTls && offered.all.has('REQUIRETLS')) line += ' REQUIRETLS'
  if (offered.dsn && mail.ret) line += ` RET=${mail.ret}`
  if (offered.dsn && mail.envid) line += ` ENVID=${encodeXtext(mail.envid)}`
  return line
}

export function rcptLine({ address, notify, orcpt }: OutgoingRecipient, offered: Capabilities): string {
  let line = `RCPT TO:<${address}>`
  if (offered.dsn && notify) line += ` NOTIFY=${notify}`
  if (offered.dsn && orcpt) line += ` ORCPT=${encodeOrcpt(orcpt)}`
  return line
}
