/**
 * Notices that this process itself was away: stopped, swapped out, its machine suspended, or its clock moved. What such
 * a process sees right afterwards (time-outs that all fire at once) says nothing about anybody's mail server, so for a
 * moment nothing it observes counts (promise 13).
 */
import type { Clock, Timer } from '../../platform/clock.ts'

export interface PauseWatch {
  /** True while what we see cannot be trusted. */
  isAway(): boolean
  /** How often we were away; whoever compares knows that something was missed. */
  times(): number
  start(): void
  stop(): void
}

const BEAT_MS = 500
const TOLERATED_MS = 2500
/** Connections that died while we were away report themselves within this time. */
const GRACE_MS = 2000

export function createPauseWatch(clock: Clock): PauseWatch {
  let lastBeat = clock.monotonic()
  let offset = clock.now() - lastBeat
  let trustFrom = -Infinity
  let times = 0
  let timer: Timer | null = null

  function beat(): void {
    const monotonic = clock.monotonic()
    const nowOffset = clock.now() - monotonic
    const gap = monotonic - lastBeat
    if (gap > TOLERATED_MS || Math.abs(nowOffset - offset) > TOLERATED_MS) {
      times += 1
      trustFrom = monotonic + GRACE_MS
    }
    lastBeat = monotonic
    offset = nowOffset
  }

  return {
    isAway() {
      if (timer) beat()
      return clock.monotonic() < trustFrom
    },
    times: () => times,
    start() {
      lastBeat = clock.monotonic()
      offset = clock.now() - lastBeat
      timer = clock.every(BEAT_MS, beat)
    },
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}
