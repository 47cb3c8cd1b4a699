/**
 * The hot path beside Postfix and Haraka. Here 240 messages and one round: it runs and counts, and its figures mean nothing.
 * As a proof (`npm run proof -- hot-path`) at full size, held to every target of bench/targets.ts.
 */
import { expect, test } from 'vitest'
import { runBench } from '../bench/bench.ts'
import { sizes } from '../bench/sizes.ts'
import { judge, table } from '../bench/targets.ts'
import { writeProofResult } from './kit/proof-result.ts'
import { missing } from './peers/needs.ts'

const skip = missing('postfix', 'smtp-source', 'root')
const isFull = process.env.HOLDFAST_PROOF === 'full'

async function smoke(): Promise<void> {
  const { cells } = await runBench({ sizes: sizes.smoke })
  expect(cells.map((cell) => cell.subject).sort()).toEqual(['haraka', 'holdfast', 'postfix'])
  for (const { figures } of cells)
    for (const name of ['acceptedPerSecond', 'deliveredPerSecond', 'cpuPer1000'])
      expect(figures[name], name).toBeGreaterThan(0)
  expect(judge(cells).length).toBeGreaterThan(0)
}

async function full(): Promise<void> {
  const rounds = Number(process.env.HOLDFAST_PROOF_ROUNDS ?? sizes.full.rounds)
  const { cells } = await runBench({ sizes: { ...sizes.full, rounds }, say: console.log })
  console.log(table(cells))
  const judged = judge(cells)
  writeProofResult({
    sizes: { rounds, messages: sizes.full.relay[0]!.messages, held: sizes.full.outage.messages },
    targets: judged,
    cells,
  })
  expect(judged.filter(({ isMet }) => !isMet).map(({ what, spread }) => `${what}: ${spread.median}`)).toEqual([])
}

test.skipIf(skip)('the same load through Postfix, Haraka and Holdfast', isFull ? full : smoke)
