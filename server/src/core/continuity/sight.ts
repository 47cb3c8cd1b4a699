/**
 * Is it the mail systems that are ill, or are we? Pure. One primary that fails is its own fault; when most of those who
 * have nothing to do with each other fail at once, the patient is Holdfast: its uplink, its resolver, its firewall
 * (promise 13). Asked before a route's mode gets worse, never otherwise.
 *
 * The rule. Routes of one provider (related.ts) are one group, so that its outage counts once. Of the groups that were seen
 * since the trouble began those that began to fail within SPAN of each other are counted against those that answered:
 * - a reference host (`continuity.references`) that answered since: we see, whatever fails;
 * - none of the references answers, and no more groups answer than fail: we cannot see;
 * - without word from references: at least MOST_ALONE groups fail, and they are more than half: we cannot see;
 * - too few were seen since to say: nothing changes until they were, at most for PATIENCE.
 * It is over when a reference answers, or when as many groups answer as fail.
 */

/** What was seen of one route or of one group. Milliseconds, the database's clock. */
export interface Sighting {
  goodAt: number | null
  /** the first and the last failure after that */
  badFrom: number | null
  badAt: number | null
}

/** How long ago the last check began in which a reference answered, and the last in which none did. */
export interface ReferenceAges {
  configured: boolean
  goodAge: number
  badAge: number
}

export type Verdict = { kind: 'sees' } | { kind: 'unclear' } | { kind: 'blind'; why: string }

/** Seconds of evidence that are looked at. */
export const SIGHT_WINDOW = 180
/** The longest time between two probes and a probe that hangs, at the slowest sensitivity. */
const SPAN = 90_000
/** From so many groups on that fail at once it may be we who are ill. */
export const MOST_ALONE = 3
/** A failure among others says enough. */
const WITNESSES = 5
/** A probe that hangs takes up to 30 s. */
const PATIENCE = 35_000
/** Counts of one second come in any order, a moment late. */
const SLACK = 2000
/** What failed longer ago than this may be well by now. */
const STALE = 60_000

export const isFailing = (one: Sighting): boolean => one.badFrom !== null

/** Several routes of one group: it answers while one of them does, and fails since the last of them began to. */
export function together(routes: readonly Sighting[]): Sighting {
  const latest = (pick: (one: Sighting) => number | null): number | null =>
    routes.reduce<number | null>((most, one) => {
      const value = pick(one)
      return value === null ? most : Math.max(most ?? value, value)
    }, null)
  const goodAt = latest((one) => one.goodAt)
  const answers = routes.some((one) => one.goodAt !== null && !isFailing(one))
  return {
    goodAt,
    badFrom: answers ? null : latest((one) => one.badFrom),
    badAt: answers ? null : latest((one) => one.badAt),
  }
}

/** May a group's failures, begun at `onset`, be held against it? */
export function judgeSight(
  groups: readonly Sighting[],
  onset: number,
  references: ReferenceAges,
  now: number,
): Verdict {
  const failing = groups.filter((one) => isFailing(one) && Math.abs(one.badFrom! - onset) <= SPAN)
  const since = failing.reduce((least, one) => Math.min(least, one.badFrom!), onset)
  const answering = groups.filter((one) => !isFailing(one) && one.goodAt !== null && one.goodAt >= since + SLACK)
  const age = now - since
  if (references.configured) {
    if (references.goodAge < age) return { kind: 'sees' }
    if (references.badAge < age && failing.length >= answering.length)
      return { kind: 'blind', why: `no reference host answers${counted(failing.length, answering.length)}` }
  }
  if (failing.length >= MOST_ALONE && failing.length > answering.length)
    return { kind: 'blind', why: `most mail systems fail at once${counted(failing.length, answering.length)}` }
  const unseen = groups.filter((one) => !isFailing(one) && one.goodAt !== null && one.goodAt < since + SLACK)
  const seen = failing.length + answering.length
  const needed = Math.min(WITNESSES, seen + unseen.length)
  const mayTell = needed >= MOST_ALONE || (references.configured && references.badAge >= age)
  const isEnough = seen >= needed && !(references.configured && references.badAge >= age)
  return mayTell && !isEnough && now - onset < PATIENCE ? { kind: 'unclear' } : { kind: 'sees' }
}

/** Blind since `since`: do we see again? */
export function seesAgain(groups: readonly Sighting[], since: number, references: ReferenceAges, now: number): boolean {
  if (references.configured && references.goodAge < now - since) return true
  const answering = groups.filter((one) => !isFailing(one) && one.goodAt !== null && one.goodAt > since)
  const failing = groups.filter((one) => isFailing(one) && one.badAt! > Math.max(since, now - STALE))
  return answering.length > 0 && answering.length >= failing.length
}

const counted = (failing: number, answering: number): string =>
  ` (${failing} that have nothing to do with each other fail, ${answering} ${answering === 1 ? 'answers' : 'answer'})`
