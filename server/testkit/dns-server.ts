/**
 * A small DNS server for tests: answers MX, A, AAAA, TXT and TLSA from a table, as a validating resolver would: with AD for
 * what is `secure`. `silence` makes it not answer at all.
 */
import { createSocket } from 'node:dgram'

export interface Zone {
  mx?: [priority: number, exchange: string][]
  a?: string[]
  aaaa?: string[]
  txt?: string[]
  /** hexadecimal */
  tlsa?: string[]
  /** the name is an alias of this one, which has its records */
  alias?: string
  /** seconds; left out: 1 */
  ttl?: number
  /** answers about it are authenticated */
  secure?: boolean
  /** the alias alone is */
  secureAlias?: boolean
}

export interface DnsServer {
  /** for configurations: 127.0.0.1:port */
  address: string
  zones: Map<string, Zone>
  silence: Set<string>
  /** questions so far */
  asked(): number
  close(): Promise<void>
}

const TYPES = { a: 1, cname: 5, mx: 15, txt: 16, aaaa: 28, tlsa: 52 } as const

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .filter(Boolean)
      .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ])

function records(zone: Zone, type: number): Buffer[] {
  if (type === TYPES.a) return (zone.a ?? []).map((ip) => Buffer.from(ip.split('.').map(Number)))
  if (type === TYPES.aaaa)
    return (zone.aaaa ?? []).map(() => Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
  if (type === TYPES.txt)
    return (zone.txt ?? []).map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]))
  if (type === TYPES.mx)
    return (zone.mx ?? []).map(([priority, exchange]) =>
      Buffer.concat([Buffer.from([priority >> 8, priority & 255]), nameBytes(exchange)]),
    )
  if (type === TYPES.tlsa) return (zone.tlsa ?? []).map((hex) => Buffer.from(hex, 'hex'))
  return []
}

const row = (name: Buffer, type: number, ttl: number, data: Buffer): Buffer => {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([name, fixed, data])
}

/** A pointer to the question's name. */
const ITSELF = Buffer.from([0xc0, 12])

function answersOf(zone: Zone, type: number): Buffer[] {
  const { alias, ttl = 1 } = zone
  const name = alias === undefined ? ITSELF : nameBytes(alias)
  const aliases = alias === undefined ? [] : [row(ITSELF, TYPES.cname, ttl, name)]
  return type === TYPES.cname ? aliases : [...aliases, ...records(zone, type).map((data) => row(name, type, ttl, data))]
}

export async function startDnsServer(zones: Record<string, Zone>): Promise<DnsServer> {
  const table = new Map(Object.entries(zones))
  const silence = new Set<string>()
  let asked = 0
  const socket = createSocket('udp4')
  socket.on('message', (query, peer) => {
    const labels: string[] = []
    let at = 12
    while (query[at]! > 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!))
      at += query[at]! + 1
    }
    const name = labels.join('.').toLowerCase()
    asked++
    if (silence.has(name)) return
    const question = query.subarray(12, at + 5)
    const zone = table.get(name)
    const type = query.readUInt16BE(at + 1)
    const answers = zone ? answersOf(zone, type) : []
    const isProved = zone?.secure === true || (type === TYPES.cname && zone?.secureAlias === true)
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | (isProved ? 0x20 : 0) | (zone ? 0 : 3), 2) // 3: no such name
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    socket.send(Buffer.concat([head, question, ...answers]), peer.port, peer.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    zones: table,
    silence,
    asked: () => asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}
