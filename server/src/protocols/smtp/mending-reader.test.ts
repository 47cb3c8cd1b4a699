/** Bare line endings become whole ones; the end stays where the strict reader sees it. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunkReader } from './chunk-reader.ts'
import { createDataReader, type DataReader } from './data-reader.ts'
import { LineEndsError, wayBack } from './line-ends.ts'
import { createMendingReader } from './mending-reader.ts'

/** Line ends without a pattern, the same each time. */
function random(lines: number): string {
  let seed = 1
  let made = ''
  for (let i = 0; i < lines; i++) {
    seed = (seed * 48_271) % 2_147_483_647
    made += ['x\r\n', 'x\n', 'x\r'][seed % 3]!
  }
  return made
}

const none = { messageBytes: 0, headerBytes: 0 }

function run(reader: DataReader, text: string, cuts: readonly number[] = []): { text: string; end: number } {
  const out: Buffer[] = []
  let at = 0
  for (const cut of [...cuts, text.length]) {
    const piece = text.slice(at, at + cut)
    if (piece === '') continue
    const end = reader.read(Buffer.from(piece, 'latin1'), out)
    if (end >= 0) return { text: Buffer.concat(out).toString('latin1'), end: at + end }
    at += cut
  }
  return { text: Buffer.concat(out).toString('latin1'), end: -1 }
}

test.each([
  ['a\nb\r\n.\r\n', 'a\r\nb\r\n'],
  ['a\rb\r\n.\r\n', 'a\r\nb\r\n'],
  ['a\n.\nb\r\n.\r\n', 'a\r\n.\r\nb\r\n'],
  ['a\n.\r\nb\r\n.\r\n', 'a\r\n.\r\nb\r\n'],
  ['a\r.\rb\r\n.\r\n', 'a\r\n.\r\nb\r\n'],
  ['a\r\n.\nb\r\n.\r\n', 'a\r\n\r\nb\r\n'],
  ['a\r\n..b\r\n.\r\n', 'a\r\n.b\r\n'],
  ['a\r\r\nb\r\n.\r\n', 'a\r\n\r\nb\r\n'],
  ['.\r\n', ''],
])('%j becomes %j', (raw, mended) => {
  expect(run(createMendingReader(none), raw)).toEqual({ text: mended, end: raw.length })
})

const text = fc.string({ unit: fc.constantFrom('a', '.', '\r', '\n', '\r\n', '\r\n.', '\r\n.\r\n'), maxLength: 30 })
const cuts = fc.array(fc.nat(4), { maxLength: 60 })

test('any octets, cut anywhere: the end of the strict reader, and no bare line ending in what comes out', () => {
  fc.assert(
    fc.property(text, cuts, (raw, where) => {
      const mended = run(createMendingReader(none), raw, where)
      expect(mended.end).toBe(run(createDataReader(none), raw).end)
      expect(mended.text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
      expect(mended).toEqual(run(createMendingReader(none), raw))
    }),
  )
})

test('what is right already comes out as from the strict reader', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('', '.', '..', 'a', '.a', 'a.b')), cuts, (lines, where) => {
      const raw = [...lines.map((line) => (line.startsWith('.') ? `.${line}` : line)), '.', ''].join('\r\n')
      expect(run(createMendingReader(none), raw, where)).toEqual(run(createDataReader(none), raw))
    }),
  )
})

/** As the reader leaves it, by the way back it tells, in pieces. */
function original(reader: DataReader, mended: string, cuts: readonly number[]): string {
  const note = reader.mended()
  if (note === null) return mended
  const back = wayBack(note.ends!)
  const pieces: Buffer[] = []
  let at = 0
  for (const cut of [...cuts, mended.length]) {
    pieces.push(back.write(Buffer.from(mended.slice(at, at + cut), 'latin1')))
    at += cut
  }
  back.end()
  const came = Buffer.concat(pieces)
  expect([note.size, note.sha256]).toEqual([came.length, createHash('sha256').update(came).digest('hex')])
  return came.toString('latin1')
}

test('any octets: what came can be had back, to the octet, wherever both are cut', () => {
  fc.assert(
    fc.property(text, cuts, cuts, (raw, where, again) => {
      const reader = createMendingReader(none)
      const whole = `${raw}\r\n.\r\n`
      const { text: mended, end } = run(reader, whole, where)
      const data = whole.slice(0, end - '.\r\n'.length)
      // Dots are taken away where CR LF has begun the line.
      const came = data.replace(/^\./, '').replace(/\r\n\./g, '\r\n')
      expect(original(reader, mended, again)).toBe(came)
      const bare = came.replaceAll('\r\n', '').match(/[\r\n]/g)?.length ?? 0
      expect(reader.mended()?.count ?? 0).toBe(bare)
    }),
  )
})

test.each([
  ['bare LF alone, 100,000 lines', 'line\n'.repeat(100_000), true],
  ['CR CR LF, 50,000 lines', 'line\r\r\n'.repeat(50_000), true],
  ['one kind, then another', `${'head\r\n'.repeat(70_000)}${'body\n'.repeat(70_000)}`, true],
  ['no pattern at all', random(300_000), false],
])('%s: what is kept is small, or said not to be kept', (_, raw, isKept) => {
  const reader = createMendingReader(none)
  const { text: mended } = run(reader, `${raw}\r\n.\r\n`)
  const note = reader.mended()!
  expect(note.count).toBeGreaterThan(40_000)
  expect(note.ends === null).toBe(!isKept)
  if (isKept) {
    expect(note.ends!.length).toBeLessThan(17_000)
    expect(original(reader, mended, [1000])).toBe(`${raw}\r\n`)
  }
})

test('the way back of another message, or a damaged one: an error, never other octets in silence', () => {
  const reader = createMendingReader(none)
  run(reader, 'a\nb\r\n.\r\n')
  const { ends } = reader.mended()!
  for (const stored of ['a\r\n', 'a\r\nb\r\nc\r\n', 'a\r\nb\r\n\r'])
    expect(() => {
      const back = wayBack(ends!)
      back.write(Buffer.from(stored))
      back.end()
    }).toThrow(LineEndsError)
  fc.assert(
    fc.property(fc.base64String(), (damaged) => {
      try {
        wayBack(damaged)
      } catch (error) {
        expect(error).toBeInstanceOf(LineEndsError)
      }
    }),
  )
})

test('in chunks (RFC 3030) too', () => {
  const reader = createChunkReader(none, createMendingReader)
  const out: Buffer[] = []
  for (const piece of ['a\n.\n', '.b\r', '\nc\rd']) reader.read(Buffer.from(piece), out)
  reader.finish(out)
  expect(Buffer.concat(out).toString()).toBe('a\r\n.\r\n.b\r\nc\r\nd\r\n')
  expect(reader.flaw).toBeNull()
  expect(original(reader, Buffer.concat(out).toString(), [])).toBe('a\n.\n.b\r\nc\rd\r\n')
})

test.each([
  ['a\0b\r\n.\r\n', none, 'nul-byte'],
  [`${'x'.repeat(60)}\n\nbody\r\n.\r\n`, { messageBytes: 0, headerBytes: 50 }, 'header-too-large'],
  ['a\n\n'.repeat(20), { messageBytes: 50, headerBytes: 0 }, 'message-too-large'],
] as const)('%j: a flaw, and nothing of it is given', (raw, limits, flaw) => {
  const reader = createMendingReader(limits)
  expect(run(reader, raw).text).toBe('')
  expect(reader.flaw).toBe(flaw)
})
