/** What the figures are held to, and the table that shows them. */
import { figuresOf, ratiosOf, spreadOf, type Cell, type Spread } from './measure.ts'

export interface Target {
  what: string
  scene: string
  figure: string
  /** a ratio to this subject; left out: the figure itself */
  beside?: string
  least?: number
  most?: number
}

export const targets: Target[] = [
  {
    what: 'delivered/s, 10 KB, 20 sessions',
    scene: 'sessions-20',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 2.2,
  },
  {
    what: 'delivered/s, 10 KB, 20 sessions',
    scene: 'sessions-20',
    figure: 'deliveredPerSecond',
    beside: 'haraka',
    least: 4,
  },
  {
    what: 'delivered/s, 10 KB, 100 sessions',
    scene: 'sessions-100',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 3,
  },
  {
    what: 'delivered/s, 10 KB, one session',
    scene: 'session-1',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 1,
  },
  {
    what: 'messages/s, 20 recipients each',
    scene: 'recipients-20',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 2.5,
  },
  {
    what: 'delivered/s, 100 KB, 20 sessions',
    scene: 'size-100k',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 1.6,
  },
  {
    what: 'accepted/s, nothing relayed',
    scene: 'accept-alone',
    figure: 'acceptedPerSecond',
    beside: 'postfix',
    least: 2.8,
  },
  {
    what: 'accepted/s, primary down',
    scene: 'accept-down',
    figure: 'acceptedPerSecond',
    beside: 'postfix',
    least: 2.8,
  },
  { what: 'CPU seconds per 1,000 messages', scene: 'sessions-20', figure: 'cpuPer1000', most: 1.3 },
  { what: 'memory at 100 sessions, MB', scene: 'sessions-100', figure: 'memoryMb', most: 350 },
  { what: 'drain of what was held', scene: 'outage', figure: 'drainPerSecond', beside: 'postfix', least: 2.5 },
  { what: 'drain of what was held', scene: 'outage', figure: 'drainPerSecond', beside: 'haraka', least: 1.5 },
  // balanced: a probe every 12 s; from the probe on at most a second
  { what: 'first message home, seconds', scene: 'outage', figure: 'firstAfterSeconds', most: 13 },
]

export interface Judged extends Target {
  spread: Spread
  isMet: boolean
}

/** Each target that was measured, with median and spread over the rounds. */
export function judge(cells: readonly Cell[], held: readonly Target[] = targets, whose = 'holdfast'): Judged[] {
  return held.flatMap((target) => {
    const { scene, figure, beside } = target
    const list = beside ? ratiosOf(cells, scene, figure, whose, beside) : figuresOf(cells, scene, whose, figure)
    if (list.length === 0) return []
    const spread = spreadOf(list)
    const isMet = spread.median >= (target.least ?? -Infinity) && spread.median <= (target.most ?? Infinity)
    return [{ ...target, spread, isMet }]
  })
}

const short = (value: number): string =>
  value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)
const spreadText = ({ median, lowest, highest }: Spread): string =>
  `${short(median)} (${short(lowest)}-${short(highest)})`

export function table(cells: readonly Cell[], held: readonly Target[] = targets, whose = 'holdfast'): string {
  const rows = judge(cells, held, whose).map((one) => {
    const theirs = one.beside ? spreadOf(figuresOf(cells, one.scene, one.beside, one.figure)) : null
    const ours = spreadOf(figuresOf(cells, one.scene, whose, one.figure))
    return [
      one.what,
      spreadText(ours),
      theirs ? `${one.beside!} ${spreadText(theirs)}` : '',
      one.beside ? spreadText(one.spread) : '',
      one.least === undefined ? `at most ${one.most!}` : `at least ${one.least}`,
      one.isMet ? 'met' : 'MISSED',
    ]
  })
  const all = [['', whose === 'holdfast' ? 'Holdfast' : whose, 'beside', 'ratio', 'target', ''], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
