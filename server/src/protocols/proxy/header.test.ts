import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseProxyHeader, ProxyHeaderError, V1_OCTETS, V2_OCTETS } from './header.ts'

const start = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
function v2(command: number, family: number, body: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([start, Buffer.from([command, family]), length, body])
}
const v4Body = Buffer.from([192, 0, 2, 7, 10, 0, 0, 1, 0xc0, 0, 0, 25])
const v6Body = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('00000000000000000000000000000001', 'hex'),
  Buffer.from([0xc0, 0, 0, 25]),
])

/** Every beginning asks for more, whatever is behind is left alone. */
function reads(header: string | Buffer, client: string | null): void {
  const bytes = Buffer.from(header as string, 'latin1')
  for (let n = 0; n < bytes.length; n++) expect(parseProxyHeader(bytes.subarray(0, n))).toBeNull()
  for (const rest of ['', 'EHLO x\r\n', 'PROXY UNKNOWN\r\n'])
    expect(parseProxyHeader(Buffer.concat([bytes, Buffer.from(rest)]))).toEqual({ length: bytes.length, client })
}
const refused = (bytes: string | Buffer): void =>
  expect(() => parseProxyHeader(Buffer.from(bytes as string, 'latin1'))).toThrow(ProxyHeaderError)

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 192.0.2.7 10.0.0.1 56324 25\r\n', '192.0.2.7'],
    ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', '255.255.255.255'],
    ['PROXY TCP6 2001:db8:0:0:0:0:0:7 ::1 56324 25\r\n', '2001:db8::7'],
    ['PROXY TCP6 ::ffff:192.0.2.7 ::1 0 25\r\n', '192.0.2.7'],
    ['PROXY UNKNOWN\r\n', null],
    [`PROXY UNKNOWN ${'f'.repeat(V1_OCTETS - 16)}\r\n`, null],
  ])('%j', reads)
  test.each([
    'PROXY \r\n',
    'PROXY\r\n',
    'proxy UNKNOWN\r\n',
    'PROXY UDP4 192.0.2.7 10.0.0.1 56324 25\r\n',
    'PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n',
    'PROXY TCP4 192.0.2.7 10.0.0.1 56324 25 9\r\n',
    'PROXY TCP4  192.0.2.7 10.0.0.1 56324 25\r\n',
    'PROXY TCP4 192.0.2.7 10.0.0.1 65536 25\r\n',
    'PROXY TCP4 192.0.2.7 10.0.0.1 025 25\r\n',
    'PROXY TCP4 192.0.2.256 10.0.0.1 56324 25\r\n',
    'PROXY TCP4 0xC0000207 10.0.0.1 56324 25\r\n',
    'PROXY TCP4 ::1 ::1 56324 25\r\n',
    'PROXY TCP6 192.0.2.7 10.0.0.1 56324 25\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 56324 25\r\n',
    'PROXY UNKNOWN\n',
    `PROXY UNKNOWN ${'f'.repeat(V1_OCTETS - 15)}\r\n`,
    'EHLO x\r\n',
    'P ',
    '\r\nPROXY UNKNOWN\r\n',
    '\0',
  ])('refused: %j', refused)
})

describe('version 2', () => {
  test('IPv4, IPv6, with and without TLVs', () => {
    reads(v2(0x21, 0x11, v4Body), '192.0.2.7')
    reads(v2(0x21, 0x21, v6Body), '2001:db8::7')
    reads(v2(0x21, 0x11, Buffer.concat([v4Body, Buffer.alloc(500, 7)])), '192.0.2.7')
    const mapped = Buffer.concat([Buffer.from('00000000000000000000ffffc0000207', 'hex'), v6Body.subarray(16)])
    reads(v2(0x21, 0x21, mapped), '192.0.2.7')
  })
  test('LOCAL, unspecified and the file system: nobody is named', () => {
    reads(v2(0x20, 0x00, Buffer.alloc(0)), null)
    reads(v2(0x20, 0x11, v4Body), null)
    reads(v2(0x21, 0x00, Buffer.alloc(30)), null)
    reads(v2(0x21, 0x31, Buffer.alloc(216)), null)
  })
  test('refused as soon as it is certain', () => {
    refused(v2(0x22, 0x11, v4Body))
    refused(v2(0x11, 0x11, v4Body))
    refused(v2(0x21, 0x12, v4Body))
    refused(v2(0x21, 0x41, v4Body))
    refused(v2(0x21, 0x11, v4Body.subarray(1)))
    refused(v2(0x21, 0x21, v4Body))
    refused(v2(0x21, 0x31, v4Body))
    refused(v2(0x21, 0x11, Buffer.alloc(V2_OCTETS - 15)).subarray(0, 16))
    refused(Buffer.concat([start.subarray(0, 5), Buffer.from('x')]))
    expect(parseProxyHeader(v2(0x21, 0x11, Buffer.concat([v4Body, Buffer.alloc(V2_OCTETS - 28)])))?.length).toBe(
      V2_OCTETS,
    )
  })
})

test('fuzz: total, bounded, and an answer once given does not change with what follows', () => {
  const piece = fc.oneof(
    fc.constantFrom('PROXY ', 'TCP4 ', 'TCP6 ', 'UNKNOWN', ' ', '\r\n', '\n', '192.0.2.7 ', '::1 ', '25', '65535 '),
    fc.constantFrom(start.toString('latin1'), '\x21\x11\0\x0c', '\x20\0\0\0', '\x21\x21\0\x24', '\0'.repeat(36)),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.nat(V2_OCTETS).map((n) => 'x'.repeat(n)),
  )
  const outcome = (bytes: Buffer): unknown => {
    try {
      return parseProxyHeader(bytes)
    } catch (error) {
      if (error instanceof ProxyHeaderError) return 'refused'
      throw error
    }
  }
  let headers = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.nat(), (parts, at) => {
      const bytes = Buffer.from(parts.join(''), 'latin1')
      const early = outcome(bytes.subarray(0, at % (bytes.length + 1)))
      const all = outcome(bytes)
      if (early !== null) expect(all).toEqual(early)
      if (all === null) expect(bytes.length).toBeLessThan(V2_OCTETS)
      else if (all !== 'refused') headers++
    }),
    { numRuns: 20_000 },
  )
  expect(headers).toBeGreaterThan(50)
})
