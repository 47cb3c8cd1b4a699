/** One answer has a bound, all together have one, and nothing is kept of an answer that is over. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createByteRoom } from '../../platform/byte-room.ts'
import { createAnswerRoom } from './answer-room.ts'

const MB = 1_048_576

test('an answer that grows beyond its bound is refused, with what to do', () => {
  const room = createAnswerRoom(createByteRoom({ clock: fakeClock() }))
  room.answers(40_000_000)
  expect(() => room.answers(20_000_000)).toThrow(expect.objectContaining({ type: 'requestTooLarge' }))
})

test('all answers share the room: one too many is told at once, and the next has it when one is over', () => {
  const shared = createByteRoom({ clock: fakeClock(), bytes: 10 * MB })
  const first = createAnswerRoom(shared)
  first.answers(5 * MB)
  const second = createAnswerRoom(shared)
  // Small ones always pass.
  second.answers(MB)
  expect(() => second.answers(5 * MB)).toThrow(expect.objectContaining({ code: 'too-busy' }))
  second.release()
  first.release()
  first.release()
  expect(shared.claim(10 * MB)).not.toBeNull()
})
