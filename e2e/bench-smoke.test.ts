/** The bench runs and counts: 240 messages, one round. Its figures mean nothing at this size. */
import { expect, test } from 'vitest'
import { runBench } from '../bench/bench.ts'
import { sizes } from '../bench/sizes.ts'
import { judge } from '../bench/targets.ts'
import { missing } from './peers/needs.ts'

const skip = missing('postfix', 'smtp-source', 'root')

test.skipIf(skip)('240 messages through Postfix, Haraka and Holdfast', async () => {
  const { cells } = await runBench({ sizes: sizes.smoke })
  expect(cells.map((cell) => cell.subject).sort()).toEqual(['haraka', 'holdfast', 'postfix'])
  for (const { figures } of cells)
    for (const name of ['acceptedPerSecond', 'deliveredPerSecond', 'cpuPer1000'])
      expect(figures[name], name).toBeGreaterThan(0)
  expect(judge(cells).length).toBeGreaterThan(0)
})
