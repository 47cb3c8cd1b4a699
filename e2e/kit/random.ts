/** Random numbers from a seed, so that a failing round can be run again exactly. */
export interface Random {
  seed: number
  next(): number
  /** 0 … below */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const random: Random = {
    seed,
    // mulberry32: small, well spread, good enough to draw victims and moments
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      let t = state
      t = Math.imul(t ^ (t >>> 15), t | 1)
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    },
    below: (limit) => Math.floor(random.next() * limit),
    pick: (list) => list[random.below(list.length)]!,
  }
  return random
}

/** HOLDFAST_PROOF_SEED, or a new one; printed by the proof that uses it. */
export const chosenSeed = (): number => Number(process.env.HOLDFAST_PROOF_SEED ?? Math.floor(Math.random() * 2 ** 31))
export const isFullProof = process.env.HOLDFAST_PROOF === 'full'
