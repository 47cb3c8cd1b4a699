/** Our own DNS client against servers on loopback: whose word counts, what is kept, what is not an answer. */
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startDnsServer, type DnsServer, type Zone } from '../../../testkit/dns-server.ts'
import { systemClock } from '../../platform/clock.ts'
import { RecordType } from '../../protocols/dns/message.ts'
import { parseNameServer } from './exchange.ts'
import { createDns, type DnsOptions } from './resolver.ts'
import { createMxLookup } from './mx.ts'
import { lookUpTlsa } from './tlsa.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
async function server(zones: Record<string, Zone>): Promise<DnsServer> {
  const one = await startDnsServer(zones)
  closing.push(() => one.close())
  return one
}
const open = (servers: string[], more: Partial<DnsOptions> = {}) =>
  createDns({ clock: systemClock, timeoutMs: 100, servers, ...more })
const a = (address: string, more: Partial<Zone> = {}): Record<string, Zone> => ({
  'host.test': { a: [address], ...more },
})

/** A UDP server that answers a question with whatever bytes the test makes of it; gives its address. */
async function udp(answer: (question: Buffer, say: (bytes: Buffer) => void) => void): Promise<string> {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (question, peer) => answer(question, (bytes) => socket.send(bytes, peer.port, peer.address)))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => socket.close(() => resolve(null))))
  return `127.0.0.1:${socket.address().port}`
}
/** The question as an answer without records. */
function emptied(question: Buffer, flags: number, id?: number): Buffer {
  const end = question.indexOf(0, 12) + 5
  const bytes = Buffer.from(question.subarray(0, end))
  if (id !== undefined) bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(flags, 2)
  bytes.writeUInt32BE(0, 6)
  bytes.writeUInt16BE(0, 10)
  return bytes
}

test.each([
  ['127.0.0.1', { address: '127.0.0.1', port: 53, isLocal: true }],
  ['192.0.2.1:5353', { address: '192.0.2.1', port: 5353, isLocal: false }],
  ['::1', { address: '::1', port: 53, isLocal: true }],
  ['[2001:db8::1]:54', { address: '2001:db8::1', port: 54, isLocal: false }],
  ['fe80::1%eth0', { address: 'fe80::1%eth0', port: 53, isLocal: false }],
])('the name server %s', (text, parsed) => {
  expect(parseNameServer(text)).toEqual(parsed)
})
test.each(['ns.test', '127.0.0.1:99999', ''])('%s is no name server', (text) => {
  expect(() => parseNameServer(text)).toThrow('name server')
})

test('AD counts of a server on this machine, unless the configuration says otherwise', async () => {
  const one = await server(a('192.0.2.1', { secure: true }))
  const proved = async (trustAd?: 'loopback' | 'all' | 'none') =>
    (await open([one.address], trustAd ? { trustAd } : {}).ask('host.test', RecordType.A)).authenticated
  expect([await proved(), await proved('all'), await proved('none')]).toEqual([true, true, false])
  // Of this one it was asked, but it has nothing to say it of.
  one.zones.set('host.test', { a: ['192.0.2.1'] })
  expect(await proved()).toBe(false)
})

test('a server of the network is asked only where none is trusted', () => {
  expect(open(['192.0.2.1', '127.0.0.1']).servers.map(({ address }) => address)).toEqual(['127.0.0.1'])
  expect(open(['192.0.2.1', '127.0.0.1'], { trustAd: 'none' }).servers).toHaveLength(2)
  expect(open(['192.0.2.1']).isTrusted).toBe(false)
})

test('kept as long as it says, and asked once for all who wait', async () => {
  const clock = fakeClock()
  const one = await server(a('192.0.2.1', { ttl: 60 }))
  const dns = open([one.address], { clock })
  const ask = async () => (await dns.ask('Host.test', RecordType.A)).records
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']])
  expect(one.asked()).toBe(1)
  one.zones.set('host.test', { a: ['192.0.2.2'], ttl: 1_000_000 })
  await clock.advance(59_000)
  expect(await ask()).toEqual(['192.0.2.1'])
  await clock.advance(1_001)
  expect(await ask()).toEqual(['192.0.2.2'])
  await clock.advance(3_600_001)
  await ask()
  expect(one.asked()).toBe(3)
})

