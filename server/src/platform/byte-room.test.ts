/** The room is never overfilled, is fair, and waiting in front of it ends. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { createByteRoom } from './byte-room.ts'

const MB = 1_048_576

function work(): { run: () => Promise<void>; done: () => void } {
  let done = (): void => undefined
  const ended = new Promise<void>((resolve) => (done = resolve))
  return { run: () => ended, done: () => done() }
}

test('whoever does not fit waits for those who came before, and a large one is not overtaken', async () => {
  const clock = fakeClock()
  const room = createByteRoom({ clock, bytes: 10 * MB })
  const order: string[] = []
  const [first, large, small] = [work(), work(), work()]
  const enter = (name: string, bytes: number, one: { run: () => Promise<void> }) =>
    room.within(bytes, async () => {
      order.push(name)
      await one.run()
    })
  const all = [enter('first', 6 * MB, first), enter('large', 9 * MB, large), enter('small', MB, small)]
  await clock.advance(0)
  expect(order).toEqual(['first'])
  first.done()
  await clock.advance(0)
  expect(order).toEqual(['first', 'large', 'small'])
  large.done()
  small.done()
  await Promise.all(all)
  expect(clock.pending()).toBe(0)
})

test('waiting ends with a clear answer, nothing was begun, and those behind go on', async () => {
  const clock = fakeClock()
  const room = createByteRoom({ clock, bytes: 10 * MB })
  const long = work()
  const running = room.within(8 * MB, long.run)
  let begun = false
  const late = room.within(5 * MB, async () => {
    begun = true
  })
  const refused = expect(late).rejects.toMatchObject({ code: 'too-busy', spec: { http: 503 } })
  await clock.advance(10_000)
  const behind = room.within(2 * MB, () => Promise.resolve('in'))
  await clock.advance(10_000)
  await refused
  expect(await behind).toBe('in')
  expect(begun).toBe(false)
  long.done()
  await running
})

test('what is larger than the room has it for itself; small things do not wait; failures give the room back', async () => {
  const clock = fakeClock()
  const room = createByteRoom({ clock, bytes: MB })
  const huge = work()
  const running = room.within(50 * MB, huge.run)
  expect(await room.within(1000, () => Promise.resolve('small'))).toBe('small')
  expect(room.claim(1)).toBeNull()
  huge.done()
  await running
  await expect(room.within(MB, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  const claimed = room.claim(MB)
  expect(claimed).not.toBeNull()
  claimed!()
  claimed!()
  expect(room.claim(MB)).not.toBeNull()
})

test('never more than there is room for, whatever comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 40 }), async (sizes) => {
      const clock = fakeClock()
      const room = createByteRoom({ clock, bytes: 10 * MB })
      let inside = 0
      let most = 0
      const all = sizes.map((size, i) =>
        room.within(size * MB, async () => {
          inside += Math.min(size, 10)
          most = Math.max(most, inside)
          await clock.sleep(i % 7)
          inside -= Math.min(size, 10)
        }),
      )
      await clock.advance(1_000)
      await Promise.all(all)
      expect(most).toBeLessThanOrEqual(10)
    }),
    { numRuns: 30 },
  )
})
