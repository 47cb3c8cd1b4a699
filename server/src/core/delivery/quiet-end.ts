/**
 * The end of a quiet time: what was held goes out by itself, in the order in which it came and no faster than its primary
 * bears. It has just been patched and started again, and everybody's mail of a night is due at the same moment. So one at a
 * time at first, twice as many after as many successes, up to the route's connections; one again after a failure that is the
 * route's. Of one person it is one after the other, what is new for somebody who still waits for old mail goes behind it
 * (as far as that is in our hands, and it is no code or bounce), and different people do not wait for each other.
 *
 * Nothing is kept here that is not leased in the queue; more of it is claimed as this goes out.
 */
import type { Clock } from '../../platform/clock.ts'
import { AttemptOutcome } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import { isBad } from '../continuity/index.ts'
import type { AttemptResult } from './delivery.ts'
import type { Job } from './job.ts'

export interface QuietEnd {
  push(job: Job): void
  /** Somebody it is for still waits for what was held. */
  isBehind(job: Job): boolean
  /** Transactions that wait for their turn. */
  load(routeId: Id): number
  /** What has not begun, of one route or of all. */
  takeBack(routeId?: Id): Job[]
}

/** A route at which nothing was held for so long begins with one at a time again. */
const FORGET_MS = 60_000

interface Line {
  jobs: Job[]
  /** whose mail is under way */
  owners: Set<string>
  underWay: number
  atOnce: number
  successes: number
  at: number
}

const ownersOf = ({ recipients }: Job): string[] => recipients.map(({ personId, address }) => personId ?? address)

export function createQuietEnd(deps: {
  clock: Pick<Clock, 'monotonic'>
  mostAtOnce(routeId: Id): number
  /** Resolves at the end of the transaction. */
  go(job: Job): Promise<AttemptResult[]>
}): QuietEnd {
  const lines = new Map<Id, Line>()

  function lineOf(routeId: Id): Line {
    const known = lines.get(routeId)
    const now = deps.clock.monotonic()
    if (known && (known.jobs.length + known.underWay > 0 || now - known.at < FORGET_MS)) return known
    const fresh: Line = { jobs: [], owners: new Set(), underWay: 0, atOnce: 1, successes: 0, at: now }
    lines.set(routeId, fresh)
    return fresh
  }

  /** The first whose people have nothing before it. */
  function takeNext(line: Line): Job | null {
    const busy = new Set(line.owners)
    for (const [i, job] of line.jobs.entries()) {
      const owners = ownersOf(job)
      if (!owners.some((owner) => busy.has(owner))) return line.jobs.splice(i, 1)[0]!
      for (const owner of owners) busy.add(owner)
    }
    return null
  }

  function learn(line: Line, routeId: Id, results: readonly AttemptResult[]): void {
    line.at = deps.clock.monotonic()
    if (results.some(({ tried, evidence }) => tried !== false && isBad(evidence))) {
      line.atOnce = 1
      line.successes = 0
    } else if (results.some(({ outcome }) => outcome === AttemptOutcome.delivered) && ++line.successes >= line.atOnce) {
      line.atOnce = Math.min(deps.mostAtOnce(routeId), line.atOnce * 2)
      line.successes = 0
    }
  }

  function run(line: Line, routeId: Id): void {
    while (line.underWay < line.atOnce) {
      const job = takeNext(line)
      if (job === null) return
      const owners = ownersOf(job)
      for (const owner of owners) line.owners.add(owner)
      line.underWay++
      void deps.go(job).then((results) => {
        line.underWay--
        for (const owner of owners) line.owners.delete(owner)
        learn(line, routeId, results)
        run(line, routeId)
      })
    }
  }

  return {
    push(job) {
      const line = lineOf(job.routeId)
      line.jobs.push(job)
      run(line, job.routeId)
    },
    isBehind(job) {
      const line = lines.get(job.routeId)
      if (line === undefined || line.jobs.length + line.underWay === 0) return false
      const owners = ownersOf(job)
      return (
        owners.some((owner) => line.owners.has(owner)) ||
        line.jobs.some((one) => ownersOf(one).some((owner) => owners.includes(owner)))
      )
    },
    load: (routeId) => lines.get(routeId)?.jobs.length ?? 0,
    takeBack(routeId) {
      const taken: Job[] = []
      for (const [id, line] of lines) if (routeId === undefined || id === routeId) taken.push(...line.jobs.splice(0))
      return taken
    },
  }
}
