/** Figures of rounds, and ratios taken inside a round: what the machine does meanwhile hits both sides of a ratio. */

export const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export interface Spread {
  median: number
  lowest: number
  highest: number
}

export const spreadOf = (list: readonly number[]): Spread => ({
  median: median(list),
  lowest: Math.min(...list),
  highest: Math.max(...list),
})

/** `percent` of the sorted list, nearest rank. */
export const percentile = (list: readonly number[], percent: number): number => {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN
}

/** One figure of one subject in one round of one scene. */
export interface Cell {
  scene: string
  subject: string
  round: number
  /** figures by name: deliveredPerSecond, acceptedPerSecond, cpuPer1000, memoryMb, … */
  figures: Record<string, number>
}

const of = (cells: readonly Cell[], scene: string, subject: string, figure: string): Map<number, number> =>
  new Map(
    cells
      .filter((cell) => cell.scene === scene && cell.subject === subject && figure in cell.figures)
      .map((cell) => [cell.round, cell.figures[figure]!]),
  )

export const figuresOf = (cells: readonly Cell[], scene: string, subject: string, figure: string): number[] => [
  ...of(cells, scene, subject, figure).values(),
]

/** Ours by theirs, one for each round in which both were measured. */
export function ratiosOf(
  cells: readonly Cell[],
  scene: string,
  figure: string,
  subject: string,
  beside: string,
): number[] {
  const theirs = of(cells, scene, beside, figure)
  return [...of(cells, scene, subject, figure)].flatMap(([round, ours]) => {
    const other = theirs.get(round)
    return other === undefined ? [] : [ours / other]
  })
}
