/** Reading messages: structure, headers, contents, previews; and that hostile input stays bounded and never throws. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  arrangeParts,
  bodyLists,
  buildMessage,
  createStructureParser,
  dateText,
  decodeCharset,
  decodeTransfer,
  findPart,
  hasAttachment,
  headerMessageIds,
  headerText,
  htmlToText,
  leafParts,
  newPart,
  parseAddresses,
  parseDate,
  parseGroups,
  parseStructure,
  parseStructured,
  previewOf,
  removeFields,
  transferDecoder,
  type MimePart,
} from './index.ts'

const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'))
const content = (bytes: Buffer, part: MimePart): Buffer =>
  decodeTransfer(bytes.subarray(part.offset, part.offset + part.length), part.encoding)

const SAMPLE = crlf(`From: a@b.test
Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

gr=C3=BCn =
weiter

--inner
Content-Type: text/html

<p>gr&uuml;n</p>
--inner--
--outer
Content-Type: image/png; name*=UTF-8''%C3%BC.png
Content-Disposition: attachment
Content-Transfer-Encoding: base64
Content-ID: <one@two>

aGVsbG8g
d29ybGQ=
--outer--
epilogue
`)

test('structure, offsets, sizes and contents', () => {
  const { root, headerLength, size, truncated } = parseStructure(SAMPLE)
  expect(truncated).toBe(false)
  expect(size).toBe(SAMPLE.length)
  expect(SAMPLE.subarray(headerLength).toString().startsWith('preamble')).toBe(true)
  expect(leafParts(root).map(({ partId, type, size: n }) => [partId, type, n])).toEqual([
    ['1.1', 'text/plain', 14],
    ['1.2', 'text/html', 16],
    ['2', 'image/png', 11],
  ])
  expect(content(SAMPLE, findPart(root, '1.1')!).toString()).toBe('grün weiter\r\n')
  expect(content(SAMPLE, findPart(root, '2')!).toString()).toBe('hello world')
  expect(findPart(root, '2')).toMatchObject({ name: 'ü.png', cid: 'one@two', disposition: 'attachment' })
  const lists = bodyLists(root)
  expect([lists.textBody, lists.htmlBody, lists.attachments].map((list) => list.map(({ partId }) => partId))).toEqual([
    ['1.1'],
    ['1.2'],
    ['2'],
  ])
  expect(hasAttachment(lists)).toBe(true)
})

test('chunks make no difference', () => {
  const whole = parseStructure(SAMPLE)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }), (sizes) => {
      const parser = createStructureParser()
      let at = 0
      for (let i = 0; at < SAMPLE.length; i++) {
        const next = at + sizes[i % sizes.length]!
        parser.push(SAMPLE.subarray(at, next))
        at = next
      }
      expect(parser.finish()).toEqual(whole)
    }),
  )
})

test('any bytes give a bounded structure whose parts lie inside the message', () => {
  const line = fc.constantFrom(
    '--a',
    '--a--',
    '--b',
    'Content-Type: multipart/mixed; boundary=a',
    'Content-Type: multipart/digest; boundary="b"',
    '',
    ' folded',
    'Content-Transfer-Encoding: base64',
    'Content-Transfer-Encoding: quoted-printable',
    '=\u00e4=3',
    'QUJD=',
    'x: \u0000',
    '--',
    ':',
    '\r',
  )
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }).map((b) => Buffer.from(b)),
    fc.array(line, { maxLength: 120 }).map((lines) => Buffer.from(lines.join('\r\n'))),
  )
  fc.assert(
    fc.property(hostile, (bytes) => {
      const { root, size } = parseStructure(bytes)
      expect(size).toBe(bytes.length)
      for (const part of leafParts(root)) {
        expect(part.offset).toBeGreaterThanOrEqual(0)
        expect(part.offset + part.length).toBeLessThanOrEqual(bytes.length)
        expect(content(bytes, part).length).toBe(part.size)
      }
      const lists = bodyLists(root)
      for (const part of lists.textBody) decodeCharset(content(bytes, part), part.charset)
    }),
    { numRuns: 2000 },
  )
})

test('a thousand nested parts, ten thousand parts, a 10 MB header line: bounded, marked, quick', () => {
  let nested = ''
  for (let i = 0; i < 1000; i++) nested += `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`
  const start = performance.now()
  const deep = parseStructure(Buffer.from(`${nested}Content-Type: text/plain\r\n\r\nhello\r\n`))
  expect(deep.truncated).toBe(true)
  let depth = 0
  for (let at = deep.root; at.subParts[0]; at = at.subParts[0]) depth++
  expect(depth).toBe(50)
  // what lies deeper can be read as it stands, and says that it was not taken apart
  const [shown] = bodyLists(deep.root).textBody
  expect(shown).toMatchObject({ type: 'text/plain', isCut: true })
  const many = parseStructure(
    Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(10_000)}`),
  )
  expect(many.truncated).toBe(true)
  expect(leafParts(many.root)).toHaveLength(999)
  expect(leafParts(many.root).filter(({ isCut }) => isCut)).toEqual([leafParts(many.root).at(-1)])
  const long = parseStructure(
    Buffer.concat([Buffer.from('Subject: '), Buffer.alloc(10_000_000, 'a'), Buffer.from('\r\nFrom: x@y\r\n\r\nbody')]),
  )
  expect(long.truncated).toBe(true)
  expect(performance.now() - start).toBeLessThan(3000)
})

test('transfer encodings: chunked equals whole, and round trips', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.integer({ min: 1, max: 30 }), (raw, step) => {
      const bytes = Buffer.from(raw)
      expect(
        decodeTransfer(Buffer.from(bytes.toString('base64').replace(/(.{10})/g, '$1\r\n')), 'base64').equals(bytes),
      ).toBe(true)
      const quoted = Buffer.from(
        [...bytes]
          .map((c) => `=${c.toString(16).padStart(2, '0').toUpperCase()}`)
          .join('')
          .replace(/(.{60})/g, '$1=\r\n'),
      )
      expect(decodeTransfer(quoted, 'quoted-printable').equals(bytes)).toBe(true)
      for (const encoding of ['base64', 'quoted-printable'] as const) {
        const decoder = transferDecoder(encoding)
        const out: Buffer[] = []
        for (let at = 0; at < bytes.length; at += step)
          out.push(Buffer.from(decoder.push(bytes.subarray(at, at + step))))
        out.push(decoder.finish())
        expect(Buffer.concat(out).equals(decodeTransfer(bytes, encoding))).toBe(true)
      }
    }),
  )
})

test('encoded words (RFC 2047 section 8)', () => {
  for (const [raw, text] of [
    ['=?ISO-8859-1?Q?a?=', 'a'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?utf-8?B?w4Q=?= x =?utf-8?Q?=C3?= =?utf-8?Q?=A4?=', 'Ä x ä'],
    ['=?windows-1251?Q?=CF=F0=E8?=', 'При'],
    ['=?nonsense?Q?=41?=', 'A'],
    ['plain =? not ?= a word', 'plain =? not ?= a word'],
    ['vor =?utf-8?Q?=C3=A4?=', 'vor ä'],
  ] as const)
    expect(headerText(raw)).toBe(text)
})

test('addresses (RFC 5322 appendix A) and what mailers make of them', () => {
  for (const [raw, list] of [
    ['"Joe Q. Public" <john.q.public@example.com>', [['Joe Q. Public', 'john.q.public@example.com']]],
    [
      'Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>',
      [
        ['Mary Smith', 'mary@x.test'],
        [null, 'jdoe@example.org'],
        ['Who?', 'one@y.test'],
      ],
    ],
    ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', [['Pete', 'pete@silly.test']]],
    ['jdoe@one.test (John Doe)', [['John Doe', 'jdoe@one.test']]],
    ['=?utf-8?Q?M=C3=BCller=2C_Eva?= <eva@x.test>', [['Müller, Eva', 'eva@x.test']]],
    ['"quoted local"@x.test', [[null, '"quoted local"@x.test']]],
    ['<@route.test:real@x.test>', [[null, 'real@x.test']]],
    ['undisclosed-recipients:;', []],
    ['', []],
    [', ,', []],
  ] as const)
    expect(parseAddresses(raw).map(({ name, email }) => [name, email])).toEqual(list)
  expect(parseGroups('A Group(Some people) :Chris <c@x.test>, joe@x.test; last@x.test')).toEqual([
    {
      name: 'A Group',
      addresses: [
        { name: 'Chris', email: 'c@x.test' },
        { name: null, email: 'joe@x.test' },
      ],
    },
    { name: null, addresses: [{ name: null, email: 'last@x.test' }] },
  ])
})

test('dates, ids and parameters', () => {
  expect(dateText(parseDate('Fri, 21 Nov 1997 09:55:06 -0600')!)).toBe('1997-11-21T09:55:06-06:00')
  expect(dateText(parseDate('21 Nov 97 09:55:06 GMT')!)).toBe('1997-11-21T09:55:06Z')
  expect(parseDate('yesterday')).toBeNull()
  expect(headerMessageIds(' <a@b>\r\n\t<c@d>')).toEqual(['a@b', 'c@d'])
  expect(headerMessageIds('none')).toBeNull()
  const { value, params } = parseStructured(
    `message/external-body; access-type=URL; URL*0="ftp://";\r\n URL*1="cs.utk.edu/x"; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn't it!"`,
  )
  expect(value).toBe('message/external-body')
  expect(params.get('url')).toBe('ftp://cs.utk.edu/x')
  expect(params.get('title')).toBe("This is even more ***fun*** isn't it!")
})

test('header values of any text never throw and stay linear', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc
          .array(
            fc.constantFrom(
              '=?utf-8?Q?',
              '?=',
              '"',
              '\\',
              '(',
              ')',
              '<',
              '>',
              ',',
              ';',
              ':',
              '*0*=',
              "''",
              '%41',
              '\r\n ',
              'a@b',
            ),
            { maxLength: 80 },
          )
          .map((parts) => parts.join('')),
      ),
      (text) => {
        headerText(text)
        parseAddresses(text)
        parseStructured(text)
        parseDate(text)
        headerMessageIds(text)
        htmlToText(text)
        previewOf(text)
      },
    ),
    { numRuns: 2000 },
  )
  const start = performance.now()
  for (const bomb of [
    '('.repeat(200_000),
    '"'.repeat(200_000),
    '<'.repeat(200_000),
    '=?a?Q?'.repeat(50_000),
    'a:'.repeat(100_000),
    '\\'.repeat(200_000),
  ]) {
    headerText(bomb)
    parseAddresses(bomb)
    parseStructured(bomb)
    htmlToText(bomb)
  }
  expect(performance.now() - start).toBeLessThan(3000)
})

test('text of HTML and previews', () => {
  expect(
    htmlToText(
      '<html><head><title>t</title><style>p{}</style></head><body><p>a&amp;b &#228;</p><script>alert(1)</script><!-- x --><div>c</div></body>',
    ),
  ).toBe('a&b ä\n\nc'.replace('\n\n', '\n\n'))
  expect(previewOf('> quoted\nmine\n-- \nsignature')).toBe('mine')
  expect(previewOf('x'.repeat(1000))).toHaveLength(256)
  expect(previewOf('a'.repeat(255) + '😀'.repeat(3)).isWellFormed()).toBe(true)
})

test('a built message is read back as it was meant; nothing in it starts a header', async () => {
  const bytes = await buildMessage({
    from: [{ name: 'Ä "Q", X', email: 'a@b.test' }],
    sender: [],
    replyTo: [],
    to: [{ name: null, email: 'ü@exämple.test' }],
    cc: [],
    bcc: [{ name: null, email: 'secret@x.test' }],
    subject: `Größe\r\nX-Injected: yes`,
    date: new Date(Date.UTC(2026, 10, 2, 8)),
    messageId: 'id@b.test',
    inReplyTo: ['p@x'],
    references: Array.from({ length: 40 }, (_, i) => `reference-${i}@example.test`),
    headers: [{ name: 'X-Own', value: 'grün\r\nX-Evil: 1' }],
    body: arrangeParts({
      text: newPart('text/plain', { content: 'Zeile\n.\nFrom x äöü' }),
      html: newPart('text/html', { content: '<img src="cid:c1">' }),
      inline: [newPart('image/png', { content: Buffer.from([0, 1, 2, 255]), cid: 'c1', disposition: 'inline' })],
      attachments: [
        newPart('application/pdf', { content: Buffer.alloc(1000, 7), name: 'Ü"x.pdf', disposition: 'attachment' }),
      ],
    }),
  })
  const { root } = parseStructure(bytes)
  const names = root.headers.map(({ name }) => name.toLowerCase())
  expect(names).not.toContain('x-injected')
  expect(names).not.toContain('x-evil')
  expect(names).toContain('bcc')
  const raw = (name: string): string => root.headers.find((field) => field.name.toLowerCase() === name)!.raw
  expect(parseAddresses(raw('from'))).toEqual([{ name: 'Ä "Q", X', email: 'a@b.test' }])
  expect(headerMessageIds(raw('references'))).toHaveLength(40)
  expect(headerMessageIds(raw('message-id'))).toEqual(['id@b.test'])
  expect(dateText(parseDate(raw('date'))!)).toBe('2026-11-02T08:00:00Z')
  const lists = bodyLists(root)
  expect(lists.attachments.map(({ type, name, cid }) => [type, name, cid])).toEqual([
    ['image/png', null, 'c1'],
    ['application/pdf', 'Ü"x.pdf', null],
  ])
  expect(content(bytes, lists.textBody[0]!).toString().replace(/\r\n/g, '\n').trim()).toBe('Zeile\n.\nFrom x äöü')
  expect(content(bytes, lists.attachments[1]!).equals(Buffer.alloc(1000, 7))).toBe(true)
  expect(bytes.includes('\r\n') && !/[^\r]\n/.test(bytes.toString('latin1'))).toBe(true)
  const sent = removeFields(bytes, (name) => name === 'bcc')
  expect(sent.toString()).not.toContain('secret@x.test')
  expect(sent.length).toBe(bytes.length - Buffer.byteLength('Bcc: secret@x.test\r\n'))
})
