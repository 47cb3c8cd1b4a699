/** What hung from before our own trouble began says nothing; what hangs beside answers of the primary does. */
import { expect, test } from 'vitest'
import { EvidenceKind } from '../../platform/codes.ts'
import { createOwnTrouble } from './own-trouble.ts'

const { ours, timeout, good, dropped, tempfail } = EvidenceKind

/** Each: when it ended, what, and for how long it ran. */
function heard(...seen: [at: number, kind: EvidenceKind, tookMs: number][]): boolean {
  let now = 0
  const trouble = createOwnTrouble({ monotonic: () => now })
  return seen.map(([at, kind, tookMs]) => ((now = at), trouble.explains('r', kind, tookMs))).at(-1)!
}

test('a hang from before two failures of ours is ours, each time that it is told', () => {
  expect(heard([1, good, 1], [3, ours, 0], [5, ours, 0], [11, timeout, 10])).toBe(true)
  expect(heard([1, good, 1], [3, ours, 0], [5, ours, 0], [11, timeout, 10], [21, timeout, 20])).toBe(true)
  expect(heard([3, ours, 0], [5, ours, 0], [11, dropped, 10])).toBe(true)
})

test('it counts where there was only one, or none since it began', () => {
  expect(heard([5, ours, 0], [11, timeout, 10])).toBe(false)
  expect(heard([1, ours, 0], [2, ours, 0], [13, timeout, 10])).toBe(false)
})

test('it counts where anything else was heard of what began later', () => {
  expect(heard([3, ours, 0], [5, ours, 0], [8, good, 1], [11, timeout, 10])).toBe(false)
  expect(heard([3, ours, 0], [5, ours, 0], [8, tempfail, 1], [11, timeout, 10])).toBe(false)
})

test('an answer is one, whatever else fails', () => {
  expect(heard([3, ours, 0], [5, ours, 0], [11, tempfail, 10])).toBe(false)
})
