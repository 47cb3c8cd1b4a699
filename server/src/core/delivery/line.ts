/**
 * Whose turn it is among the messages of a destination: the oldest, as soon as a host may take one more (pace.ts). Who is too
 * early stays in the queue, so that it can be taken back, and holds up neither a connection nor a worker: a timer comes back.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { nameOf, type Hosts, type RankedTarget } from './hosts.ts'
import type { Job } from './job.ts'
import type { Pace } from './pace.ts'

export interface Line {
  /** The next of the queue; null: there is none, or no host may take it yet and `wake` is called when one may. */
  next(): { job: Job; paced?: string } | null
  /** A timer will come back: nobody else has to. */
  isPaused(): boolean
  /** The hosts have become known: whoever waits for that is woken. */
  goOn(): void
}

export function createLine(deps: {
  clock: Clock
  queue: Job[]
  pace: Pace | undefined
  hosts: Hosts
  /** as they were found last */
  known(): RankedTarget[]
  /** only one is at work */
  isAlone(): boolean
  wake(): void
}): Line {
  const { clock, queue, pace, hosts } = deps
  let timer: Timer | null = null

  /** Among the best: the load of one priority is not carried to the next because the first is asked to be slow. */
  function soonest(by: Pace): { host: string; wait: number } {
    const [first, ...rest] = hosts.inOrder(deps.known()) as [RankedTarget, ...RankedTarget[]]
    const isPeer = (other: RankedTarget): boolean =>
      other.priority === first.priority && hosts.isWell(other) === hosts.isWell(first)
    return [first, ...rest.filter(isPeer)]
      .map((target) => ({ host: nameOf(target), wait: by.wait(nameOf(target)) }))
      .reduce((best, one) => (one.wait < best.wait ? one : best))
  }
  function comeBackIn(ms: number): null {
    timer ??= clock.after(
      ms,
      () => {
        timer = null
        if (queue.length > 0) deps.wake()
      },
      { hold: false },
    )
    return null
  }

  return {
    next() {
      if (queue.length === 0) return null
      if (pace === undefined) return { job: queue.shift()! }
      // Nothing is known of the hosts before the first has asked for them.
      if (deps.known().length === 0) return deps.isAlone() ? { job: queue.shift()! } : null
      const { host, wait } = soonest(pace)
      if (wait > 0) return comeBackIn(wait)
      pace.take(host)
      const next = { job: queue.shift()!, paced: host }
      if (queue.length > 0) comeBackIn(soonest(pace).wait)
      return next
    },
    isPaused: () => timer !== null,
    goOn() {
      if (pace !== undefined && queue.length > 0) comeBackIn(0)
    },
  }
}
