/** One route that takes nothing leaves room for all others, however many of its kind there are. */
import { expect, test } from 'vitest'
import { newId } from '../../platform/ids.ts'
import { createReadyRoom, type ReadyRoom } from './ready-room.ts'

const [a, b, c] = [newId(1), newId(2), newId(3)]
const fill = (room: ReadyRoom, routeId: typeof a): number => {
  let taken = 0
  for (; room.has(routeId); taken++) room.take(routeId, 1)
  return taken
}

test('a route gets as much as is still free for all', () => {
  const room = createReadyRoom(600)
  expect(fill(room, a)).toBe(300)
  expect(fill(room, b)).toBe(150)
  expect(room.has(a)).toBe(false)
  expect(fill(room, c)).toBe(75)
})

test('what one gives back is there for the others', () => {
  const room = createReadyRoom(600)
  fill(room, a)
  room.giveBack(a, 300)
  expect(fill(room, b)).toBe(300)
  room.giveBack(b, 299)
  room.take(a, 200)
  expect(room.has(b)).toBe(true)
})

test('one message larger than all of it goes, and the next waits', () => {
  const room = createReadyRoom(600)
  room.take(a, 10_000)
  expect([room.has(a), room.has(b)]).toEqual([false, false])
  room.giveBack(a, 10_000)
  expect(room.has(b)).toBe(true)
})
