/** What is converted decodes to the same, has seven bits, and does not depend on how it was cut; the rest is left alone. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStructureParser, leafParts, parseStructure } from './structure.ts'
import { base64Encoder, quotedPrintableEncoder } from './encoders.ts'
import { convertToSevenBit, planSevenBit } from './seven-bit.ts'
import { decodeTransfer } from './transfer.ts'

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return sorted.map((cut, i) => bytes.subarray(i === 0 ? 0 : sorted[i - 1]!, cut))
}

/** null: it goes as it came. */
function converted(bytes: Buffer, cuts: readonly number[] = [], without: Buffer | null = null): Buffer | null {
  const planner = planSevenBit()
  for (const piece of pieces(bytes, cuts)) planner.push(piece)
  const plan = planner.finish()
  if (plan === null) return null
  const converter = convertToSevenBit(plan, without)
  const out: Buffer[] = []
  for (const piece of pieces(bytes, cuts)) converter.push(piece, out)
  converter.finish(out)
  return Buffer.concat(out)
}
const asText = (text: string, cuts?: number[]): string | null =>
  converted(Buffer.from(text), cuts)?.toString('latin1') ?? null

/** Types and decoded contents of all leaves, those of messages within too. */
function contents(bytes: Buffer): string[] {
  return leafParts(parseStructure(bytes).root).flatMap((part) => {
    const decoded = decodeTransfer(bytes.subarray(part.offset, part.offset + part.length), part.encoding)
    if (part.type === 'message/rfc822' && part.encoding === 'identity') return ['message', ...contents(decoded)]
    return [`${part.type} ${part.charset} ${decoded.toString('base64')}`]
  })
}

test('text becomes quoted-printable, mostly foreign text base64, the label is put where it was', () => {
  const head =
    'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-After: 1\r\n\r\n'
  expect(asText(`${head}Caf\u00e9 = good \r\n.dot\r\n`)).toBe(
    `${head.replace('8bit', 'quoted-printable')}Caf=C3=A9 =3D good=20\r\n.dot\r\n`,
  )
  const greek = `${'\u03b1\u03b2\u03b3'.repeat(40)}\r\n`
  const base64 = asText(head + greek)!
  expect(base64).toContain('Content-Transfer-Encoding: base64\r\nX-After: 1\r\n\r\n')
  expect(base64.split('\r\n\r\n')[1]!.split('\r\n')[0]).toHaveLength(76)
  expect(contents(Buffer.from(base64, 'latin1'))).toEqual(contents(Buffer.from(head + greek)))
  // Without a word about MIME it gets one.
  expect(asText('Subject: x\r\n\r\na little \u00e9\r\n')).toBe(
    'Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na little =C3=A9\r\n',
  )
})

test('a part in base64 ends where its delimiter begins, a message with its own line end', () => {
  const multipart = (text: string, label = ''): string =>
    `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${label}\r\n${text}\r\n--b--\r\n`
  expect(asText(multipart('\u03b1\r\n\u03b2'))).toBe(
    multipart(Buffer.from('\u03b1\r\n\u03b2').toString('base64'), 'Content-Transfer-Encoding: base64\r\n'),
  )
  expect(asText('MIME-Version: 1.0\r\n\r\n\u03b1\r\n')).toBe(
    `MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('\u03b1\r\n').toString('base64')}\r\n`,
  )
})

const NESTED = [
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="a b"',
  'Content-Transfer-Encoding: 8bit',
  '',
  'pr\u00e9amble',
  '--a b',
  '',
  'seven bits \u2014 not',
  '--a b ',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: 8bit',
  '',
  'plain seven bits',
  '--inner',
  'Content-Type: text/html',
  '',
  '<p>\u00fcber</p>',
  '',
  '--inner--',
  '--a b',
  'Content-Type: message/rfc822',
  'Content-Transfer-Encoding: 8BIT',
  '',
  'Subject: within',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'a little na\u00efve',
  '--a b',
  'Content-Type: application/pdf',
  'Content-Transfer-Encoding: base64',
  '',
  'AAAA',
  '--a b--',
  'epilogue \u00e9',
  '',
].join('\r\n')

