/**
 * Addresses as keys. Written addresses are kept as they are; what is compared is folded: local part NFC and lower case
 * (a quoted one unquoted where the quotes mean nothing, RFC 5321 section 4.1.2), domain as A-label in lower case
 * (RFC 5891). Local parts are case-sensitive by RFC 5321 section 2.4, yet no mailbox system people use tells Alice from
 * alice: we compare without case and hand on what was written. Never throws: null means "not an address".
 */
import { domainToASCII } from 'node:url'

export interface SplitAddress {
  local: string
  /** folded; null for the bare word postmaster (RFC 5321 section 4.5.1) */
  domain: string | null
}

const LONGEST = 320
const PLAIN_DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/
const ATOMS = /^[^\s"(),:;<>@[\]\\.]+(\.[^\s"(),:;<>@[\]\\.]+)*$/
const CONTROL = /[\u0000-\u001f\u007f]/

/** The A-label form in lower case, or null where the text is no domain name. */
export function foldDomain(written: string): string | null {
  if (written.length === 0 || written.length > 255) return null
  let text = written.toLowerCase()
  if (text.endsWith('.')) text = text.slice(0, -1)
  if (!PLAIN_DOMAIN.test(text) || text.includes('xn--')) text = domainToASCII(text.normalize('NFC'))
  return PLAIN_DOMAIN.test(text) && text.length <= 253 ? text : null
}

/** The local part as it is compared. */
export function foldLocal(written: string): string {
  let text = written
  if (text.length > 2 && text.startsWith('"') && text.endsWith('"')) {
    const bare = text.slice(1, -1).replace(/\\(.)/g, '$1')
    if (ATOMS.test(bare)) text = bare
  }
  // Lower case may come apart again (U+0130): composed once more, folding twice changes nothing.
  return text.normalize('NFC').toLowerCase().normalize('NFC')
}

export function splitAddress(written: string): SplitAddress | null {
  if (written.length === 0 || written.length > LONGEST || CONTROL.test(written)) return null
  const at = written.lastIndexOf('@')
  if (at < 0) return written.toLowerCase() === 'postmaster' ? { local: 'postmaster', domain: null } : null
  if (at === 0) return null
  const domain = foldDomain(written.slice(at + 1))
  return domain === null ? null : { local: foldLocal(written.slice(0, at)), domain }
}

/** The whole address as key of table address, or null where the text is no address. */
export function foldAddress(written: string): string | null {
  const split = splitAddress(written.trim())
  return split?.domain ? `${split.local}@${split.domain}` : null
}

/** Local parts to look for, the one as written first, then without its subaddress (RFC 5233). */
export function localCandidates(local: string, separator: string): string[] {
  if (separator === '') return [local]
  const at = local.indexOf(separator, 1)
  return at > 0 ? [local, local.slice(0, at)] : [local]
}
