/** One broken mailbox is no outage; a primary that fails everybody is. */
import { expect, test } from 'vitest'
import { createMailboxFaults } from './one-mailbox.ts'

const route = '00000000-0000-7000-8000-000000000003'
function room() {
  const clock = { at: 0, monotonic: () => clock.at }
  const faults = createMailboxFaults(clock)
  return {
    after: (ms: number) => void (clock.at += ms),
    fails: (who: string) => faults.failed(route, who),
    takes: (who: string) => faults.taken(route, who),
    faults,
  }
}

test('the first failure counts; the next one is the mailbox’s own where others were taken meanwhile', () => {
  const { after, fails, takes } = room()
  expect(fails('a@x')).toBe(false)
  after(10)
  expect(fails('a@x')).toBe(false)
  takes('b@x')
  expect(fails('a@x')).toBe(true)
})

test('everybody fails: the route’s fault, however often', () => {
  const { after, fails } = room()
  for (let i = 0; i < 50; i++, after(1000)) expect(fails(`p${i % 5}@x`)).toBe(false)
})

test('what was taken before it began to fail says nothing, and taken again it begins anew', () => {
  const { after, fails, takes } = room()
  takes('b@x')
  after(10)
  expect(fails('a@x')).toBe(false)
  after(10)
  takes('a@x')
  after(10)
  expect(fails('a@x')).toBe(false)
})

test('routes do not speak for each other, and an old failure is forgotten', () => {
  const { after, fails, takes, faults } = room()
  fails('a@x')
  after(10)
  faults.taken('00000000-0000-7000-8000-000000000004', 'b@x')
  expect(fails('a@x')).toBe(false)
  takes('b@x')
  after(3_600_001)
  expect(fails('a@x')).toBe(false)
})
