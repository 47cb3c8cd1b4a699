import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Notify } from '../../platform/codes.ts'
import { WireError, type ErrorCode } from '../../platform/errors.ts'
import { parseBdat, parseCommandLine, parseHelo, parseMail, parseRcpt } from './command.ts'
import { decodeOrcpt, decodeXtext, encodeOrcpt, encodeXtext } from './xtext.ts'

function codeOf(run: () => unknown): ErrorCode | 'fine' {
  try {
    run()
    return 'fine'
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

describe('RFC 5321 section 2.4: the line', () => {
  test('verbs have no case, white space around arguments is dropped', () => {
    expect(parseCommandLine(Buffer.from('mAiL  FROM:<a@b>  '))).toEqual({ verb: 'MAIL', rest: 'FROM:<a@b>' })
    expect(parseCommandLine(Buffer.from('QUIT'))).toEqual({ verb: 'QUIT', rest: '' })
    expect(parseCommandLine(Buffer.from('NOOP\tx'))).toEqual({ verb: 'NOOP', rest: 'x' })
    expect(parseCommandLine(Buffer.from('RCPT TO:<ü@b>'))).toEqual({ verb: 'RCPT', rest: 'TO:<ü@b>' })
  })
  test.each(['', ' QUIT', '123', 'MAIL\0FROM', 'MA\rIL', 'QUIT\u007f', '\u0000', 'M-AIL'])('refuses %j', (line) => {
    expect(codeOf(() => parseCommandLine(Buffer.from(line)))).toBe('syntax')
  })
  test('refuses what is not UTF-8', () => {
    expect(codeOf(() => parseCommandLine(Buffer.from([0x4e, 0x4f, 0x4f, 0x50, 0x20, 0xc3])))).toBe('syntax')
  })
})

describe('RFC 5321 section 4.1.1.1: HELO', () => {
  test.each(['client.example', '[192.0.2.1]', '[IPv6:2001:db8::1]', 'host_1', 'printer@office'])('takes %s', (name) => {
    expect(parseHelo(name)).toBe(name)
  })
  test.each(['', 'two words', 'a\tb', 'ü', 'a'.repeat(256)])('refuses %j', (name) => {
    expect(codeOf(() => parseHelo(name))).toBe('syntax-arguments')
  })
})

describe('RFC 5321 section 4.1.1.2: MAIL, with RFC 1870, RFC 6152, RFC 6531, RFC 3461', () => {
  test('all parameters', () => {
    const mail = parseMail('FROM:<a@b.example> SIZE=1000 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B1')
    expect(mail).toEqual({
      from: expect.objectContaining({ text: 'a@b.example' }),
      size: 1000,
      body: '8BITMIME',
      smtputf8: true,
      ret: 'HDRS',
      envid: 'QQ+1',
    })
  })
  test('the null sender, lower case, a space after the colon', () => {
    expect(parseMail('from:<>').from).toBeNull()
    expect(parseMail('FROM: <a@b.example>').from?.text).toBe('a@b.example')
  })
  test.each<[string, ErrorCode]>([
    ['', 'syntax-arguments'],
    ['TO:<a@b>', 'syntax-arguments'],
    ['FROM:', 'address-syntax-sender'],
    ['FROM:<a@b', 'address-syntax-sender'],
    ['FROM:<postmaster>', 'address-syntax-sender'],
    ['FROM:<a@b>SIZE=1', 'syntax-arguments'],
    ['FROM:<a@b> SIZE=x', 'syntax-arguments'],
    ['FROM:<a@b> SIZE', 'syntax-arguments'],
    ['FROM:<a@b> SIZE=-1', 'syntax-arguments'],
    ['FROM:<a@b> SIZE=1 SIZE=1', 'syntax-arguments'],
    ['FROM:<a@b> BODY=BINARYMIME', 'syntax-arguments'],
    ['FROM:<a@b> SMTPUTF8=1', 'syntax-arguments'],
    ['FROM:<a@b> RET=ALL', 'syntax-arguments'],
    ['FROM:<a@b> ENVID=+0D+0A', 'syntax-arguments'],
    ['FROM:<a@b> ENVID=' + 'x'.repeat(101), 'syntax-arguments'],
    ['FROM:<a@b> =x', 'syntax-arguments'],
    ['FROM:<a@b> A=B=C', 'syntax-arguments'],
    ['FROM:<a@b> AUTH=<>', 'unknown-parameter'],
    ['FROM:<a@b> NOTIFY=NEVER', 'unknown-parameter'],
    ['FROM:<a@b> __proto__', 'syntax-arguments'],
    ['FROM:<a@b> CONSTRUCTOR', 'unknown-parameter'],
    ['FROM:<ü@b.example>', 'smtputf8-needed'],
  ])('%s → %s', (rest, code) => expect(codeOf(() => parseMail(rest))).toBe(code))
  test('SMTPUTF8 after a non-ASCII address', () => {
    expect(parseMail('FROM:<ü@b.example> SMTPUTF8').from?.text).toBe('ü@b.example')
  })
})

describe('RFC 5321 section 4.1.1.3: RCPT', () => {
  test('NOTIFY and ORCPT', () => {
    expect(parseRcpt('TO:<a@b.example> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bx@b.example', false)).toEqual({
      to: expect.objectContaining({ text: 'a@b.example' }),
      notify: Notify.success | Notify.delay,
      orcpt: 'rfc822;a+x@b.example',
    })
    expect(parseRcpt('TO:<a@b> NOTIFY=never', false).notify).toBe(Notify.never)
  })
  test.each<[string, ErrorCode]>([
    ['TO:<>', 'address-syntax-recipient'],
    ['TO:<a@b> NOTIFY=NEVER,DELAY', 'syntax-arguments'],
    ['TO:<a@b> NOTIFY=', 'syntax-arguments'],
    ['TO:<a@b> NOTIFY=TOSTRING', 'syntax-arguments'],
    ['TO:<a@b> NOTIFY', 'syntax-arguments'],
    ['TO:<a@b> ORCPT=a@b', 'syntax-arguments'],
    ['TO:<a@b> ORCPT=rfc822;', 'syntax-arguments'],
    ['TO:<a@b> ORCPT=rfc822;a+0D+0ABcc:x', 'syntax-arguments'],
    ['TO:<a@b> ORCPT=rfc822;' + 'a'.repeat(500), 'syntax-arguments'],
    ['TO:<a@b> SIZE=1', 'unknown-parameter'],
    ['TO:<ü@b.example>', 'smtputf8-needed'],
  ])('%s → %s', (rest, code) => expect(codeOf(() => parseRcpt(rest, false))).toBe(code))
})

describe('RFC 3461 section 4: xtext', () => {
  test('examples', () => {
    expect(decodeXtext('a+2Bb+3Dc')).toBe('a+b=c')
    expect(decodeXtext('a+2b')).toBeNull()
    expect(decodeXtext('a=b')).toBeNull()
    expect(decodeXtext('a b')).toBeNull()
    expect(decodeXtext('+00')).toBeNull()
  })
  test('RFC 6533: addresses of type utf-8', () => {
    expect(decodeOrcpt('utf-8;m\\x{FC}ller@b.example')).toBe('utf-8;müller@b.example')
    expect(decodeOrcpt('UTF-8;müller@b.example')).toBe('utf-8;müller@b.example')
    expect(decodeOrcpt('utf-8;\\x{D800}')).toBeNull()
    expect(decodeOrcpt('utf-8;\\x{110000}')).toBeNull()
    expect(decodeOrcpt('utf-8;\\x{0A}')).toBeNull()
    expect(decodeOrcpt('utf-8;a\\b')).toBeNull()
  })
  test('what is decoded encodes to the same', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))),
          minLength: 1,
        }),
        (text) => {
          expect(decodeXtext(encodeXtext(text))).toBe(text)
          expect(decodeOrcpt(encodeOrcpt(`rfc822;${text}`))).toBe(`rfc822;${text}`)
        },
      ),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const encoded = encodeOrcpt(`utf-8;${text}`)
        expect(encoded).toMatch(/^[!-~]*$/)
        const decoded = decodeOrcpt(encoded)
        if (decoded !== null) expect(decoded).toBe(`utf-8;${text}`)
      }),
    )
  })
})

test('fuzz: command lines give a value or a WireError', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'MAIL ',
      'RCPT ',
      'FROM:',
      'TO:',
      '<',
      '>',
      '@',
      'a',
      'b.example',
      ' ',
      'SIZE=',
      'NOTIFY=',
      'ORCPT=',
      'ENVID=',
      'utf-8;',
      '\\x{',
      '}',
      '+',
      '=',
      ',',
      '"',
      '\t',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (parts, utf8) => {
      const text = parts.join('')
      for (const run of [
        () => parseCommandLine(Buffer.from(text, 'latin1')),
        () => parseCommandLine(Buffer.from(text)),
        () => parseMail('FROM:<a@b.example> ' + text),
        () => parseRcpt('TO:<a@b.example> ' + text, utf8),
        () => parseMail(text),
        () => parseRcpt(text, utf8),
        () => parseHelo(text),
        () => parseBdat(text),
      ])
        codeOf(run)
    }),
    { numRuns: 10_000 },
  )
})