test('every part by itself, also in a message within; what shows nowhere is masked; labels say what is left', () => {
  const text = asText(NESTED)!
  expect(text).toMatch(/^[\0-\x7f]*$/)
  expect(contents(Buffer.from(text, 'latin1'))).toEqual(contents(Buffer.from(NESTED)))
  expect(text).toContain('pr??amble\r\n')
  expect(text).not.toMatch(/8bit/i)
  // A part that had seven bits is the same but for its label.
  expect(text).toContain('charset=iso-8859-1\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain seven bits\r\n--inner\r\n')
  expect(text).toContain('Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--a b--')
  expect(text).toContain(
    'Subject: within\r\nContent-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na little na=C3=AFve\r\n--a b\r\n',
  )
})

test.each<[string, string]>([
  ['seven bits', 'Content-Transfer-Encoding: 8bit\r\n\r\nplain\r\n'],
  ['a header beyond ASCII alone', 'Subject: \u00e9\r\n\r\nplain\r\n'],
  [
    'a signed part',
    'Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u00e9\r\n--b\r\n\r\nsignature\r\n--b--\r\n',
  ],
  ['another encoding', 'Content-Transfer-Encoding: x-uuencode\r\n\r\n\u00e9\r\n'],
  ['octets beyond quoted-printable', 'Content-Transfer-Encoding: quoted-printable\r\n\r\n\u00e9=20\r\n'],
  ['a part of a message', 'Content-Type: message/partial; id=x; number=1\r\n\r\nSubject: x\r\n\r\n\u00e9\r\n'],
  ['two types', 'Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n\u00e9\r\n'],
  ['two encodings', 'Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64\r\n\r\n\u00e9\r\n'],
  ['a multipart without parts', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n\u00e9\r\n'],
  ['a multipart without a boundary', 'Content-Type: multipart/mixed\r\n\r\n\u00e9\r\n'],
  [
    'too deep',
    `${Array.from({ length: 60 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`).join('')}\r\n\u00e9\r\n`,
  ],
  [
    'too many parts',
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n\u00e9\r\n'.repeat(1100)}--b--\r\n`,
  ],
  ['an endless header', `X: ${'y'.repeat(400_000)}\r\n\r\n\u00e9\r\n`],
])('left as it came: %s', (_, text) => {
  expect(asText(text)).toBeNull()
})

test('beside a signed part the others are converted, and no label promises more than is true', () => {
  const signed =
    'Content-Type: multipart/signed; boundary=s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--s\r\n\r\n\u00e9\r\n--s--\r\n'
  const text = asText(
    `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\n${signed}--b\r\n\r\na little \u00e9\r\n--b--\r\n`,
  )!
  expect(text).toContain(Buffer.from(signed).toString('latin1'))
  expect(text).toContain('Content-Transfer-Encoding: quoted-printable\r\n\r\na little =C3=A9\r\n--b--')
  expect(text.match(/8bit/g)).toHaveLength(2)
})

test('a field of the header is left out on demand', () => {
  const field = Buffer.from('X-Signature: a=1;\r\n\tb=2\r\n')
  const message = Buffer.concat([Buffer.from('From: a@b\r\n'), field, Buffer.from('Subject: x\r\n\r\n\u00e9\r\n')])
  expect(converted(message, [], field)!.toString()).toMatch(/^From: a@b\r\nSubject: x\r\nMIME/)
})

const line = fc.constantFrom(
  '', 'plain', 'caf\u00e9', ' ', 'blank \t', '=', '--b', '--b--', '--c', '--', '.', '\u03b1'.repeat(50), 'x'.repeat(200),
  'Content-Type: text/plain; charset=utf-8', 'Content-Type: multipart/mixed; boundary=b', 'Content-Type: multipart/digest; boundary=c',
  'Content-Type: message/rfc822', 'Content-Transfer-Encoding: 8bit', 'Content-Transfer-Encoding: base64', 'Subject: x', '\tfolded',
) // prettier-ignore

