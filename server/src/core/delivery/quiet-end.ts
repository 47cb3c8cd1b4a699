/**
 * The end of a quiet time: what was held goes out by itself, in the order in which it came and no faster than its primary
 * bears. It has just been patched and started again, and everybody's mail of a night is due at the same moment. So one at a
 * time at first, twice as many after as many successes, up to the route's connections; one again after a failure that is the
 * route's. Of one person it is one after the other, also where the first failed with the route and is tried again: so long the
 * rest of theirs waits, for some minutes. What is new for somebody who still waits for old mail goes behind it (as far as that
 * is in our hands, and it is no code or bounce), and different people do not wait for each other.
 *
 * Nothing is kept here that is not leased in the queue; more of it is claimed as this goes out.
 */
import type { Clock } from '../../platform/clock.ts'
import { AttemptOutcome } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import { isBad } from '../continuity/index.ts'
import type { AttemptResult } from './delivery.ts'
import type { Job, JobRecipient } from './job.ts'

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
/** So long others of theirs wait for one that failed: it may come back in another process, or be given up by hand. */
const AWAIT_MS = 300_000

interface Line {
  jobs: Job[]
  /** whose mail is under way */
  owners: Set<string>
  /** failed with the route and not tried again yet, by delivery: whose it is */
  awaited: Map<Id, { owner: string; until: number }>
  underWay: number
  atOnce: number
  successes: number
  at: number
}

const ownerOf = ({ personId, address }: JobRecipient): string => personId ?? address
const ownersOf = ({ recipients }: Job): string[] => recipients.map(ownerOf)

export function createQuietEnd(deps: {
  clock: Pick<Clock, 'monotonic' | 'after'>
  mostAtOnce(routeId: Id): number
  /** Resolves at the end of the transaction. */
  go(job: Job): Promise<AttemptResult[]>
}): QuietEnd {
  const lines = new Map<Id, Line>()

  function lineOf(routeId: Id): Line {
    const known = lines.get(routeId)
    const now = deps.clock.monotonic()
    if (known && (isBusy(known) || now - known.at < FORGET_MS)) return known
    const fresh: Line = {
      jobs: [],
      owners: new Set(),
      awaited: new Map(),
      underWay: 0,
      atOnce: 1,
      successes: 0,
      at: now,
    }
    lines.set(routeId, fresh)
    return fresh
  }

  const isBusy = (line: Line): boolean => line.jobs.length + line.underWay + line.awaited.size > 0

  /** Somebody's mail from before has to be tried again first, and it is not this. */
  function isAwaiting(line: Line, job: Job): boolean {
    const ids = new Set(job.recipients.map(({ deliveryId }) => deliveryId))
    const owners = new Set(ownersOf(job))
    return [...line.awaited].some(([id, { owner }]) => owners.has(owner) && !ids.has(id))
  }

  /** The first whose people have nothing before it. */
  function takeNext(line: Line): Job | null {
    const busy = new Set(line.owners)
    for (const [i, job] of line.jobs.entries()) {
      const owners = ownersOf(job)
      const isFree = !owners.some((owner) => busy.has(owner))
      if (isFree && (line.awaited.size === 0 || !isAwaiting(line, job))) return line.jobs.splice(i, 1)[0]!
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

  /** Those that failed with the route come before what else their people have. */
  function remember(line: Line, job: Job, results: readonly AttemptResult[]): void {
    const bad = new Set(
      results.flatMap(({ deliveryId, outcome, evidence, tried }) =>
        outcome === AttemptOutcome.deferred && tried !== false && isBad(evidence) ? deliveryId : [],
      ),
    )
    for (const recipient of job.recipients) {
      const { deliveryId } = recipient
      if (!bad.has(deliveryId)) line.awaited.delete(deliveryId)
      else line.awaited.set(deliveryId, { owner: ownerOf(recipient), until: deps.clock.monotonic() + AWAIT_MS })
    }
    if (bad.size > 0)
      deps.clock.after(
        AWAIT_MS,
        () => {
          for (const [id, { until }] of line.awaited) if (until <= deps.clock.monotonic()) line.awaited.delete(id)
          run(line, job.routeId)
        },
        { hold: false },
      )
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
        remember(line, job, results)
        learn(line, routeId, results)
        run(line, routeId)
      })
    }
  }

  return {
    push(job) {
      const line = lineOf(job.routeId)
      if (job.recipients.some(({ deliveryId }) => line.awaited.has(deliveryId))) line.jobs.unshift(job)
      else line.jobs.push(job)
      run(line, job.routeId)
    },
    isBehind(job) {
      const line = lines.get(job.routeId)
      if (line === undefined || !isBusy(line)) return false
      const owners = ownersOf(job)
      return (
        owners.some((owner) => line.owners.has(owner)) ||
        [...line.awaited.values()].some(({ owner }) => owners.includes(owner)) ||
        line.jobs.some((one) => ownersOf(one).some((owner) => owners.includes(owner)))
      )
    },
    load: (routeId) => lines.get(routeId)?.jobs.length ?? 0,
    takeBack(routeId) {
      const taken: Job[] = []
      const take = (line: Line): void => {
        taken.push(...line.jobs.splice(0))
        line.awaited.clear()
      }
      for (const [id, line] of lines) if (routeId === undefined || id === routeId) take(line)
      return taken
    },
  }
}
