/**
 * What people's reports ("I can't reach my mail") say about a route. Pure. Anybody can name an address, so a report of
 * somebody who has not signed in weighs nothing: it makes the probes ask at once, and the page shows it. Those of people
 * who have signed in say that the mail cannot be reached when so many different people report within ten minutes that no
 * handful of stolen passwords and no bad morning of one office make an emergency. See docs/decisions/0021.
 */

/** Seconds within which people must report to count together. */
export const RECENTLY_SECONDS = 600
/**
 * Where the route has no reach probes nobody but people can tell that it is over, and people who see that it is known
 * report no more: it stays so long after the reports.
 */
export const LATELY_SECONDS = 3600
/** At least so many different people, or this share of the protected ones, whichever is more. */
export const LEAST_PEOPLE = 5
export const SHARE = 0.02
/** So often at most reports make the probes of a route ask. */
export const ASK_EVERY_MS = 30_000
/** Under this name reports stand among the evidence of reach probes. */
export const REPORTS = 'reports'

export const needed = (people: number): number => Math.max(LEAST_PEOPLE, Math.ceil(people * SHARE))

export interface Reports {
  /** different people who had signed in, within RECENTLY_SECONDS and LATELY_SECONDS */
  signed: number
  signedLately: number
  /** protected people of the route */
  people: number
}

/** null: they say nothing. */
export function weigh(
  { signed, signedLately, people }: Reports,
  { isReachLost, hasProbes }: { isReachLost: boolean; hasProbes: boolean },
): 'bad' | 'good' | null {
  const many = needed(people)
  if (signed >= many) return 'bad'
  if (isReachLost && !hasProbes && signedLately >= many) return 'bad'
  // Fewer than would count: not that anybody is well, but that people no longer say otherwise.
  return isReachLost && signedLately > 0 ? 'good' : null
}

export interface Limits {
  /** May one more report of this network be looked at? */
  take(network: string, nowMs: number): boolean
}

const PER_NETWORK = 30
const WINDOW_MS = 600_000
const MOST_NETWORKS = 20_000

/**
 * How many unsigned reports one network may hand in within ten minutes. Bounded memory, and the same work for each: of more
 * networks than can be kept the older half is forgotten at once.
 */
export function networkLimits(perNetwork = PER_NETWORK): Limits {
  let seen = new Map<string, { from: number; n: number }>()
  let older: typeof seen = new Map()
  return {
    take(network, now) {
      const known = seen.get(network) ?? older.get(network)
      if (known && now - known.from < WINDOW_MS) return ++known.n <= perNetwork
      if (seen.size >= MOST_NETWORKS / 2) {
        older = seen
        seen = new Map()
      }
      seen.set(network, { from: now, n: 1 })
      return true
    },
  }
}
