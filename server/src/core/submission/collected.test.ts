/** What clients are sending at once is bounded, and every claim is given back. */
import { expect, test } from 'vitest'
import { createByteRoom } from '../../platform/byte-room.ts'
import { systemClock } from '../../platform/clock.ts'
import { beginningOf, collect } from './collected.ts'

const MB = 1_048_576
const full = expect.objectContaining({ code: 'memory-full' }) as Error

test('the pieces are the message, octet by octet as well, and few of them are kept', () => {
  const came = collect(createByteRoom({ clock: systemClock }))
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))
  for (const octet of bytes) came.add(Buffer.from([octet]))
  expect(Buffer.concat(came.pieces)).toEqual(bytes)
  expect(came.size).toBe(5000)
  expect(came.pieces.length).toBeLessThan(300)
  came.release()
  expect(came.pieces).toEqual([])
})

test('a message takes the room it has, step by step, and gives it back once', () => {
  const room = createByteRoom({ clock: systemClock, bytes: 4 * MB })
  const [one, other] = [collect(room), collect(room)]
  for (let i = 0; i < 3; i++) one.add(Buffer.alloc(MB))
  // The first 64 KB are free.
  one.add(Buffer.alloc(65_536))
  other.add(Buffer.alloc(65_536))
  expect(room.claim(MB)).not.toBeNull()
  expect(() => other.add(Buffer.alloc(1))).toThrow(full)
  expect(other.size).toBe(65_536)
  one.release()
  one.release()
  for (let i = 0; i < 2; i++) other.add(Buffer.alloc(MB))
  expect(() => other.add(Buffer.alloc(2 * MB))).toThrow(full)
  other.release()
  expect(room.claim(3 * MB)).not.toBeNull()
  expect(room.claim(MB)).toBeNull()
})

test('the beginning is joined without the rest', () => {
  const pieces = ['ab', 'cd', 'ef'].map((text) => Buffer.from(text))
  expect(beginningOf(pieces, 3).toString()).toBe('abcd')
  expect(beginningOf(pieces, 100).toString()).toBe('abcdef')
  expect(beginningOf([], 3).length).toBe(0)
})
