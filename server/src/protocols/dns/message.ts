/**
 * Questions to a resolver and its answers (RFC 1035 section 4, EDNS: RFC 6891) ⇄ values: only what mail needs, so that there
 * is little to get wrong. An answer is read with limits, and aliases (CNAME) are followed inside it; records of other names
 * than the question's, which nobody asked for, are not looked at.
 */
import ipaddr from 'ipaddr.js'
import { DnsSyntax, decodeName, encodeName } from './name.ts'

export { DnsSyntax } from './name.ts'

export const RecordType = { A: 1, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]

/** RFC 6698 section 2.1. */
export interface Tlsa {
  usage: number
  selector: number
  matching: number
  data: Buffer
}

/** What an answer holds, by the type that was asked for. */
export interface RecordData {
  [RecordType.A]: string
  [RecordType.AAAA]: string
  [RecordType.CNAME]: string
  [RecordType.SOA]: number
  [RecordType.MX]: { priority: number; exchange: string }
  [RecordType.TXT]: string[]
  [RecordType.TLSA]: Tlsa
}

export interface Reply<T extends RecordType = RecordType> {
  /** 0: answered, perhaps with nothing; 3: no such name (RFC 1035 section 4.1.1) */
  rcode: number
  /** it did not fit: to be asked again over TCP */
  truncated: boolean
  /** AD: whoever answered says that DNSSEC proves all of it (RFC 4035 section 3.2.3) */
  authenticated: boolean
  /** of the name at the end of the aliases */
  records: RecordData[T][]
  /** where the aliases lead; the name that was asked for where there are none */
  canonical: string
  /** seconds; null: nothing says for how long it holds */
  ttl: number | null
  /** of the whole answer */
  octets: number
}

/** Answers above it have nothing that mail could use. */
const MOST_RECORDS = 500
/** RFC 1034 section 3.6.2 wants none in a row; resolvers give up near here too. */
const MOST_ALIASES = 12
const CLASS_IN = 1
const OPT = 41
const RECURSE = 0x0100
/** RFC 6840 section 5.7: AD in a question asks for AD in the answer. */
const AUTHENTIC = 0x0020
/** Nothing has to be put together from fragments (RFC 9715). */
const UDP_OCTETS = 1232
/** RFC 3225: without DO some resolvers prove nothing. */
const DNSSEC_OK = 0x8000

export function encodeQuestion(id: number, name: string, type: RecordType, edns = true): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(id, 0)
  head.writeUInt16BE(RECURSE | AUTHENTIC, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(edns ? 1 : 0, 10)
  const question = Buffer.alloc(4)
  question.writeUInt16BE(type, 0)
  question.writeUInt16BE(CLASS_IN, 2)
  const parts = [head, encodeName(name), question]
  if (edns) {
    const option = Buffer.alloc(11)
    option.writeUInt16BE(OPT, 1)
    option.writeUInt16BE(UDP_OCTETS, 3)
    option.writeUInt16BE(DNSSEC_OK, 7)
    parts.push(option)
  }
  return Buffer.concat(parts)
}

interface Raw {
  name: string
  type: number
  ttl: number
  at: number
  end: number
}

/** null: no answer to this question. Throws DnsSyntax where it is one and cannot be read. */
export function readReply<T extends RecordType>(
  bytes: Buffer,
  asked: { id: number; name: string; type: T },
): Reply<T> | null {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== asked.id) return null
  const flags = bytes.readUInt16BE(2)
  const isReply = (flags & 0x8000) !== 0 && (flags & 0x7800) === 0
  if (!isReply || bytes.readUInt16BE(4) !== 1) return null
  const question = decodeName(bytes, 12)
  if (question.end + 4 > bytes.length) throw new DnsSyntax('it ends in the question')
  const name = decodeName(encodeName(asked.name), 0).name
  const isIts =
    question.name === name &&
    bytes.readUInt16BE(question.end) === asked.type &&
    bytes.readUInt16BE(question.end + 2) === CLASS_IN
  if (!isIts) return null
  const octets = bytes.length
  const head = {
    octets,
    rcode: flags & 0xf,
    truncated: (flags & 0x0200) !== 0,
    authenticated: (flags & AUTHENTIC) !== 0,
  }
  // What was cut off is asked again, and an error has nothing to read.
  if (head.truncated || (head.rcode !== 0 && head.rcode !== 3))
    return { ...head, records: [], canonical: name, ttl: null }
  const { answers, authority } = sections(bytes, question.end + 4)
  const isAlias = asked.type === RecordType.CNAME
  const { canonical, ttl: aliasTtl } = followAliases(bytes, isAlias ? [] : answers, name)
  const own = answers.filter((one) => one.name === canonical && one.type === asked.type)
  const records = own.map((raw) => dataOf(bytes, raw, asked.type))
  const ttls = own.length > 0 ? own.map(({ ttl }) => ttl) : [negativeTtl(bytes, authority)]
  const known = [...ttls, aliasTtl].filter((ttl) => ttl !== null)
  return { ...head, records, canonical, ttl: ttls[0] === null ? null : Math.min(...known) }
}

