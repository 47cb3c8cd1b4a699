/**
 * The outer form of a SASL exchange (RFC 4954 section 4, the same in IMAP and POP3): base64 on a line of its own, `*` for
 * giving up, `=` for an initial response that is empty. Strict: what is not base64 as RFC 4648 section 4 writes it is
 * refused, so that no two readers see two passwords in it.
 */
import { WireError } from '../../platform/errors.ts'

/** RFC 4954 section 4: the longest line of an exchange, with its CRLF. */
export const SASL_LINE_OCTETS = 12_288

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function decode(text: string): Buffer {
  if (text.length > SASL_LINE_OCTETS || !BASE64.test(text)) throw new WireError('auth-exchange', 'this is not base64')
  return Buffer.from(text, 'base64')
}

/** What stands behind the mechanism in the command; null: nothing. Throws auth-exchange. */
export function readInitialResponse(text: string): Buffer | null {
  if (text === '') return null
  return text === '=' ? Buffer.alloc(0) : decode(text)
}

/** The client's line, without its CRLF, after a challenge. Throws auth-exchange, also for `*`. */
export function readAnswer(line: Buffer): Buffer {
  const text = line.toString('latin1')
  if (text === '*') throw new WireError('auth-exchange', 'you gave up')
  return decode(text)
}
