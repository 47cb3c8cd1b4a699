import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChunkReader } from './chunk-reader.ts'
import type { DataFlaw } from './data-reader.ts'

const none = { messageBytes: 0, headerBytes: 0 }

interface Read {
  text: string
  flaw: DataFlaw | null
  size: number
  taken: number
}

function readAll(chunks: readonly Buffer[], limits = none): Read {
  const reader = createChunkReader(limits)
  const out: Buffer[] = []
  for (const chunk of chunks) expect(reader.read(chunk, out)).toBe(-1)
  reader.finish(out)
  const { flaw, size, taken } = reader
  return { text: Buffer.concat(out).toString('latin1'), flaw, size, taken }
}

/** Whole, byte by byte, and every way to cut it in two. */
function splits(text: string): Buffer[][] {
  const bytes = Buffer.from(text, 'latin1')
  const all = [[bytes], Array.from(bytes, (byte) => Buffer.from([byte]))]
  for (let i = 1; i < bytes.length; i++) all.push([bytes.subarray(0, i), bytes.subarray(i)])
  return all
}

describe('RFC 3030 section 2: the octets of BDAT', () => {
  test.each([
    ['', ''],
    ['a: b\r\n', 'a: b\r\n'],
    ['.\r\n..\r\n\r\n.\r\nx\r\n', '.\r\n..\r\n\r\n.\r\nx\r\n'],
    ['no end', 'no end\r\n'],
    ['half an end\r', 'half an end\r\n'],
    ['.', '.\r\n'],
    ['.\r', '.\r\n'],
    ['a\r\n.', 'a\r\n.\r\n'],
  ])('%j: dots stay, a last line gets its end', (text, expected) => {
    for (const chunks of splits(text))
      expect(readAll(chunks)).toEqual({ text: expected, flaw: null, size: expected.length, taken: text.length })
  })

  test.each(['\n', 'a\n', '\ra', 'a\rb\r\n', '\r\n.\n', '\r\n.\rx', '\r\r\n', '\r\n.\r\n\n'])(
    '%j is flawed',
    (text) => {
      for (const chunks of splits(text)) expect(readAll(chunks)).toMatchObject({ flaw: 'bare-line-ending' })
    },
  )

  test('NUL, a header and a message too large', () => {
    for (const chunks of splits('a: b\r\n\r\n\0\r\n')) expect(readAll(chunks).flaw).toBe('nul-byte')
    const lines = [Buffer.from('a: b\r\n'.repeat(10))]
    expect(readAll(lines, { ...none, headerBytes: 50 }).flaw).toBe('header-too-large')
    expect(readAll(lines, { ...none, messageBytes: 50 }).flaw).toBe('message-too-large')
  })

  test('a chunk without lines that begin with a dot is given on uncopied, many such lines are joined', () => {
    const chunk = Buffer.from('A: b\r\n\r\ntext\r\n')
    const out: Buffer[] = []
    createChunkReader(none).read(chunk, out)
    expect(out[0]).toBe(chunk)
    const joined: Buffer[] = []
    createChunkReader(none).read(Buffer.from('.\r\n'.repeat(1000)), joined)
    expect(joined).toHaveLength(1)
    expect(joined[0]!.toString()).toBe('.\r\n'.repeat(1000))
  })
})

test('property: all or a flaw, by the rules written down slowly, however it is cut', () => {
  const hostile = fc
    .array(fc.constantFrom('\r\n', '\r\n.', '.', '\r', '\n', 'a', '\0', '\r\n.\r\n', '\r\n..', 'bc'), { maxLength: 30 })
    .map((all) => all.join(''))
  let clean = 0
  fc.assert(
    fc.property(hostile, fc.array(fc.nat(), { maxLength: 8 }), (text, at) => {
      const bytes = Buffer.from(text, 'latin1')
      const points = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b)
      const read = readAll([0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length)))
      const isBad = /\0|\r(?!\n|$)|(?<!\r)\n/.test(text)
      expect(read.flaw !== null).toBe(isBad)
      if (isBad) return
      clean++
      expect(read.text).toBe(text === '' || text.endsWith('\r\n') ? text : `${text.replace(/\r$/, '')}\r\n`)
    }),
    { numRuns: 20_000 },
  )
  expect(clean).toBeGreaterThan(1000)
})
