/** What is claimed for a way to the world while many of its destinations are slow. */
import { expect, test } from 'vitest'
import { claimLoad, MOST_LOAD } from './destinations.ts'

test('a primary counts all that is under way', () => {
  expect(claimLoad([400, 3], false)).toBe(403)
})

test('in the world slow destinations do not keep the mail of others from being claimed, until too much is under way', () => {
  expect(claimLoad([5, 7], true)).toBe(12)
  const slow = claimLoad([10_000], true)
  expect(slow).toBeLessThan(MOST_LOAD)
  // One more of the same counts no more than its share.
  expect(claimLoad([10_000, 10_000], true)).toBe(MOST_LOAD)
  const silent = (destinations: number): number[] => Array.from({ length: destinations }, () => 10_000)
  const fewest = Math.ceil(3000 / slow)
  expect(claimLoad(silent(fewest - 1), true)).toBe(MOST_LOAD)
  expect(claimLoad(silent(fewest), true)).toBeGreaterThanOrEqual(3000)
})
