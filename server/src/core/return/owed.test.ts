import { expect, test } from 'vitest'
import { withinBrake } from './owed.ts'

test('the brake: more than 20 and more than 10 % within an hour stay owed', () => {
  expect(withinBrake(20, 0, 20)).toBe(true)
  expect(withinBrake(21, 0, 21)).toBe(false)
  expect(withinBrake(1, 20, 50)).toBe(false)
  expect(withinBrake(30, 0, 300)).toBe(true)
  expect(withinBrake(31, 0, 300)).toBe(false)
  expect(withinBrake(10, 20, 280)).toBe(true)
})