test('the next server is asked where one is silent or knows nothing', async () => {
  const deaf = await server({})
  deaf.silence.add('host.test')
  const lost = await udp((question, say) => say(emptied(question, 0x8182)))
  const one = await server(a('192.0.2.1'))
  for (const first of [deaf.address, lost])
    expect((await open([first, one.address]).ask('host.test', RecordType.A)).records).toEqual(['192.0.2.1'])
  await expect(open([lost]).ask('host.test', RecordType.A)).rejects.toMatchObject({ code: 'SERVFAIL' })
  await expect(open([deaf.address]).ask('host.test', RecordType.A)).rejects.toMatchObject({ code: 'TIMEOUT' })
  await deaf.close()
  closing.shift()
  await expect(open([deaf.address]).ask('host.test', RecordType.A)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(open([one.address]).ask('a..b', RecordType.A)).rejects.toMatchObject({ code: 'BADNAME' })
})

test('what answers another question is not looked at', async () => {
  const forger = await udp((question, say) => {
    say(emptied(question, 0x8180, question.readUInt16BE(0) ^ 1))
    const other = emptied(question, 0x8180)
    other[13] = 'x'.charCodeAt(0)
    say(other)
    say(Buffer.from('noise'))
    say(emptied(question, 0x8183))
  })
  expect((await open([forger]).ask('host.test', RecordType.A)).records).toEqual([])
  const broken = await udp((question, say) => {
    const bytes = emptied(question, 0x8180)
    bytes.writeUInt16BE(3, 6)
    say(bytes)
  })
  await expect(open([broken]).ask('host.test', RecordType.A)).rejects.toMatchObject({ code: 'BADRESP' })
})

test('a server that does not know EDNS is asked without it', async () => {
  const old = await udp((question, say) => say(emptied(question, question.readUInt16BE(10) > 0 ? 0x8181 : 0x8183)))
  expect((await open([old]).ask('host.test', RecordType.A)).records).toEqual([])
})

test('what does not fit comes over TCP, in however many pieces', async () => {
  const answers: ((question: Buffer) => Buffer[])[] = [
    (question) => {
      const whole = emptied(question.subarray(2), 0x8180)
      return [Buffer.from([0]), Buffer.from([whole.length]), whole.subarray(0, 20), whole.subarray(20)]
    },
    () => [Buffer.from('\0\x05noise')],
    () => [],
  ]
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (question) => {
      for (const piece of answers.shift()!(question)) socket.write(piece)
      socket.end()
    })
  })
  // One port for both: the one that is free for UDP may be somebody's for TCP.
  let address = ''
  for (let tries = 0; !tcp.listening && tries < 20; tries++) {
    address = await udp((question, say) => say(emptied(question, 0x8380)))
    await new Promise<void>((resolve) => {
      tcp.once('error', () => resolve())
      tcp.listen(Number(address.split(':')[1]), '127.0.0.1', resolve)
    })
  }
  closing.push(() => new Promise((resolve) => tcp.close(resolve)))
  expect((tcp.address() as AddressInfo).port).toBeGreaterThan(0)
  const dns = open([address])
  expect((await dns.ask('host.test', RecordType.A)).records).toEqual([])
  await expect(dns.ask('host.test', RecordType.A)).rejects.toMatchObject({ code: 'BADRESP' })
})

test('hundreds at once: all are answered, a hundred at a time', async () => {
  const one = await server(
    Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`h${i}.test`, { a: ['192.0.2.1'] }])),
  )
  const dns = open([one.address], { timeoutMs: 5_000 })
  const all = await Promise.all(Array.from({ length: 300 }, (_, i) => dns.ask(`h${i}.test`, RecordType.A)))
  expect(all.every(({ records }) => records.length === 1)).toBe(true)
})

const tlsa = '030101' + 'ab'.repeat(32)

test('TLSA base domains: only where MX and address are authenticated; the end of an alias first (RFC 7672 section 2.2)', async () => {
  const one = await server({
    'corp.test': { mx: [[10, 'mx.corp.test']], secure: true },
    'unsigned.test': { mx: [[10, 'mx.corp.test']] },
    'mx.corp.test': { a: ['192.0.2.1'], secure: true },
    'away.test': { mx: [[10, 'mx.away.test']], secure: true },
    'mx.away.test': { a: ['192.0.2.2'] },
    'plain.test': { a: ['192.0.2.3'], secure: true },
  })
  const basesOf = async (domain: string, trustAd?: 'none') => {
    const answer = await createMxLookup(open([one.address], trustAd ? { trustAd } : {}), true)(domain)
    return answer.kind === 'hosts' ? answer.hosts[0]!.tlsaBases : answer
  }
  expect(await basesOf('corp.test')).toEqual(['mx.corp.test'])
  expect(await basesOf('plain.test')).toEqual(['plain.test'])
  for (const domain of ['unsigned.test', 'away.test']) expect(await basesOf(domain)).toBeUndefined()
  expect(await basesOf('corp.test', 'none')).toBeUndefined()
  one.zones.set('mx.corp.test', { a: ['192.0.2.1'], secure: true, alias: 'real.test' })
  one.zones.set('mx.away.test', { a: ['192.0.2.1'], alias: 'real.test' })
  expect(await basesOf('corp.test')).toEqual(['real.test', 'mx.corp.test'])
  // The alias is signed, where it leads is not.
  one.zones.set('mx.away.test', { a: ['192.0.2.1'], alias: 'real.test', secureAlias: true })
  expect(await basesOf('away.test')).toEqual(['mx.away.test'])
})

test('TLSA: authenticated records count, others are as none, and no answer is no word for none', async () => {
  const one = await server({
    '_25._tcp.good.test': { tlsa: [tlsa], secure: true },
    '_25._tcp.unsigned.test': { tlsa: [tlsa] },
  })
  one.silence.add('_25._tcp.quiet.test')
  const look = (...bases: string[]) => lookUpTlsa(open([one.address]), bases, 25)
  const record = { usage: 3, selector: 1, matching: 1, data: Buffer.from('ab'.repeat(32), 'hex') }
  expect(await look('none.test', 'good.test')).toEqual({ kind: 'records', base: 'good.test', records: [record] })
  expect(await look('unsigned.test')).toEqual({ kind: 'none' })
  expect(await look('none.test')).toEqual({ kind: 'none' })
  const unknown = await look('quiet.test', 'good.test')
  expect(unknown).toMatchObject({ kind: 'unknown', text: expect.stringContaining('quiet.test') })
})

test('a name server to which there is no way is no answer, and nothing worse', async () => {
  // connecting to it is refused by the system itself
  const dns = createDns({ clock: systemClock, servers: ['255.255.255.255'], timeoutMs: 300 })
  await expect(dns.ask('corp.test', RecordType.A)).rejects.toThrow(/cannot be asked \(E/)
})
