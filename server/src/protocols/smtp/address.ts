/**
 * Addresses of the envelope (RFC 5321 section 4.1.2, RFC 6531 section 3.3): text ⇄ Mailbox (how they are
 * compared: core/directory/fold.ts). Total: every text gives a Mailbox or a WireError, in linear time, within the limits of RFC 5321
 * section 4.5.3.1 (local part 64 octets, domain 255, address 254).
 *
 * Lenient where the world is: white space after the colon, a missing pair of angle brackets, underscores in domains.
 * Strict where it matters: no control characters, no unquoted specials, nothing after the address.
 */
import { domainToASCII } from 'node:url'
import ipaddr from 'ipaddr.js'
import { WireError } from '../../platform/errors.ts'

export interface Mailbox {
  /** without quotes and backslashes */
  local: string
  /** as written; '' only for the bare `postmaster` of RFC 5321 section 4.1.1.3 */
  domain: string
  /** domain is an address literal, with its brackets */
  isLiteral: boolean
  isAscii: boolean
  /** canonical text: quoted only where it must be */
  text: string
}

export interface ParsedPath {
  /** null: the null path <> */
  mailbox: Mailbox | null
  /** index after the path */
  end: number
}

type AddressError = 'address-syntax-sender' | 'address-syntax-recipient'

const MAX_LOCAL = 64
const MAX_DOMAIN = 255
const MAX_ADDRESS = 254
const MAX_TEXT = 2048
/** atext of RFC 5322 with UTF8-non-ascii of RFC 6531; C1 controls and separators are no letters of any language */
const ATEXT = /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u00a1-\u2027\u202a-\u2fff\u3001-\ufdcf\ufdf0-\ufffd]/
const DOT_STRING = new RegExp(`^${ATEXT.source}+(?:\\.${ATEXT.source}+)*$`)
const ASCII_LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/
const ASCII = /^[ -~]*$/
const IPV6_TAG = 'ipv6:'

/** Parses a path that starts at `start` and ends before a space or at the end of the text. */
export function parsePath(text: string, start: number, code: AddressError): ParsedPath {
  if (text.length - start > MAX_TEXT) throw new WireError(code, 'it is too long')
  if (text[start] !== '<') return parseBare(text, start, code)
  let at = start + 1
  if (text[at] === '>') return { mailbox: null, end: at + 1 }
  at = skipSourceRoute(text, at, code)
  const close = endOfPath(text, at, code)
  return { mailbox: parseMailbox(text.slice(at, close), code), end: close + 1 }
}

/** Parses a whole text as one address. `postmaster` without a domain is allowed. */
export function parseMailbox(text: string, code: AddressError): Mailbox {
  if (text.length > MAX_TEXT) throw new WireError(code, 'it is too long')
  const quoted = text.startsWith('"')
  const at = quoted ? endOfQuoted(text, code) : text.indexOf('@')
  const rawLocal = at < 0 ? text : text.slice(0, at)
  const local = quoted ? unquote(rawLocal) : rawLocal
  if (!quoted && !DOT_STRING.test(local)) throw new WireError(code, 'the part before the @ is not valid')
  if (Buffer.byteLength(local) > MAX_LOCAL) throw new WireError(code, 'the part before the @ is longer than 64 octets')
  if (at < 0) {
    if (local.toLowerCase() !== 'postmaster') throw new WireError(code, 'the domain is missing')
    return { local, domain: '', isLiteral: false, isAscii: true, text: local }
  }
  if (text[at] !== '@') throw new WireError(code, 'an @ must follow the quoted part')
  const domain = text.slice(at + 1)
  const isLiteral = domain.startsWith('[')
  if (isLiteral) checkLiteral(domain, code)
  else checkDomain(domain, code)
  const canonical = `${quoteLocal(local)}@${domain}`
  if (Buffer.byteLength(canonical) > MAX_ADDRESS) throw new WireError(code, 'it is longer than 254 octets')
  return { local, domain, isLiteral, isAscii: ASCII.test(canonical), text: canonical }
}

/** The local part as it stands in an address: a dot-string where it can be (RFC 5321 section 4.1.2). */
function quoteLocal(local: string): string {
  return DOT_STRING.test(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`
}

function parseBare(text: string, start: number, code: AddressError): ParsedPath {
  const space = text.indexOf(' ', start)
  const end = space < 0 ? text.length : space
  if (end === start) throw new WireError(code, 'it is missing')
  return { mailbox: parseMailbox(text.slice(start, end), code), end }
}

/** RFC 5321 appendix C: a source route is accepted and ignored. */
function skipSourceRoute(text: string, start: number, code: AddressError): number {
  if (text[start] !== '@') return start
  const colon = text.indexOf(':', start)
  if (colon < 0) throw new WireError(code, 'the source route does not end')
  for (const hop of text.slice(start, colon).split(',')) {
    if (!hop.startsWith('@')) throw new WireError(code, 'the source route is not valid')
    checkDomain(hop.slice(1), code)
  }
  return colon + 1
}

function endOfPath(text: string, start: number, code: AddressError): number {
  const from = text[start] === '"' ? start + endOfQuoted(text.slice(start), code) : start
  const close = text.indexOf('>', from)
  if (close < 0) throw new WireError(code, 'the closing > is missing')
  return close
}

/** Index after the closing quote of a text that starts with one. */
function endOfQuoted(text: string, code: AddressError): number {
  for (let i = 1; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x22) return i + 1
    if (char === 0x5c) i++
    const shown = text.charCodeAt(i)
    if (shown < 0x20 || (shown >= 0x7f && shown < 0xa0) || Number.isNaN(shown)) {
      throw new WireError(code, 'the quoted part holds a control character')
    }
  }
  throw new WireError(code, 'the closing quote is missing')
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/gsu, '$1')
}

function checkDomain(domain: string, code: AddressError): void {
  if (domain === '') throw new WireError(code, 'the domain is missing')
  if (Buffer.byteLength(domain) > MAX_DOMAIN) throw new WireError(code, 'the domain is longer than 255 octets')
  let ascii = domain
  if (!ASCII.test(domain)) {
    const plain = domain.split('.').every((label) => DOT_STRING.test(label) && !/[!#$%&'*+/=?^`{|}~]/.test(label))
    ascii = plain ? domainToASCII(domain) : ''
    // A name that maps to digits would be read as an IP address further on.
    if (ascii === '' || /^[0-9.]+$/.test(ascii)) throw new WireError(code, 'the domain is not valid')
  }
  if (!ascii.split('.').every((label) => ASCII_LABEL.test(label))) throw new WireError(code, 'the domain is not valid')
  if (ascii.length > MAX_DOMAIN) throw new WireError(code, 'the domain is longer than 255 octets')
}

/** RFC 5321 section 4.1.3. */
function checkLiteral(domain: string, code: AddressError): void {
  const inner = domain.endsWith(']') ? domain.slice(1, -1) : ''
  const isV6 = inner.slice(0, IPV6_TAG.length).toLowerCase() === IPV6_TAG
  const good = isV6
    ? ipaddr.IPv6.isValid(inner.slice(IPV6_TAG.length)) && !inner.includes('%')
    : ipaddr.IPv4.isValidFourPartDecimal(inner)
  if (!good) throw new WireError(code, 'the address literal is not valid')
}
