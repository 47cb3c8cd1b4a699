/** The machine's part of a notice (RFC 3464 section 2), in ASCII or internationalised (RFC 6533 section 3). */
import { encodeOrcpt } from '../smtp/xtext.ts'
import type { DsnInput, DsnRecipient } from './build.ts'

/** A value for a header or field line: nothing in it ends the line. Other than ASCII stays only where `utf8` allows it. */
export function plain(text: string, utf8 = false): string {
  const kept = utf8 ? text.toWellFormed().replace(/[\p{Cc}\u2028\u2029]+/gu, ' ') : text.replace(/[^\x20-\x7e]+/g, '?')
  // RFC 5322 section 2.1.1 counts octets.
  return kept.slice(0, utf8 ? 220 : 900)
}

const isPlainAddress = (address: string): boolean => /^[\x21-\x7e]+$/.test(address)

/** `type; address` (RFC 3464 section 2.3.1); what is beyond ASCII has the type utf-8, escaped where it must not show. */
function typed(type: string, address: string, utf8: boolean): string {
  if (type !== 'utf-8' && isPlainAddress(address)) return `${type}; ${plain(address)}`
  if (type !== 'utf-8' && type !== 'rfc822') return `${type}; ${plain(address)}`
  if (utf8) return `utf-8; ${plain(address, true)}`
  return plain(encodeOrcpt(`utf-8;${address}`).replace(';', '; '))
}

function originalRecipient(given: string, utf8: boolean): string {
  const at = given.indexOf(';')
  return at < 0 ? plain(given) : typed(plain(given.slice(0, at)), given.slice(at + 1), utf8)
}

const date = (at: Date): string => at.toUTCString().replace('GMT', '+0000')

function recipientFields(recipient: DsnRecipient, utf8: boolean): string[] {
  const lines = ['']
  if (recipient.originalRecipient)
    lines.push(`Original-Recipient: ${originalRecipient(recipient.originalRecipient, utf8)}`)
  lines.push(
    `Final-Recipient: ${typed('rfc822', recipient.finalRecipient, utf8)}`,
    `Action: ${recipient.action}`,
    `Status: ${recipient.status}`,
  )
  if (recipient.remoteMta) lines.push(`Remote-MTA: dns; ${plain(recipient.remoteMta)}`)
  if (recipient.diagnostic) lines.push(`Diagnostic-Code: smtp; ${plain(recipient.diagnostic, utf8)}`)
  if (recipient.lastAttempt) lines.push(`Last-Attempt-Date: ${date(recipient.lastAttempt)}`)
  if (recipient.willRetryUntil) lines.push(`Will-Retry-Until: ${date(recipient.willRetryUntil)}`)
  return lines
}

export function statusFields(input: DsnInput, utf8: boolean): string[] {
  return [
    `Reporting-MTA: dns; ${plain(input.reportingMta)}`,
    ...(input.envelopeId ? [`Original-Envelope-Id: ${plain(input.envelopeId)}`] : []),
    `Arrival-Date: ${date(input.arrival)}`,
    ...input.recipients.flatMap((recipient) => recipientFields(recipient, utf8)),
  ]
}
