/** Bare line endings become whole ones; the end stays where the strict reader sees it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunkReader } from './chunk-reader.ts'
import { createDataReader, type DataReader } from './data-reader.ts'
import { createMendingReader } from './mending-reader.ts'

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

test('in chunks (RFC 3030) too', () => {
  const reader = createChunkReader(none, createMendingReader)
  const out: Buffer[] = []
  for (const piece of ['a\n.\n', '.b\r', '\nc\rd']) reader.read(Buffer.from(piece), out)
  reader.finish(out)
  expect(Buffer.concat(out).toString()).toBe('a\r\n.\r\n.b\r\nc\r\nd\r\n')
  expect(reader.flaw).toBeNull()
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