const bodyLine = fc.constantFrom(
  '',
  'plain',
  'caf\u00e9',
  'blank ',
  '\t',
  'a=b',
  '-- ',
  '.',
  '\u03b1'.repeat(60),
  'x'.repeat(90),
)
const leaf = (depth: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', '8bit', '7bit', 'Binary'),
      fc.array(bodyLine, { maxLength: 8 }),
      fc.constantFrom('text/plain', 'text/html', 'application/x'),
    )
    .map(
      ([label, lines, type]) =>
        `Content-Type: ${type}; charset=utf-8; d=${depth}\r\n${label && `Content-Transfer-Encoding: ${label}\r\n`}\r\n${lines.join('\r\n')}\r\n`,
    )
const entity = (depth: number): fc.Arbitrary<string> =>
  depth === 0
    ? leaf(depth)
    : fc.oneof(
        leaf(depth),
        entity(depth - 1).map((inner) => `Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n${inner}`),
        fc
          .tuple(
            fc.array(entity(depth - 1), { minLength: 1, maxLength: 4 }),
            fc.constantFrom('mixed', 'alternative', 'digest'),
            bodyLine,
          )
          .map(
            ([parts, kind, preamble]) =>
              `Content-Type: multipart/${kind}; boundary=b${depth}\r\n\r\n${preamble}\r\n${parts.map((part) => `--b${depth}\r\n${part}\r\n`).join('')}--b${depth}--\r\n`,
          ),
      )

test('what is decoded is the same, in seven bits, however deep', () => {
  let changed = 0
  fc.assert(
    fc.property(entity(3), fc.array(fc.nat(), { maxLength: 8 }), (text, cuts) => {
      const bytes = Buffer.from(`MIME-Version: 1.0\r\n${text}`)
      const out = converted(bytes, cuts)
      expect(out).toEqual(converted(bytes))
      if (out === null) {
        expect(/[^\0-\x7f]/.test(text)).toBe(false)
        return
      }
      changed++
      expect(/^[\0-\x7f]*$/.test(out.toString('latin1'))).toBe(true)
      expect(contents(out)).toEqual(contents(bytes))
      for (const one of out.toString('latin1').split('\r\n')) expect(one.length).toBeLessThan(999)
      // Once more changes nothing.
      expect(converted(out)).toBeNull()
    }),
    { numRuns: 700 },
  )
  expect(changed).toBeGreaterThan(200)
})

test('any run of lines: it ends, the same however it is cut, and what a reader shows is the same', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 8 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.join('\r\n') + '\r\n')
      const out = converted(bytes, cuts)
      expect(out).toEqual(converted(bytes))
      if (out === null) return
      expect(contents(out)).toEqual(contents(bytes))
      const parser = createStructureParser()
      parser.push(out)
      expect(parser.finish().truncated).toBe(parseStructure(bytes).truncated)
    }),
    { numRuns: 1500 },
  )
})

test('any octets at all do no harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(), { maxLength: 5 }), (octets, cuts) => {
      expect(converted(Buffer.from(octets), cuts)).toEqual(converted(Buffer.from(octets)))
    }),
    { numRuns: 1000 },
  )
})

test.each([
  ['quoted-printable', quotedPrintableEncoder],
  ['base64', base64Encoder],
] as const)('%s: decodes to what it was, in lines of 76, however it is cut', (name, encoder) => {
  const octets = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(13, 10, 32, 9, 61)), { maxLength: 500 })
  fc.assert(
    fc.property(octets, fc.array(fc.nat(), { maxLength: 6 }), (list, cuts) => {
      const bytes = Buffer.from(list)
      const encode = (at: readonly number[]): string => {
        const one = encoder()
        return Buffer.concat([
          ...pieces(bytes, at).map((piece) => Buffer.from(one.push(piece))),
          one.finish(),
        ]).toString()
      }
      const text = encode(cuts)
      expect(text).toBe(encode([]))
      expect(text).toMatch(/^[\t\r\n -~]*$/)
      for (const one of text.split('\r\n')) expect(one.length).toBeLessThanOrEqual(76)
      expect(decodeTransfer(Buffer.from(text), name)).toEqual(bytes)
    }),
    { numRuns: 700 },
  )
})
