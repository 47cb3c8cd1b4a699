/** Every state with every event, before and after its time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MailboxAccessState } from '../../platform/codes.ts'
import { events, isTimeOver, step, table, type Event, type Position, type State } from './machine.ts'

const states = Object.keys(MailboxAccessState) as State[]
const NOW = 1_000_000
const at = (state: State, more: Partial<Position> = {}): Position => ({
  ...{ state, answerBy: NOW + 100, expiresAt: state === 'asked' ? null : NOW + 50, isOpened: false },
  ...more,
})

describe('in its time', () => {
  test.each(states.flatMap((state) => events.map((event) => [state, event] as const)))('%s: %s', (state, event) => {
    const expected = event === 'time' ? null : table[state][event]
    expect(step(at(state), event, NOW)?.state ?? null).toBe(expected)
  })
})

describe('when its time is over', () => {
  test.each(states.flatMap((state) => events.map((event) => [state, event] as const)))('%s: %s', (state, event) => {
    const late = at(state, { answerBy: NOW, expiresAt: state === 'asked' ? null : NOW })
    const lasts = state === 'asked' || state === 'open'
    expect(step(late, event, NOW)?.state ?? null).toBe(lasts && event === 'time' ? table[state].time : null)
  })
})

test('what is over stays over, and every state leads to an end', () => {
  const next = (state: State): State[] => events.flatMap((event) => table[state][event] ?? [])
  for (const state of states)
    if (state === 'asked' || state === 'open') expect(next(state).some((one) => next(one).length === 0)).toBe(true)
    else expect(next(state)).toEqual([])
})

test('what is told, and written down', () => {
  const told = (state: State, event: Event, more: Partial<Position> = {}, now = NOW) =>
    step(at(state, more), event, now)
  expect(told('asked', 'approve')).toEqual({ state: 'open', act: 'mailbox-access-approved', tells: 'access-approved' })
  expect(told('open', 'open')).toEqual({ state: 'open', act: 'mailbox-access-opened', tells: 'access-opened' })
  expect(told('open', 'open', { isOpened: true })).toEqual({ state: 'open', act: null, tells: null })
  for (const event of ['end', 'time'] as const)
    expect(told('open', event, {}, event === 'time' ? NOW + 50 : NOW)).toMatchObject({ tells: 'access-over' })
  for (const event of ['decline', 'withdraw'] as const) expect(told('asked', event)).toMatchObject({ tells: null })
  expect(told('asked', 'time', {}, NOW + 100)).toMatchObject({ state: 'lapsed', tells: null })
})

test('whatever happens in whatever order, nothing is read without an approval before it, in its time', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...events), fc.integer({ min: 0, max: 40 }))), (happenings) => {
      let position: Position = { state: 'asked', answerBy: 100, expiresAt: null, isOpened: false }
      let now = 0
      let approvedAt: number | null = null
      for (const [event, passes] of happenings) {
        now += passes
        const done = step(position, event, now)
        if (isTimeOver(position, now) && event !== 'time') expect(done).toBeNull()
        if (!done) continue
        if (event === 'approve') approvedAt = now
        if (event === 'open') {
          expect(approvedAt).not.toBeNull()
          expect(now).toBeLessThan(approvedAt! + 60)
        }
        position = {
          ...{ state: done.state, answerBy: 100 },
          expiresAt: approvedAt === null ? null : approvedAt + 60,
          isOpened: position.isOpened || event === 'open',
        }
      }
    }),
  )
})
