/** `npm run bench -- --flat [--messages N]`: is the cost flat, from empty to full size? See scenes/flat.ts. */
import { machine, type BenchResult } from './bench.ts'
import { runFlat, type FlatSizes } from './scenes/flat.ts'
import { table, type Target } from './targets.ts'

/** 1/1.2: what the full one may be slower by. */
const FLAT = 0.83

export const flatTargets: Target[] = [
  {
    what: 'delivered/s, 10 KB, 20 sessions',
    scene: 'flat-relay',
    figure: 'deliveredPerSecond',
    beside: 'empty',
    least: FLAT,
  },
  { what: 'CPU seconds per 1,000 messages', scene: 'flat-relay', figure: 'cpuPer1000', beside: 'empty', most: 1.2 },
  {
    what: 'accepted/s, nothing relayed',
    scene: 'flat-kept',
    figure: 'acceptedPerSecond',
    beside: 'empty',
    least: FLAT,
  },
  { what: 'start-up, seconds', scene: 'start-up', figure: 'seconds', most: 10 },
  { what: 'first RCPT of a domain, ms', scene: 'first-rcpt', figure: 'milliseconds', most: 10 },
  { what: 'idle, percent of a processor', scene: 'idle', figure: 'processorPercent', most: 15 },
]

export const flatSizes = (stored = 5_000_000): FlatSizes => ({ stored, messages: 4000, rounds: 9, idleSeconds: 20 })

export async function flat(
  sizes: FlatSizes,
  say: (line: string) => void,
): Promise<Omit<BenchResult, 'sizes'> & { sizes: object }> {
  const { shape, cells } = await runFlat(sizes, say)
  return { machine: machine(), sizes: { ...sizes, ...shape }, cells }
}

export const flatTable = (cells: BenchResult['cells']): string => table(cells, flatTargets, 'full')
