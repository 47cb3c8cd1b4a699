/** Many ask, one question goes out; what is kept is young; what failed or was forgotten is asked again. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { sharedAnswers } from './shared-answers.ts'

function fixture() {
  const clock = fakeClock()
  const answers = sharedAnswers<number>(clock, 1000)
  const waiting: { resolve: (n: number) => void; reject: (error: Error) => void }[] = []
  const ask = (): Promise<number> => new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  return { clock, answers, waiting, get: (key = 'a', keepMs?: number) => answers.get(key, ask, keepMs) }
}

test('however many ask while it is under way or within the time, it is asked once; each key apart', async () => {
  const { clock, waiting, get } = fixture()
  const first = [get(), get(), get('b')]
  expect(waiting).toHaveLength(2)
  waiting[0]!.resolve(1)
  waiting[1]!.resolve(2)
  expect(await Promise.all(first)).toEqual([1, 1, 2])
  await clock.advance(999)
  expect(await get()).toBe(1)
  await clock.advance(1)
  const second = get()
  waiting[2]!.resolve(3)
  expect(await second).toBe(3)
})

test('the time counts from the answer, and may be longer for one that cannot change any more', async () => {
  const { clock, waiting, get } = fixture()
  const slow = get('a', 60_000)
  await clock.advance(5_000)
  waiting[0]!.resolve(1)
  expect(await slow).toBe(1)
  await clock.advance(59_000)
  expect(await get()).toBe(1)
  expect(waiting).toHaveLength(1)
})

test('a failure reaches all who waited and is not kept', async () => {
  const { waiting, get } = fixture()
  const both = [get(), get()]
  waiting[0]!.reject(new Error('away'))
  for (const one of both) await expect(one).rejects.toThrow('away')
  const again = get()
  waiting[1]!.resolve(1)
  expect(await again).toBe(1)
})

test('what is forgotten while it is under way is neither given to the next nor kept', async () => {
  const { answers, waiting, get } = fixture()
  const old = get()
  answers.forget('a')
  const fresh = get()
  waiting[1]!.resolve(2)
  expect(await fresh).toBe(2)
  waiting[0]!.resolve(1)
  expect(await old).toBe(1)
  expect(await get()).toBe(2)
})

test('keys of long ago do not gather', async () => {
  const { clock, answers, get, waiting } = fixture()
  for (let i = 0; i < 2_000; i++) {
    const one = get(`key ${i}`)
    waiting.at(-1)!.resolve(i)
    await one
    if (i % 100 === 0) await clock.advance(1_100)
  }
  let asked = 0
  await answers.get('key 0', () => Promise.resolve(asked++))
  expect(asked).toBe(1)
})
