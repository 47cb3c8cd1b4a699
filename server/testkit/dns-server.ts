/** A small DNS server for tests: answers MX, A, AAAA and TXT from a table; `silence` makes it not answer at all. */
import { createSocket } from 'node:dgram'

export interface Zone {
  mx?: [priority: number, exchange: string][]
  a?: string[]
  aaaa?: string[]
  txt?: string[]
}

export interface DnsServer {
  /** for configurations: 127.0.0.1:port */
  address: string
  zones: Map<string, Zone>
  silence: Set<string>
  close(): Promise<void>
}

const TYPES = { a: 1, mx: 15, txt: 16, aaaa: 28 } as const

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
  return []
}

export async function startDnsServer(zones: Record<string, Zone>): Promise<DnsServer> {
  const table = new Map(Object.entries(zones))
  const silence = new Set<string>()
  const socket = createSocket('udp4')
  socket.on('message', (query, peer) => {
    const labels: string[] = []
    let at = 12
    while (query[at]! > 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!))
      at += query[at]! + 1
    }
    const name = labels.join('.').toLowerCase()
    if (silence.has(name)) return
    const question = query.subarray(12, at + 5)
    const zone = table.get(name)
    const answers = zone ? records(zone, query.readUInt16BE(at + 1)) : []
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | (zone ? 0 : 3), 2) // 3: no such name
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    const rows = answers.map((data) => {
      const row = Buffer.alloc(12)
      row.writeUInt16BE(0xc00c, 0)
      row.writeUInt16BE(query.readUInt16BE(at + 1), 2)
      row.writeUInt16BE(1, 4)
      row.writeUInt32BE(1, 6)
      row.writeUInt16BE(data.length, 10)
      return Buffer.concat([row, data])
    })
    socket.send(Buffer.concat([head, question, ...rows]), peer.port, peer.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    zones: table,
    silence,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}
