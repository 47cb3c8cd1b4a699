import fc from 'fast-check'
import { crc32, deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { questionOf, wordsOf } from './book/words.ts'
import { tidyCard } from './card.ts'
import { MOST_PHOTO_BYTES, safePhoto } from './photo.ts'

const chunk = (name: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(Uint8Array.from(body)), body.length + 4)
  return out
}
const ihdr = (width: number, height: number): Buffer => {
  const data = Buffer.alloc(13)
  data.writeUInt32BE(width, 0)
  data.writeUInt32BE(height, 4)
  data.set([8, 2], 8)
  return chunk('IHDR', data)
}
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const pixel = chunk('IDAT', deflateSync(Buffer.from([0, 255, 0, 0])))
const end = chunk('IEND', Buffer.alloc(0))
const png = (...more: Buffer[]): Buffer => Buffer.concat([SIGNATURE, ihdr(1, 1), ...more, pixel, end])
const segment = (marker: number, data: number[]): Buffer =>
  Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255, ...data])
const SOI = Buffer.from([0xff, 0xd8])
const EOI = Buffer.from([0xff, 0xd9])
const frame = (side: number): Buffer => segment(0xc0, [8, side >> 8, side & 255, 0, 1, 1, 1, 0x11, 0])
const scan = Buffer.concat([segment(0xda, [1, 1, 0, 0, 63, 0]), Buffer.from([1, 0xff, 0, 2, 0xff, 0xd0, 3])])
const jpeg = (...more: Buffer[]): Buffer => Buffer.concat([SOI, ...more, frame(1), scan, EOI])

test('a photo keeps the picture and loses what is beside it', () => {
  const noted = png(chunk('tEXt', Buffer.from('Comment\0home address')))
  expect(safePhoto(noted)!.bytes).toEqual(png())
  expect(safePhoto(Buffer.concat([noted, Buffer.from('<script>')]))!.bytes).toEqual(png())
  expect(safePhoto(png())!.type).toBe('image/png')
  const where = jpeg(segment(0xe1, [...Buffer.from('Exif\0\0GPS')]), segment(0xfe, [65, 66]))
  expect(safePhoto(where)!.bytes).toEqual(jpeg())
  expect(safePhoto(Buffer.concat([jpeg(), Buffer.from('PK\x03\x04')]))!.bytes).toEqual(jpeg())
  expect(safePhoto(where)!.type).toBe('image/jpeg')
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a page', Buffer.from('<html><script>alert(1)</script>')],
  ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['a GIF', Buffer.from('GIF89a')],
  ['a huge picture in a small file', Buffer.concat([SIGNATURE, ihdr(50_000, 50_000), pixel, end])],
  ['a huge JPEG', Buffer.concat([SOI, frame(60_000), scan, EOI])],
  ['a broken sum', png().fill(7, 29, 30)],
  ['an essential chunk nobody knows', png(chunk('ABCD', Buffer.alloc(1)))],
  ['no picture', Buffer.concat([SIGNATURE, ihdr(1, 1), end])],
  ['cut off', jpeg().subarray(0, -3)],
  ['more than 100 KB', Buffer.concat([png(), Buffer.alloc(MOST_PHOTO_BYTES)])],
])('no photo: %s', (_, bytes) => expect(safePhoto(bytes)).toBeNull())

test('whatever the bytes: no throw, and what is kept is kept again as it is', () => {
  const start = fc.constantFrom(SIGNATURE, png(), jpeg(), SOI, Buffer.alloc(0))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.nat(100), (head, tail, at) => {
      const bytes = Buffer.concat([head.subarray(0, head.length - (at % (head.length + 1))), tail])
      const photo = safePhoto(bytes)
      if (photo) expect(safePhoto(photo.bytes)).toEqual(photo)
    }),
    { numRuns: 2000 },
  )
})

test('a card is cut and cleaned, never refused', () => {
  const card = tidyCard({
    title: ' Head\u202eof\u0000 sales ',
    department: '',
    office: 'x'.repeat(500),
    phones: [
      { kind: 'work', number: '+49 30 123-45' },
      { kind: 'work', number: '+49 30 123-45' },
      { kind: 'mobile', number: 'javascript:alert(1)' },
      { kind: 'fax', number: 'none' },
    ],
    manager: 'Boss@X.test',
    photo: Buffer.from('no'),
  })
  expect(card).toEqual({
    title: 'Head of sales',
    department: null,
    office: 'x'.repeat(200),
    phones: [{ kind: 'work', number: '+49 30 123-45' }],
    manager: 'boss@x.test',
  })
  const text = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(text, text, (title, number) => {
      const tidy = tidyCard({ title, phones: [{ kind: 'home', number }], manager: number })
      expect(tidyCard(tidy as never)).toEqual(tidy)
      expect(JSON.stringify(tidy)).not.toMatch(/\\u0000/)
    }),
  )
})

const about = (more: object) =>
  wordsOf({
    ...{ id: 'p', kind: 1, name: 'Jörg Müller-Weiß', addresses: ['joerg.mueller@corp.test'], title: null },
    ...{ department: 'Vertrieb Süd', office: null, phones: [{ number: '+49 (30) 1234-567' }], ...more },
  })
const finds = (typed: string, words: string[]): boolean => {
  const asked = questionOf(typed)
  if (asked === null) return false
  return asked
    .split(' & ')
    .every((one) => words.some((word) => word.startsWith(one.slice(1, -3).replaceAll("''", "'"))))
}

test.each([
  ['mül', true],
  ['MUELL', true],
  ['muller jor', true],
  ['weiss', true],
  ['vertrieb', true],
  ['joerg.mueller@corp', true],
  ['030 1234', true],
  ['+49 30 1234567', true],
  ['0049 30', true],
  ['567', true],
  ['eller', false],
  ['999', false],
  ['...', false],
])('looking for %s', (typed, found) => expect(finds(typed, about({}))).toBe(found))

test('whatever is typed is a question the index understands', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (typed) => {
      const asked = questionOf(typed)
      if (asked !== null) expect(asked).toMatch(/^'(?:[^'\\\0]|''|\\\\)+':\*(?: & '(?:[^'\\\0]|''|\\\\)+':\*){0,7}$/)
    }),
  )
})