function sections(bytes: Buffer, from: number): { answers: Raw[]; authority: Raw[] } {
  const [inAnswer, inAuthority] = [bytes.readUInt16BE(6), bytes.readUInt16BE(8)]
  if (inAnswer + inAuthority > MOST_RECORDS) throw new DnsSyntax('it has too many records')
  const all: Raw[] = []
  let at = from
  for (let i = 0; i < inAnswer + inAuthority; i++) {
    const { name, end } = decodeName(bytes, at)
    if (end + 10 > bytes.length) throw new DnsSyntax('it ends in the middle of a record')
    const length = bytes.readUInt16BE(end + 8)
    at = end + 10 + length
    if (at > bytes.length) throw new DnsSyntax('it ends in the middle of a record')
    // RFC 2181 section 8: a TTL with the highest bit set is 0.
    const ttl = bytes.readUInt32BE(end + 4)
    const type = bytes.readUInt16BE(end + 2) === CLASS_IN ? bytes.readUInt16BE(end) : -1
    all.push({ name, type, ttl: ttl > 0x7fffffff ? 0 : ttl, at: end + 10, end: at })
  }
  return { answers: all.slice(0, inAnswer), authority: all.slice(inAnswer) }
}

function followAliases(
  bytes: Buffer,
  answers: readonly Raw[],
  name: string,
): { canonical: string; ttl: number | null } {
  let canonical = name
  let ttl: number | null = null
  for (let steps = 0; ; steps++) {
    const alias = answers.find((one) => one.name === canonical && one.type === RecordType.CNAME)
    if (!alias) return { canonical, ttl }
    if (steps === MOST_ALIASES) throw new DnsSyntax('its aliases lead nowhere')
    canonical = dataOf(bytes, alias, RecordType.CNAME)
    ttl = Math.min(ttl ?? Infinity, alias.ttl)
  }
}

/** RFC 2308 section 5: how long "there is none" holds. */
function negativeTtl(bytes: Buffer, authority: readonly Raw[]): number | null {
  const soa = authority.find(({ type }) => type === RecordType.SOA)
  return soa ? Math.min(soa.ttl, dataOf(bytes, soa, RecordType.SOA)) : null
}

const readers: { [T in RecordType]: (bytes: Buffer, at: number, end: number) => RecordData[T] } = {
  [RecordType.A]: (bytes, at, end) => addressOf(bytes, at, end, 4),
  [RecordType.AAAA]: (bytes, at, end) => addressOf(bytes, at, end, 16),
  [RecordType.CNAME]: nameAt,
  [RecordType.SOA](bytes, at, end) {
    const numbers = decodeName(bytes, decodeName(bytes, at).end).end
    if (numbers + 20 !== end) throw new DnsSyntax('an SOA record of another size')
    return bytes.readUInt32BE(numbers + 16)
  },
  [RecordType.MX](bytes, at, end) {
    if (end - at < 3) throw new DnsSyntax('an MX record that is too short')
    return { priority: bytes.readUInt16BE(at), exchange: nameAt(bytes, at + 2, end) }
  },
  [RecordType.TXT](bytes, at, end) {
    const strings: string[] = []
    for (let place = at; place < end; place += bytes[place]! + 1) {
      if (place + 1 + bytes[place]! > end) throw new DnsSyntax('a TXT record that has no end')
      strings.push(bytes.toString('latin1', place + 1, place + 1 + bytes[place]!))
    }
    return strings
  },
  [RecordType.TLSA](bytes, at, end) {
    if (end - at < 4) throw new DnsSyntax('a TLSA record that is too short')
    const [usage, selector, matching] = bytes.subarray(at, at + 3) as unknown as [number, number, number]
    return { usage, selector, matching, data: Buffer.from(bytes.subarray(at + 3, end)) }
  },
}

const dataOf = <T extends RecordType>(bytes: Buffer, { at, end }: Raw, type: T): RecordData[T] =>
  readers[type](bytes, at, end)

function addressOf(bytes: Buffer, at: number, end: number, octets: number): string {
  if (end - at !== octets) throw new DnsSyntax('an address of another size')
  return ipaddr.fromByteArray([...bytes.subarray(at, end)]).toString()
}

function nameAt(bytes: Buffer, at: number, end: number): string {
  const read = decodeName(bytes, at)
  if (read.end !== end) throw new DnsSyntax('a record that is longer than its name')
  return read.name
}
