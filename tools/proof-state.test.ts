/** A release is held up by a proof that failed, was run small, or is older than its files. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { belowFull, whyNot } from './proof-state.mjs'

const full = { rounds: 200, messagesPerRound: 1050 }
const result = { at: '2026-11-22T10:00:00Z', passed: true, sizes: { ...full }, hash: 'a' }

test('passed, full and of these files: it holds; more than full too', () => {
  expect(whyNot(result, full, 'a')).toBeNull()
  expect(whyNot({ ...result, sizes: { rounds: 500, messagesPerRound: 2000 } }, full, 'a')).toBeNull()
})

test.each([
  ['never run', null, 'has never been run'],
  ['failed', { ...result, passed: false }, 'failed'],
  ['reduced', { ...result, sizes: { rounds: 3, messagesPerRound: 1050 } }, 'rounds 3 of 200'],
  ['without a size', { ...result, sizes: { rounds: 200 } }, 'messagesPerRound not told of 1050'],
  ['stale', { ...result, hash: 'b' }, 'is stale'],
])('%s: it does not', (_, one, why) => {
  expect(whyNot(one, full, 'a')).toContain(why)
})

test('a size that is no number is no size', () => {
  expect(belowFull({ rounds: NaN, messagesPerRound: 1050 }, full)).toEqual(['rounds NaN of 200'])
})

test('every proof has its full size', () => {
  const out = execFileSync(process.execPath, [join(import.meta.dirname, 'proof.mjs'), '--list'], { encoding: 'utf8' })
  for (const name of ['kill', 'durability-order', 'outage-with-postfix'])
    expect(out).toMatch(new RegExp(`${name}: \\w+ \\d+`))
})
