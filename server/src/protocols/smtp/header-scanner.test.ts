import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { displayText } from '../mime/words.ts'
import { createHeaderScanner, type HeaderFacts } from './header-scanner.ts'

function scan(chunks: readonly (string | Buffer)[], limit?: number): HeaderFacts {
  const scanner = createHeaderScanner(limit)
  for (const chunk of chunks) if (scanner.write(Buffer.from(chunk as string))) break
  return scanner.finish()
}

const message = [
  'Received: from a by b; Mon, 2 Nov 2026 08:00:00 +0000',
  'Received: from c',
  '\tby d',
  'holdfast-trace: one',
  'From: =?UTF-8?Q?Anna_M=C3=BCller?= <anna@example.org>',
  'SUBJECT: =?utf-8?B?R3LDvA==?=',
  ' =?utf-8?B?w59l?=',
  'Subject: second',
  'Message-ID:  <1@example.org>',
  'In-Reply-To: <0@example.org> and more',
  'References: <a@x> <b@x>',
  ' <0@example.org>',
  'Date: Mon, 2 Nov 2026 09:30:00 +0100 (CET)',
  'Holdfast-Trace: two',
  '',
  'Subject: in the body',
  'Received: in the body',
  '',
].join('\r\n')

describe('RFC 5322 section 3.6: the facts of a header', () => {
  const expected: Partial<HeaderFacts> = {
    from: 'Anna Müller <anna@example.org>',
    fromAddress: 'anna@example.org',
    subject: 'Grüße',
    messageId: '<1@example.org>',
    inReplyTo: '<0@example.org>',
    references: ['<a@x>', '<b@x>', '<0@example.org>'],
    date: Date.UTC(2026, 10, 2, 8, 30),
    received: 2,
    traces: ['one', 'two'],
    complete: true,
    size: message.indexOf('\r\n\r\n') + 4,
  }
  test('in one piece', () => expect(scan([message])).toMatchObject(expected))
  test('cut anywhere', () => {
    for (let i = 0; i <= message.length; i++)
      expect(scan([message.slice(0, i), message.slice(i)])).toMatchObject(expected)
    expect(scan(Array.from(message))).toMatchObject(expected)
  })
  test('nothing there', () => {
    const nothing = {
      from: null,
      fromAddress: null,
      subject: null,
      messageId: null,
      inReplyTo: null,
      references: [],
      date: null,
      priority: null,
      received: 0,
      traces: [],
      tlsOptional: false,
      eightbit: false,
    }
    expect(scan([])).toEqual({ ...nothing, size: 0, complete: true })
    expect(scan(['\r\nSubject: body'])).toEqual({ ...nothing, size: 2, complete: true })
    expect(scan(['Subject:\r\nDate: yesterday\r\nMessage-ID:\r\n\r\n'])).toMatchObject({
      subject: '',
      date: null,
      messageId: null,
    })
  })
  test.each([
    ['Importance: High', 'high'],
    ['X-Priority: 1 (Highest)', 'high'],
    ['X-Priority: 2', 'high'],
    ['Priority: urgent', 'high'],
    ['priority:\r\n non-urgent', 'low'],
    ['X-Priority: 5 (Lowest)', 'low'],
    ['Importance: low', 'low'],
    ['X-Priority: 3 (Normal)', null],
    ['Importance: normal\r\nX-Priority: 1', 'high'],
    ['Importance: ', null],
    ['X-Importance: high', null],
  ])('priority: %s', (field, priority) => expect(scan([`${field}\r\n\r\n`]).priority).toBe(priority))
  test('no empty line: all is header', () => {
    expect(scan(['Subject: x\r\n'])).toMatchObject({ subject: 'x', complete: true })
  })
  test('beyond the limit only the beginning counts, and it says so', () => {
    const long = 'Subject: x\r\n' + 'X: y\r\n'.repeat(100) + 'From: a@b\r\n\r\n'
    expect(scan([long], 100)).toMatchObject({ subject: 'x', from: null, complete: false, size: 100 })
    expect(scan(Array.from(long), 100)).toMatchObject({ subject: 'x', from: null, complete: false })
  })
  test('a message-id without brackets is kept', () => {
    expect(scan(['Message-ID: odd id\r\n\r\n']).messageId).toBe('odd id')
  })
  test.each([
    ['anna@example.org', 'anna@example.org'],
    ['"Fake <evil@x>" <anna@example.org>', 'anna@example.org'],
    ['Anna <anna@example.org>, Ben <ben@example.org>', 'anna@example.org'],
    ['anna@example.org (Anna)', 'anna@example.org'],
    ['müller@bücher.example', 'müller@bücher.example'],
    ['nobody', null],
    ['', null],
  ])('address of From: %s', (value, address) => {
    expect(scan([`From: ${value}\r\n\r\n`]).fromAddress).toBe(address)
  })
})

