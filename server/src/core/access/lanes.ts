/**
 * One lane for each name that is being guessed: tries go through it one behind the other, spaced, the networks in turn.
 * So guesses from many places at once cost time, and cost the owner of the name at most MOST_MS: whoever has waited that
 * long goes. Nobody is refused here, for it is others who fill a lane.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

const MOST_MS = 10_000

interface Waiting {
  late: Timer
  go(): void
  fail(reason: Error): void
}

interface Lane {
  queue: FairQueue<Waiting>
  readyAt: number
  timer: Timer | null
}

export interface Lanes {
  turn(name: string, network: string): Promise<void>
  /** Who still waits is told the reason. */
  stop(reason: Error): void
  /** lanes that are open */
  size(): number
}

/** `spacing`: milliseconds between tries for that name, now; 0 needs no lane. */
export function createLanes(clock: Clock, spacing: (name: string) => number): Lanes {
  const lanes = new Map<string, Lane>()

  function pump(name: string, lane: Lane): void {
    while (lane.queue.size > 0 && clock.monotonic() >= lane.readyAt) {
      lane.queue.take()!.go()
      lane.readyAt = clock.monotonic() + spacing(name)
    }
    if (lane.timer) return
    const ms = lane.readyAt - clock.monotonic()
    if (ms <= 0) {
      lanes.delete(name)
      return
    }
    lane.timer = clock.after(
      ms,
      () => {
        lane.timer = null
        pump(name, lane)
      },
      { hold: false },
    )
  }

  return {
    turn(name, network) {
      let lane = lanes.get(name)
      if (!lane && spacing(name) === 0) return Promise.resolve()
      if (!lane) lanes.set(name, (lane = { queue: createFairQueue(), readyAt: 0, timer: null }))
      const { queue } = lane
      return new Promise((resolve, reject) => {
        const leave = (): void => waiting.late.cancel()
        const waiting: Waiting = {
          late: clock.after(
            MOST_MS,
            () => {
              queue.remove(network, waiting)
              resolve()
            },
            { hold: false },
          ),
          go() {
            leave()
            resolve()
          },
          fail(reason) {
            leave()
            reject(reason)
          },
        }
        queue.add(network, waiting)
        pump(name, lane)
      })
    },
    stop(reason) {
      for (const lane of lanes.values()) {
        lane.timer?.cancel()
        for (let one = lane.queue.take(); one; one = lane.queue.take()) one.fail(reason)
      }
      lanes.clear()
    },
    size: () => lanes.size,
  }
}
