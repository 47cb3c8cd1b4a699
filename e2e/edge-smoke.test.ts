/** The bench's rows of TLS, CHUNKING, SMTPUTF8 and idle sessions run; their figures mean nothing at this size. */
import { expect, test } from 'vitest'
import { edgeSizes, edgeTable, runEdge } from '../bench/edge.ts'
import { missing } from './peers/needs.ts'

const skip = missing('postfix', 'smtp-source', 'root')

test.skipIf(skip)('each form and a crowd of idle sessions, through Postfix and Holdfast', async () => {
  const cells = await runEdge(edgeSizes.smoke, () => undefined)
  for (const scene of ['edge-data', 'edge-tls', 'edge-chunks', 'edge-utf8', 'idle'])
    expect(
      cells
        .filter((cell) => cell.scene === scene)
        .map((cell) => cell.subject)
        .sort(),
      scene,
    ).toEqual(['holdfast', 'postfix'])
  for (const { figures } of cells) expect(figures.deliveredPerSecond).toBeGreaterThan(0)
  expect(edgeTable(cells)).toContain('CHUNKING beside DATA')
})
