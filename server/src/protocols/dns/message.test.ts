/** The wire of the DNS: what a resolver says, what an attacker could, and that reading always has an end. */
import { expect, test } from 'vitest'
import fc from 'fast-check'
import { DnsSyntax, encodeQuestion, readReply, RecordType, type Reply } from './message.ts'
import { decodeName, encodeName } from './name.ts'

const { A, AAAA, CNAME, MX, SOA, TLSA, TXT } = RecordType

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const u32 = (value: number): Buffer => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const record = (name: string | Buffer, type: number, ttl: number, data: Buffer, dnsClass = 1): Buffer =>
  Buffer.concat([
    typeof name === 'string' ? encodeName(name) : name,
    u16(type),
    u16(dnsClass),
    u32(ttl),
    u16(data.length),
    data,
  ])
const soa = (minimum: number): Buffer =>
  Buffer.concat([encodeName('ns.test'), encodeName('root.test'), ...[1, 2, 3, 4, minimum].map(u32)])

interface Told {
  name?: string
  type?: RecordType
  flags?: number
  answers?: Buffer[]
  authority?: Buffer[]
}
function message({ name = 'corp.test', type = MX, flags = 0x81a0, answers = [], authority = [] }: Told): Buffer {
  return Buffer.concat([
    u16(7),
    u16(flags),
    u16(1),
    u16(answers.length),
    u16(authority.length),
    u16(0),
    encodeName(name),
    u16(type),
    u16(1),
    ...answers,
    ...authority,
  ])
}
function read<T extends RecordType>(told: Told & { type: T }): Reply<T> | null {
  return readReply(message(told), { id: 7, name: told.name ?? 'corp.test', type: told.type })
}

test('a question: random id, recursion, AD and DO (RFC 3225) asked for, room for an unfragmented answer', () => {
  expect(encodeQuestion(0x1234, 'Corp.test', TLSA).toString('hex')).toBe(
    '1234' +
      '0120' +
      '0001' +
      '0000' +
      '0000' +
      '0001' +
      '04436f7270047465737400' +
      '00340001' +
      '00002904d0000080000000',
  )
  expect(encodeQuestion(1, '', SOA, false).toString('hex')).toBe('0001012000010000000000000000060001')
  expect(encodeName('bücher.test')).toEqual(encodeName('xn--bcher-kva.test'))
})

test.each(['a..b', '.a', 'x'.repeat(64), Array(60).fill('abcde').join('.'), 'a b', 'a\\b'])('%s is no name', (name) => {
  expect(() => encodeName(name)).toThrow(DnsSyntax)
})

test('records of each kind, with the lowest TTL, and whether they are authenticated', () => {
  const mx = read({
    type: MX,
    answers: [
      record('corp.test', MX, 300, Buffer.concat([u16(10), encodeName('MX.corp.test')])),
      // compressed: the question's name
      record(Buffer.from([0xc0, 12]), MX, 60, Buffer.concat([u16(20), Buffer.from([2, 0x6d, 0x32, 0xc0, 12])])),
    ],
  })
  expect(mx).toEqual({
    rcode: 0,
    truncated: false,
    authenticated: true,
    canonical: 'corp.test',
    ttl: 60,
    octets: expect.any(Number),
    records: [
      { priority: 10, exchange: 'mx.corp.test' },
      { priority: 20, exchange: 'm2.corp.test' },
    ],
  })
  const one = <T extends RecordType>(type: T, data: Buffer) =>
    read({ type, answers: [record('corp.test', type, 5, data)] })!.records[0]
  expect(one(A, Buffer.from([192, 0, 2, 1]))).toBe('192.0.2.1')
  expect(one(AAAA, Buffer.from('20010db8000000000000000000000001', 'hex'))).toBe('2001:db8::1')
  expect(one(TXT, Buffer.from('\x03abc\x00\x01d'))).toEqual(['abc', '', 'd'])
  expect(one(TLSA, Buffer.from('030101aabb', 'hex'))).toEqual({
    usage: 3,
    selector: 1,
    matching: 1,
    data: Buffer.from('aabb', 'hex'),
  })
  expect(read({ type: MX, flags: 0x8180 })!.authenticated).toBe(false)
})

