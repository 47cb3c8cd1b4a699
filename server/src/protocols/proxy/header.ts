/**
 * The header that a proxy writes in front of a connection to say who its client is (HAProxy's PROXY protocol, versions 1
 * and 2, proxy-protocol.txt of HAProxy): bytes as they come → the client's address.
 *
 * Total and bounded: every input is a header, the beginning of one (null), or a ProxyHeaderError as soon as that is
 * certain; at most V1_OCTETS or V2_OCTETS are ever waited for. Version 2's TLVs (TLS names, checksums) are skipped unread.
 */
import ipaddr from 'ipaddr.js'

export interface ProxyHeader {
  /** octets of the header; what is behind it is the client's */
  length: number
  /** null: the proxy speaks for itself (LOCAL, UNKNOWN: its health checks), or does not know */
  client: string | null
}

/** No header of the PROXY protocol, or one of a kind that cannot stand before mail. */
export class ProxyHeaderError extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'ProxyHeaderError'
  }
}

/** Section 2.1 of the specification: the longest line, CR LF included. */
export const V1_OCTETS = 107
/** Section 2.2 speaks of 536 for addresses; the rest is room for TLVs (a certificate's name, an authority). */
export const V2_OCTETS = 4096

const V1_START = Buffer.from('PROXY ')
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED = 16
const PORT = /^(?:0|[1-9][0-9]{0,4})$/

/** `bytes`: everything received so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | null {
  if (begins(bytes, V2_START)) return version2(bytes)
  if (begins(bytes, V1_START)) return version1(bytes)
  throw new ProxyHeaderError('no PROXY header came')
}

/** As far as both go. */
function begins(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function version1(bytes: Buffer): ProxyHeader | null {
  const lf = bytes.subarray(0, V1_OCTETS).indexOf(10)
  if (lf < 0) {
    if (bytes.length >= V1_OCTETS) throw new ProxyHeaderError(`its line has no end within ${V1_OCTETS} octets`)
    return null
  }
  if (bytes[lf - 1] !== 13) throw new ProxyHeaderError('its line does not end in CR LF')
  const line = bytes.toString('latin1', 0, lf - 1)
  const [, kind, from = '', to = '', fromPort = '', toPort = '', ...more] = line.split(' ')
  // What follows UNKNOWN must be ignored.
  if (kind === 'UNKNOWN') return { length: lf + 1, client: null }
  if (kind !== 'TCP4' && kind !== 'TCP6') throw new ProxyHeaderError('it is neither of TCP4, TCP6 nor UNKNOWN')
  if (more.length > 0 || ![fromPort, toPort].every((text) => PORT.test(text) && Number(text) <= 65_535))
    throw new ProxyHeaderError('its line is malformed')
  if (![from, to].every(kind === 'TCP4' ? isIpv4 : isIpv6)) throw new ProxyHeaderError('its addresses are malformed')
  return { length: lf + 1, client: ipaddr.process(from).toString() }
}

const isIpv4 = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text)
const isIpv6 = (text: string): boolean => ipaddr.IPv6.isValid(text) && !text.includes('%')

const LOCAL = 0x20
const PROXY = 0x21
/** family and transport → octets of one address; the second half of the block holds the other end and the ports */
const ADDRESS_OCTETS: Readonly<Record<number, number>> = { 0x11: 4, 0x21: 16 }
const UNSPECIFIED = 0x00
const UNIX_STREAM = 0x31
const UNIX_OCTETS = 216

function version2(bytes: Buffer): ProxyHeader | null {
  if (bytes.length < V2_FIXED) return null
  const [command, family] = [bytes[12]!, bytes[13]!]
  const after = bytes.readUInt16BE(14)
  const length = V2_FIXED + after
  if (command !== LOCAL && command !== PROXY) throw new ProxyHeaderError('its version or command is not known')
  if (length > V2_OCTETS) throw new ProxyHeaderError(`it is longer than ${V2_OCTETS} octets`)
  const octets = ADDRESS_OCTETS[family]
  if (command === PROXY && family !== UNSPECIFIED) {
    if (octets === undefined && family !== UNIX_STREAM)
      throw new ProxyHeaderError('its family is none that carries mail')
    if (after < (octets === undefined ? UNIX_OCTETS : 2 * octets + 4))
      throw new ProxyHeaderError('it is too short for its addresses')
  }
  if (bytes.length < length) return null
  // LOCAL: addresses must be ignored; a path in the file system is no client's address either.
  if (command === LOCAL || octets === undefined) return { length, client: null }
  const address = ipaddr.fromByteArray([...bytes.subarray(V2_FIXED, V2_FIXED + octets)])
  return { length, client: ipaddr.process(address.toString()).toString() }
}
