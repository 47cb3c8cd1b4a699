/** Writes down, within seconds, whose time is over; until then the time itself keeps the mailbox closed. Role work. */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { FourEyes } from './four-eyes.ts'

const EVERY_MS = 5_000

export function createAccessWatch(deps: { fourEyes: Pick<FourEyes, 'sweep'>; clock: Clock; log: Log }) {
  let timer: Timer | null = null
  let running: Promise<unknown> | null = null
  return {
    start(): void {
      timer = deps.clock.every(EVERY_MS, () => {
        running ??= deps.fourEyes
          .sweep()
          .catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, 'ends of mailbox accesses not written; tried again'),
          )
          .finally(() => {
            running = null
          })
      })
    },
    async stop(): Promise<void> {
      timer?.cancel()
      await running
    },
  }
}
