import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../platform/errors.ts'
import { formatCapabilities, parseCapabilities } from './ehlo.ts'
import { createReplyReader, formatError, formatReply, ReplyFormatError, type Reply } from './reply.ts'

const read = (text: string): Reply[] => createReplyReader().read(Buffer.from(text))

describe('RFC 5321 section 4.2, RFC 2034, RFC 3463: replies written', () => {
  test('one line, many lines, enhanced codes (RFC 2034)', () => {
    expect(formatReply(250, '2.0.0', 'Ok')).toBe('250 2.0.0 Ok\r\n')
    expect(formatReply(250, null, ['mx.example', 'SIZE 1', 'DSN'])).toBe('250-mx.example\r\n250-SIZE 1\r\n250 DSN\r\n')
    expect(formatReply(550, '5.1.1', ['a', 'b'])).toBe('550-5.1.1 a\r\n550 5.1.1 b\r\n')
  })
  test('text never leaves its line', () => {
    expect(formatReply(250, null, 'a\r\n250 evil\u0000ü')).toBe('250 a??250 evil??\r\n')
    expect(formatError(new WireError('unknown-recipient', 'a\r\nb'))).toBe(
      '550 5.1.1 There is nobody with this address here: a??b\r\n',
    )
  })
  test('long text is folded below 512 octets a line', () => {
    const text = formatReply(550, '5.1.1', 'word '.repeat(300))
    for (const line of text.split('\r\n')) expect(line.length).toBeLessThanOrEqual(510)
    expect(
      text
        .replace(/550[- ]5\.1\.1 /g, '')
        .replace(/\r\n/g, ' ')
        .trim(),
    ).toBe('word '.repeat(300).trim())
  })
  test('fuzz: always readable again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const [reply, ...more] = read(formatReply(451, '4.3.0', text))
        expect(more).toEqual([])
        expect(reply).toMatchObject({ code: 451, enhanced: '4.3.0' })
      }),
    )
  })
})

describe('replies read', () => {
  test('single, multi-line, without text, LF only', () => {
    expect(read('250 Ok\r\n')).toEqual([{ code: 250, enhanced: null, lines: ['Ok'] }])
    expect(read('250-a\r\n250 b\r\n354\r\n')).toEqual([
      { code: 250, enhanced: null, lines: ['a', 'b'] },
      { code: 354, enhanced: null, lines: [''] },
    ])
    expect(read('550-5.1.1 no\r\n550 5.1.1 body\r\n')).toEqual([
      { code: 550, enhanced: '5.1.1', lines: ['no', 'body'] },
    ])
    expect(read('220 x\n')).toHaveLength(1)
    expect(read('250 2.0.0\r\n')).toEqual([{ code: 250, enhanced: '2.0.0', lines: [''] }])
  })
  test('an enhanced code of another class is text', () => {
    expect(read('250 5.1.1 odd\r\n')).toEqual([{ code: 250, enhanced: null, lines: ['5.1.1 odd'] }])
  })
  test('the last code of a mixed reply counts', () => {
    expect(read('250-a\r\n451 b\r\n')[0]?.code).toBe(451)
  })
  test('in pieces', () => {
    const reader = createReplyReader()
    const all = Array.from('250-a\r\n250 b\r\n', (char) => reader.read(Buffer.from(char))).flat()
    expect(all).toEqual([{ code: 250, enhanced: null, lines: ['a', 'b'] }])
    expect(reader.pending).toBe(false)
    reader.read(Buffer.from('250-a\r\n'))
    expect(reader.pending).toBe(true)
  })
  test.each(['HTTP/1.1 200 OK\r\n', '99 x\r\n', '650 x\r\n', '2500\r\n', '\r\n', '250_x\r\n'])(
    '%j is no reply',
    (text) => {
      expect(() => read(text)).toThrow(ReplyFormatError)
    },
  )
  test('limits', () => {
    expect(() => read('250 ' + 'x'.repeat(5000))).toThrow('too long')
    expect(() => read('250-x\r\n'.repeat(201))).toThrow('too many lines')
  })
  test('fuzz: replies or a ReplyFormatError', () => {
    const piece = fc.oneof(
      fc.constantFrom('250', '-', ' ', '\r\n', '\n', '\r', '5.1.1', '354'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    )
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 10 }), { maxLength: 5 }), (chunks) => {
        const reader = createReplyReader({ lineOctets: 50, lines: 5 })
        try {
          for (const chunk of chunks)
            for (const reply of reader.read(Buffer.from(chunk.join('')))) {
              expect(reply.code).toBeGreaterThanOrEqual(200)
              expect(reply.code).toBeLessThan(600)
            }
        } catch (error) {
          expect(error).toBeInstanceOf(ReplyFormatError)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('RFC 5321 section 4.1.1.1: capabilities', () => {
  test('what we offer is what we read', () => {
    const offered = parseCapabilities(['mx', ...formatCapabilities({ size: 1000, startTls: true, recipients: 7 })])
    expect(offered).toMatchObject({
      size: 1000,
      pipelining: true,
      eightBitMime: true,
      smtputf8: true,
      dsn: true,
      startTls: true,
      enhancedStatusCodes: true,
      chunking: true,
      auth: [],
    })
    expect(parseCapabilities(['mx', ...formatCapabilities({ size: 0, startTls: false, recipients: 7 })]).startTls).toBe(
      false,
    )
  })
  test('what others offer', () => {
    const offered = parseCapabilities(['mx', 'size', 'auth PLAIN login', 'AUTH=PLAIN', 'X-ODD a b', '!!!', 'chunking'])
    expect(offered).toMatchObject({ size: 0, auth: ['PLAIN', 'LOGIN'], chunking: true, pipelining: false })
    expect(offered.all.get('X-ODD')).toBe('a b')
    expect(parseCapabilities([]).size).toBeNull()
    expect(parseCapabilities(['PIPELINING']).pipelining).toBe(false)
  })
})
