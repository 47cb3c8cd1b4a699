/** The bench runs and counts: 200 messages, one round. Its figures mean nothing at this size. */
import { expect, test } from 'vitest'
import { runBench } from '../bench/accept-and-relay.ts'
import { missing } from './peers/needs.ts'

const skip = missing('postfix', 'smtp-source', 'root')

test.skipIf(skip)('200 messages through Postfix and through Holdfast', async () => {
  const result = await runBench({ messages: 200, rounds: 1, size: 10_240, connections: 10 })
  expect(result.cells.map((cell) => cell.subject)).toEqual(['postfix', 'holdfast'])
  expect(result.ratios[0]).toBeGreaterThan(0)
  expect(Number.isFinite(result.median)).toBe(true)
})
