import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDataReader, type DataFlaw } from './data-reader.ts'
import { createDotStuffer } from './dot-stuffing.ts'

const none = { messageBytes: 0, headerBytes: 0 }

interface Read {
  text: string
  end: number
  flaw: DataFlaw | null
  size: number
}

/** Reads `chunks`; `end` counts from the start of the first. */
function readAll(chunks: readonly Buffer[], limits = none): Read {
  const reader = createDataReader(limits)
  const out: Buffer[] = []
  let before = 0
  for (const chunk of chunks) {
    const end = reader.read(chunk, out)
    if (end >= 0)
      return { text: Buffer.concat(out).toString('latin1'), end: before + end, flaw: reader.flaw, size: reader.size }
    before += chunk.length
  }
  return { text: Buffer.concat(out).toString('latin1'), end: -1, flaw: reader.flaw, size: reader.size }
}

const everyByte = (text: string): Buffer[] => Array.from(Buffer.from(text, 'latin1'), (byte) => Buffer.from([byte]))

/** Every way to cut a text in two and in three, and byte by byte. */
function splits(text: string): Buffer[][] {
  const bytes = Buffer.from(text, 'latin1')
  const all: Buffer[][] = [[bytes], everyByte(text)]
  for (let i = 1; i < bytes.length; i++) {
    all.push([bytes.subarray(0, i), bytes.subarray(i)])
    for (let j = i + 1; j < bytes.length; j++) all.push([bytes.subarray(0, i), bytes.subarray(i, j), bytes.subarray(j)])
  }
  return all
}

describe('RFC 5321 section 4.5.2: transparency', () => {
  test.each([
    ['A: b\r\n\r\ntext\r\n.\r\n', 'A: b\r\n\r\ntext\r\n'],
    ['.\r\n', ''],
    ['\r\n.\r\n', '\r\n'],
    ['..\r\n.\r\n', '.\r\n'],
    ['..x\r\n...\r\n.\r\n', '.x\r\n..\r\n'],
    ['.x\r\n.\r\n', 'x\r\n'],
    ['a\r\n.b\r\n..c\r\n.\r\n', 'a\r\nb\r\n.c\r\n'],
  ])('%j', (wire, expected) => {
    for (const chunks of splits(wire))
      expect(readAll(chunks)).toEqual({ text: expected, end: wire.length, flaw: null, size: expected.length })
  })

  test('what follows the end is left alone', () => {
    for (const chunks of splits('a\r\n.\r\nQUIT\r\n')) expect(readAll(chunks)).toMatchObject({ text: 'a\r\n', end: 6 })
  })

  test('no final dot: it goes on', () => {
    for (const text of ['a\r\n', 'a\r\n.', 'a\r\n.\r', '', 'a']) expect(readAll([Buffer.from(text)]).end).toBe(-1)
  })

  test('a chunk without stuffed lines is given on uncopied', () => {
    const chunk = Buffer.from('A: b\r\n\r\ntext\r\n')
    const out: Buffer[] = []
    createDataReader(none).read(chunk, out)
    expect(out).toHaveLength(1)
    expect(out[0]).toBe(chunk)
  })

  test('many stuffed lines are joined', () => {
    const out: Buffer[] = []
    createDataReader(none).read(Buffer.from('..\r\n'.repeat(1000)), out)
    expect(out).toHaveLength(1)
    expect(out[0]!.toString()).toBe('.\r\n'.repeat(1000))
  })
})

/** What some program somewhere takes for the end of data. */
const lookAlikes = [
  '\n.\n',
  '\r.\r',
  '\r\n.\n',
  '\n.\r\n',
  '\r\n.\r',
  '\r.\r\n',
  '\n.\r',
  '\r.\n',
  '\r\r\n.\r\n.',
  '\r\n\0.\r\n',
  '\r\n.\r\r\n',
]

describe('RFC 5321 section 2.3.8: only CR LF . CR LF ends the data', () => {
  test.each(lookAlikes)('%j is no end, and is a flaw, wherever it is cut', (end) => {
    const wire = `A: b\r\n\r\nx${end}MAIL FROM:<evil@example.org>\r\n.\r\n`
    for (const chunks of splits(wire)) {
      const read = readAll(chunks)
      expect(read.flaw).toBe(end.includes('\0') ? 'nul-byte' : 'bare-line-ending')
      // The end is the real one, so that nothing of the message is taken for a command. (CR CR LF . CR LF does end it.)
      expect(read.end).toBe(end.includes('\r\n.\r\n') ? wire.indexOf('\r\n.\r\n') + 5 : wire.length)
    }
  })

  test.each(['a\rb', 'a\nb', '\n', '\r', 'a\n\r\n', '\r\r\n', '.\r.\r\n', '.\n'])('%j is a flaw', (text) => {
    for (const chunks of splits(text + '\r\n.\r\n')) expect(readAll(chunks).flaw).toBe('bare-line-ending')
  })

  test('after a flaw nothing more is given', () => {
    const reader = createDataReader(none)
    const out: Buffer[] = []
    reader.read(Buffer.from('good\r\n'), out)
    reader.read(Buffer.from('bad\nmore\r\n'), out)
    reader.read(Buffer.from('rest\r\n.\r\n'), out)
    expect(out.map(String)).toEqual(['good\r\n'])
  })

  test('NUL is a flaw', () => {
    for (const chunks of splits('a\0b\r\n.\r\n')) expect(readAll(chunks)).toMatchObject({ flaw: 'nul-byte', end: 8 })
  })
})