test('what turns the direction of text around is not in what lists show, and is seen beside an address', () => {
  const facts = scan([
    'From: Bo\u202ess <boss\u2066@corp.test>\r\nSubject: =?utf-8?q?inv=E2=80=AEfdp.exe?=\u200f\r\n\r\n',
  ])
  expect(facts).toMatchObject({ from: 'Bo\ufffdss <boss\ufffd@corp.test>', subject: 'invfdp.exe' })
})

describe('RFC 2047: text for display', () => {
  const shown = (text: string): string => displayText(Buffer.from(text).toString('latin1'), 100)
  test.each([
    ['plain', 'plain'],
    ['=?iso-8859-1?q?caf=E9_noir?=', 'café noir'],
    ['=?utf-8?B?w?= =?utf-8?B?7w=?=', expect.any(String) as string],
    ['a =?utf-8?q?b?= =?utf-8?q?c?= d', 'a bc d'],
    ['=?utf-8?q?=C3?= =?utf-8?q?=BC?=', 'ü'],
    ['=?utf-8*de?q?=C3=BC?=', 'ü'],
    ['=?x-unknown?q?abc?=', 'abc'],
    ['=?utf-8?x?abc?=', '=?utf-8?x?abc?='],
    ['=?utf-8?q?a=00b=0D=0ABcc:?=', 'a b Bcc:'],
    ['raw ü', 'raw ü'],
    ['=?gb2312?B?1tDOxA==?=', '中文'],
  ])('%s', (text, expected) => expect(shown(text)).toEqual(expected))
  test('raw bytes that are not UTF-8', () => expect(displayText('caf\xe9', 100)).toBe('café'))
  test('bounded, and never half a character', () => {
    expect(shown('=?utf-8?q?' + '=F0=9F=98=80'.repeat(60) + '?=').length).toBeLessThanOrEqual(100)
    expect(displayText(Buffer.from('a' + '😀'.repeat(60)).toString('latin1'), 10)).toMatch(/^a(?:😀)*\ufffd?$/u)
  })
})

test('fuzz: any bytes give facts that a database takes', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'From:',
      'Subject:',
      'Date:',
      'Received:',
      'Message-ID:',
      'References:',
      '\r\n',
      '\r\n ',
      '=?',
      '?=',
      '?q?',
      '?b?',
      'utf-8',
      '=C3',
      '<a@b>',
      '"',
      '(',
      '\0',
      '\r',
      '\n',
      ' ',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 15 }), { maxLength: 5 }), fc.boolean(), (chunks, latin) => {
      const facts = scan(
        chunks.map((chunk) => Buffer.from(chunk.join(''), latin ? 'latin1' : 'utf8')),
        500,
      )
      for (const text of [
        facts.from,
        facts.subject,
        facts.messageId,
        facts.inReplyTo,
        facts.fromAddress,
        ...facts.references,
        ...facts.traces,
      ]) {
        if (text === null) continue
        expect(text).not.toMatch(/[\0\r\n]/)
        expect(Buffer.from(text).toString()).toBe(text)
        expect(text.length).toBeLessThanOrEqual(1000)
      }
    }),
    { numRuns: 10_000 },
  )
})

test('hostile headers take linear time', () => {
  const start = performance.now()
  for (const unit of ['From: "', 'References: <', '=?utf-8?q?', 'Subject:\r\n ', '\r\n ', 'From: a@b,', '(', '<a@'])
    scan(['From: ' + unit.repeat(Math.floor(250_000 / unit.length)) + '\r\n\r\n', 'x'])
  expect(performance.now() - start).toBeLessThan(3000)
})

test('octet by octet: the same facts, and not a buffer for each octet', () => {
  const header = Buffer.from(`Subject: ${'x'.repeat(50_000)}\r\nMessage-ID: <a@b>\r\n\r\n`)
  const scanner = createHeaderScanner()
  // what is kept counts, not what the collector has not come to yet
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const before = process.memoryUsage()
  let done = false
  for (const octet of header) done = scanner.write(Buffer.from([octet]))
  collect()
  const after = process.memoryUsage()
  expect(done).toBe(true)
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(header.length * 60)
  expect(scanner.finish()).toMatchObject({ messageId: '<a@b>', complete: true, size: header.length })
})

test.each([
  ['TLS-Required: No', true],
  ['tls-required:\r\n no ', true],
  ['TLS-Required: Yes', false],
  ['X-TLS-Required: No', false],
  ['TLS-Required: Yes\r\nTLS-Required: No', false],
])('%j: TLS is optional (RFC 8689 section 5): %s', (header, optional) => {
  expect(scan([`${header}\r\n\r\nTLS-Required: No\r\n`]).tlsOptional).toBe(optional)
})
