export type Sizes = Record<string, number>
export interface ProofResult {
  at: string
  passed: boolean
  sizes: Sizes
  hash: string
}
export function belowFull(sizes: Sizes | undefined, full: Sizes): string[]
export function whyNot(result: ProofResult | null, full: Sizes, hash: string): string | null
