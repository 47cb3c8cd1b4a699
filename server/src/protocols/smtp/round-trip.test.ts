/**
 * What readers and stuffer promise together, for any octets cut anywhere: what one of our doors takes is what the next reader
 * gets from us, and both find the same end.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunkReader } from './chunk-reader.ts'
import { createDataReader, type DataReader } from './data-reader.ts'
import { createDotStuffer } from './dot-stuffing.ts'
import { createMendingReader } from './mending-reader.ts'

const none = { messageBytes: 0, headerBytes: 0 }

/** Octets of all kinds, among them many that mean something. */
const octets = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('\r\n', '\r', '\n', '.', '\r\n.', '\r\n.\r\n', '\n.\n', '..', '\r\r\n') },
      { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all).toString('latin1')) },
      { weight: 1, arbitrary: fc.nat(3000).map((n) => 'x'.repeat(n)) },
    ),
    { maxLength: 40 },
  )
  .map((all) => all.join(''))
const cuts = fc.array(fc.nat(), { maxLength: 20 })

function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const points = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length))
}
const joined = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString('latin1')

/** Through a reader up to its end; `rest` is what it left for the commands. */
function readTo(reader: DataReader, chunks: readonly Buffer[]): { text: string; ended: boolean; rest: string } {
  const out: Buffer[] = []
  for (const [i, chunk] of chunks.entries()) {
    const end = reader.read(chunk, out)
    if (end >= 0) return { text: joined(out), ended: true, rest: joined([chunk.subarray(end), ...chunks.slice(i + 1)]) }
  }
  return { text: joined(out), ended: false, rest: '' }
}

function stuffed(chunks: readonly Buffer[]): string {
  const stuffer = createDotStuffer()
  const out: Buffer[] = []
  for (const chunk of chunks) stuffer.write(chunk, out)
  return joined([...out, stuffer.end()])
}

test('any message we have taken comes out of the next reader as it was, and nothing behind it is lost', () => {
  let taken = 0
  fc.assert(
    fc.property(octets, cuts, cuts, cuts, fc.boolean(), (text, one, two, three, mends) => {
      const reader = (mends ? createMendingReader : createDataReader)(none)
      const { text: kept, ended } = readTo(reader, cut(`${text}\r\n.\r\n`, one))
      // Every text has an end in it, at the latest the one that was put behind it.
      expect(ended).toBe(true)
      if (reader.flaw !== null) return
      taken++
      expect(reader.size).toBe(kept.length)
      // empty, or whole lines
      expect(kept).toMatch(/^$|\r\n$/)
      const wire = stuffed(cut(kept, two))
      const next = createDataReader(none)
      expect(readTo(next, cut(`${wire}QUIT\r\n`, three))).toEqual({ text: kept, ended: true, rest: 'QUIT\r\n' })
      expect(next.flaw).toBeNull()
    }),
    { numRuns: 5000 },
  )
  expect(taken).toBeGreaterThan(500)
})

test('by DATA or in chunks, mended or not: the same octets are the same message, or the same flaw', () => {
  fc.assert(
    fc.property(octets, cuts, cuts, fc.boolean(), (text, one, two, mends) => {
      const create = mends ? createMendingReader : createDataReader
      const inChunks = createChunkReader(none, create)
      const out: Buffer[] = []
      for (const chunk of cut(text, one)) inChunks.read(chunk, out)
      inChunks.finish(out)
      const byData = create(none)
      const read = readTo(byData, cut(stuffed([Buffer.from(text, 'latin1')]), two))
      expect(read.ended).toBe(true)
      expect(inChunks.flaw === null).toBe(byData.flaw === null)
      if (byData.flaw === null) expect(joined(out)).toBe(read.text)
    }),
    { numRuns: 5000 },
  )
})

test('a message that is right already is changed by nothing', () => {
  const line = fc
    .array(
      fc.oneof(
        fc.constantFrom('.', '..', 'a'),
        fc.uint8Array({ maxLength: 20 }).map((all) => Buffer.from(all).toString('latin1')),
      ),
    )
    .map((all) => all.join('').replaceAll(/[\r\n\0]/g, '_'))
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), cuts, cuts, (lines, one, two) => {
      const text = lines.map((each) => `${each}\r\n`).join('')
      const wire = stuffed(cut(text, one))
      for (const create of [createDataReader, createMendingReader])
        expect(readTo(create(none), cut(wire, two))).toEqual({ text, ended: true, rest: '' })
    }),
    { numRuns: 3000 },
  )
})