test('aliases are followed inside the answer; what nobody asked for is not looked at', () => {
  const answers = [
    record('a.test', CNAME, 30, encodeName('b.test')),
    record('b.test', CNAME, 90, encodeName('C.test')),
    record('c.test', A, 60, Buffer.from([192, 0, 2, 1])),
    record('other.test', A, 60, Buffer.from([192, 0, 2, 66])),
    record('c.test', A, 60, Buffer.from([192, 0, 2, 67]), 3),
    record('c.test', 46, 60, Buffer.from('signature')),
  ]
  expect(read({ name: 'a.test', type: A, answers })).toMatchObject({
    canonical: 'c.test',
    ttl: 30,
    records: ['192.0.2.1'],
  })
  expect(read({ name: 'a.test', type: CNAME, answers })).toMatchObject({ canonical: 'a.test', records: ['b.test'] })
  const loop = [record('a.test', CNAME, 30, encodeName('b.test')), record('b.test', CNAME, 30, encodeName('a.test'))]
  expect(() => read({ name: 'a.test', type: A, answers: loop })).toThrow('lead nowhere')
})

test('there is none: for how long (RFC 2308), or nobody says', () => {
  const authority = [record('test', SOA, 900, soa(120))]
  expect(read({ type: TLSA, flags: 0x8183, authority })).toMatchObject({ rcode: 3, records: [], ttl: 120 })
  expect(read({ type: TLSA })).toMatchObject({ rcode: 0, records: [], ttl: null })
})

test('another id, another question, no answer at all: not ours', () => {
  expect(readReply(message({ type: MX }), { id: 8, name: 'corp.test', type: MX })).toBeNull()
  expect(readReply(message({ type: MX }), { id: 7, name: 'evil.test', type: MX })).toBeNull()
  expect(readReply(message({ type: MX }), { id: 7, name: 'corp.test', type: A })).toBeNull()
  expect(read({ type: MX, flags: 0x0120 })).toBeNull()
  expect(readReply(Buffer.alloc(5), { id: 0, name: '', type: MX })).toBeNull()
})

test('an error and what was cut off have nothing to read', () => {
  expect(read({ type: MX, flags: 0x8182 })).toMatchObject({ rcode: 2, records: [] })
  expect(read({ type: MX, flags: 0x83a0, answers: [Buffer.from('garbage')] })).toMatchObject({ truncated: true })
})

test.each<[string, Buffer[]]>([
  ['cut off', [record('corp.test', MX, 1, u16(1)).subarray(0, 12)]],
  ['too short', [record('corp.test', MX, 1, u16(1))]],
  ['more than a name', [record('corp.test', MX, 1, Buffer.concat([u16(1), encodeName('a.test'), u16(0)]))]],
  ['a pointer to itself', [record('corp.test', MX, 1, Buffer.concat([u16(1), Buffer.from([0xc0, 45])]))]],
  ['a label of another kind', [record('corp.test', MX, 1, Buffer.concat([u16(1), Buffer.from([0x80, 1, 0])]))]],
  ['a forest', Array.from({ length: 501 }, () => record('', TXT, 1, Buffer.from([0])))],
])('%s is not read', (_, answers) => {
  expect(() => read({ type: MX, answers })).toThrow(DnsSyntax)
})

test('a label with a dot in it is one label', () => {
  expect(decodeName(Buffer.from('\x03a.b\x04test\0', 'latin1'), 0)).toEqual({ name: 'a\\046b.test', end: 10 })
})

test('whatever comes: a value, null or DnsSyntax, soon', () => {
  const good = message({
    type: MX,
    answers: [record('corp.test', MX, 60, Buffer.concat([u16(10), encodeName('mx.corp.test')]))],
    authority: [record('test', SOA, 900, soa(120))],
  })
  const take = (bytes: Buffer): void => {
    try {
      const reply = readReply(bytes, { id: 7, name: 'corp.test', type: MX })
      for (const { exchange } of reply?.records ?? []) expect(exchange.length).toBeLessThan(1100)
    } catch (error) {
      expect(error).toBeInstanceOf(DnsSyntax)
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => take(Buffer.concat([good.subarray(0, 12), noise]))),
    { numRuns: 500 },
  )
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(good.length), (changes, length) => {
      const bytes = Buffer.from(good.subarray(0, length))
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      take(bytes)
    }),
    { numRuns: 2000 },
  )
})
