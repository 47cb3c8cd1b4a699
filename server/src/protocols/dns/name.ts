/**
 * Domain names on the wire (RFC 1035 section 3.1 and 4.1.4) ⇄ text without a final dot, '' being the root. Bytes that a
 * host name does not have are written \DDD (section 5.1), so that a dot inside a label never looks like the end of one.
 */
import { domainToASCII } from 'node:url'

export class DnsSyntax extends Error {}

const MOST_OCTETS = 255
const MOST_LABEL = 63

/** Throws DnsSyntax for what is no name; letters beyond ASCII become A-labels (RFC 5891). */
export function encodeName(name: string): Buffer {
  const plain = /[^\0-\x7f]/.test(name) ? domainToASCII(name) : name
  const text = plain.endsWith('.') ? plain.slice(0, -1) : plain
  if (text === '' && name !== '' && name !== '.') throw new DnsSyntax(`${name} is no domain name`)
  const labels = text === '' ? [] : text.split('.')
  if (!labels.every((label) => /^[!-[\]-~]{1,63}$/.test(label))) throw new DnsSyntax(`${name} is no domain name`)
  const bytes = Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
    Buffer.from([0]),
  ])
  if (bytes.length > MOST_OCTETS) throw new DnsSyntax(`${name} is too long for a domain name`)
  return bytes
}

const escaped = (label: Buffer): string =>
  label.toString('latin1').replace(/[^!-~]|[.\\]/g, (char) => `\\${char.charCodeAt(0).toString().padStart(3, '0')}`)

/** The name at `at`, and where it ends. A pointer must lead backwards, so that every name has an end. */
export function decodeName(bytes: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = []
  let octets = 1
  let end = -1
  let limit = at
  for (let place = at; ;) {
    const length = octetAt(bytes, place)
    if (length === 0) return { name: labels.join('.').toLowerCase(), end: end < 0 ? place + 1 : end }
    if ((length & 0xc0) === 0xc0) {
      const target = ((length & 0x3f) << 8) | octetAt(bytes, place + 1)
      if (end < 0) end = place + 2
      if (target >= limit) throw new DnsSyntax('a pointer does not lead backwards')
      limit = place = target
      continue
    }
    if (length > MOST_LABEL) throw new DnsSyntax('a label of an unknown kind')
    octets += length + 1
    if (octets > MOST_OCTETS) throw new DnsSyntax('a name is too long')
    if (place + 1 + length > bytes.length) throw new DnsSyntax('a name has no end')
    labels.push(escaped(bytes.subarray(place + 1, place + 1 + length)))
    place += length + 1
  }
}

function octetAt(bytes: Buffer, at: number): number {
  const octet = bytes[at]
  if (octet === undefined) throw new DnsSyntax('it ends in the middle of a name')
  return octet
}