describe('limits', () => {
  test('message: exactly the limit is fine, counted without stuffing', () => {
    const wire = '..23456\r\n.\r\n'
    expect(readAll(everyByte(wire), { messageBytes: 8, headerBytes: 0 }).flaw).toBeNull()
    expect(readAll(everyByte(wire), { messageBytes: 7, headerBytes: 0 }).flaw).toBe('message-too-large')
    expect(readAll([Buffer.from(wire)], { messageBytes: 7, headerBytes: 0 })).toMatchObject({
      flaw: 'message-too-large',
      end: wire.length,
    })
  })
  test('header: up to the empty line, or all when there is none', () => {
    const limits = { messageBytes: 0, headerBytes: 10 }
    for (const [wire, flaw] of [
      ['A: 456\r\n\r\nlonger body\r\n.\r\n', null],
      ['A: 4567\r\n\r\nbody\r\n.\r\n', 'header-too-large'],
      ['A: 4567890123456', 'header-too-large'],
      ['\r\nbody body body\r\n.\r\n', null],
    ] as const) {
      expect(readAll([Buffer.from(wire)], limits).flaw).toBe(flaw)
      expect(readAll(everyByte(wire), limits).flaw).toBe(flaw)
    }
  })
  test('the longest line is known', () => {
    for (const chunks of [everyByte('ab\r\nabcd\r\na\r\n.\r\n'), [Buffer.from('ab\r\nabcd\r\na\r\n.\r\n')]]) {
      const reader = createDataReader(none)
      for (const chunk of chunks) reader.read(chunk, [])
      expect(reader.longestLine).toBe(4)
    }
  })
})

/** Texts rich in what matters here. */
const hostile = fc
  .array(fc.constantFrom('\r\n', '\r\n.', '.', '\r', '\n', 'a', '\0', '\r\n.\r\n', '\r\n..', 'bc'), { maxLength: 40 })
  .map((all) => all.join(''))
const clean = fc
  .array(fc.constantFrom('\r\n', '\r\n.', '.', 'a', '\r\n..', 'bc', '\t', '\x80\xff'), { maxLength: 60 })
  .map((all) => all.join(''))
const cut = (text: string, at: readonly number[]): Buffer[] => {
  const bytes = Buffer.from(text, 'latin1')
  const points = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length))
}
const cuts = fc.array(fc.nat(), { maxLength: 12 })

test('property: stuffing and reading give the same bytes, however both are cut', () => {
  fc.assert(
    fc.property(clean, cuts, cuts, (text, one, two) => {
      const stuffer = createDotStuffer()
      const pieces: Buffer[] = []
      for (const chunk of cut(text, one)) stuffer.write(chunk, pieces)
      pieces.push(stuffer.end())
      const wire = Buffer.concat(pieces).toString('latin1')
      const read = readAll(cut(wire + 'QUIT\r\n', two))
      const expected = text === '' || text.endsWith('\r\n') ? text : text + '\r\n'
      expect(read).toEqual({ text: expected, end: wire.length, flaw: null, size: expected.length })
    }),
    { numRuns: 5000 },
  )
})

/** The same rules written down slowly: the whole text at once. */
function reference(text: string): Read {
  const stop = text.startsWith('.\r\n') ? 3 : text.indexOf('\r\n.\r\n') + 5
  if (stop === 4) return { text: '', end: -1, flaw: null, size: 0 }
  const body = text.slice(0, stop - 3)
  const bad = [/\0/.exec(body)?.index ?? Infinity, /\r(?!\n)|(?<!\r)\n/.exec(body)?.index ?? Infinity]
  const flaw = Math.min(...bad) === Infinity ? null : bad[0]! < bad[1]! ? 'nul-byte' : 'bare-line-ending'
  const plain = flaw ? '' : body.replace(/(^|\r\n)\./g, '$1')
  return { text: plain, end: stop, flaw, size: plain.length }
}

test('property: agrees with a slow reference on hostile texts', () => {
  fc.assert(
    fc.property(hostile, cuts, (text, at) => {
      const read = readAll(cut(text, at))
      const expected = reference(text)
      expect(read.end).toBe(expected.end)
      if (expected.end < 0) return
      expect(read.flaw === null).toBe(expected.flaw === null)
      if (expected.flaw === null) expect(read).toEqual(expected)
    }),
    { numRuns: 20_000 },
  )
})

test('fuzz: random bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (chunks) => {
      const read = readAll(
        chunks.map((chunk) => Buffer.from(chunk)),
        { messageBytes: 500, headerBytes: 300 },
      )
      expect(read.size).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: 3000 },
  )
})

describe('stuffing for sending', () => {
  const stuffed = (...chunks: string[]): string => {
    const stuffer = createDotStuffer()
    const out: Buffer[] = []
    for (const chunk of chunks) stuffer.write(Buffer.from(chunk), out)
    return Buffer.concat([...out, stuffer.end()]).toString()
  }
  test.each([
    [['a\r\n'], 'a\r\n.\r\n'],
    [[], '.\r\n'],
    [['.\r\n'], '..\r\n.\r\n'],
    [['a\r\n.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a\r\n', '.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a\r', '\n.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a\r', '\n', '.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a\r', '\n', '', '.'], 'a\r\n..\r\n.\r\n'],
    [['a.b\r\nc.'], 'a.b\r\nc.\r\n.\r\n'],
    [['no end'], 'no end\r\n.\r\n'],
    [['\r\n.\r\n.\r\n'], '\r\n..\r\n..\r\n.\r\n'],
  ])('%j', (chunks, wire) => expect(stuffed(...chunks)).toBe(wire))

  test('a chunk without dots at line starts goes out uncopied', () => {
    const chunk = Buffer.from('a\r\nb.c\r\n')
    const out: Buffer[] = []
    createDotStuffer().write(chunk, out)
    expect(out).toHaveLength(1)
    expect(out[0]).toBe(chunk)
  })
})
