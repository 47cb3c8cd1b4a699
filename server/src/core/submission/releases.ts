/**
 * What people want sent later (RFC 4865; "undo" and "send later" of the web pages): it waits in its row, with its message
 * in the author's Drafts, and is looked for every second by the database's clock.
 *
 * Promises: never early, never twice: a step of its row decides between worker, other worker and the person who cancels.
 * Signed, routed and held as of the moment when it leaves, whatever the mode; it lies in Sent from then on. Who has moved
 * its message to Trash, or destroyed it, does not want it sent. What cannot be sent just now is tried on; what cannot be
 * sent at all stays in Drafts, and its author is told why (unsent.ts).
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import { cancelWaiting, listDue, postpone, type WaitingRow } from '../../store/waiting.ts'

export interface Releases {
  /** Sends what is due; how many have left. */
  run(): Promise<number>
  start(): void
  stop(): void
}

export interface ReleaseDeps {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'delivery'>
  /** true: it has left, false: it was canceled, or another has it */
  release: (waiting: WaitingRow) => Promise<boolean>
  /** Puts the reason into the author's Inbox, once. */
  tell: (waiting: WaitingRow, reason: WireError) => Promise<void>
}

const EVERY_MS = 1000
const BATCH = 50
const AGAIN_S = 60

/** It will not be otherwise the next time. */
const isFinal = (error: unknown): error is WireError =>
  error instanceof WireError && error.spec.blame === 'peer' && error.spec.smtp >= 500

export function createReleases(deps: ReleaseDeps): Releases {
  const { db, log } = deps
  let timer: Timer | null = null
  let running = false

  async function giveUp(one: WaitingRow, error: WireError): Promise<void> {
    // Told before it is noted: what is cut off here is told again, under the same id.
    await deps.tell(one, error)
    await cancelWaiting(db, one, one.submissionId)
    log.info({ submissionId: one.submissionId, code: error.code }, 'what was to be sent later cannot be sent')
  }

  async function failed(one: WaitingRow, error: unknown): Promise<void> {
    // First, so that one which fails again in what follows does not stand before the others.
    await postpone(db, one, one.submissionId, AGAIN_S)
    const isOld = one.lateSeconds > deps.config.delivery.maxAge
    if (isFinal(error)) return giveUp(one, error)
    if (isOld) return giveUp(one, error instanceof WireError ? error : new WireError('internal'))
    log.warn({ err: String(error), submissionId: one.submissionId }, 'what is due could not be sent; it is repeated')
  }

  async function settle(one: WaitingRow): Promise<boolean> {
    try {
      return await deps.release(one)
    } catch (error) {
      await failed(one, error)
      return false
    }
  }

  async function run(): Promise<number> {
    let left = 0
    for (const one of await listDue(db, BATCH))
      try {
        if (await settle(one)) left++
      } catch (error) {
        log.warn({ err: String(error), submissionId: one.submissionId }, 'what is due is dealt with a little later')
      }
    return left
  }

  return {
    run,
    start() {
      timer ??= deps.clock.every(EVERY_MS, () => {
        if (running) return
        running = true
        run()
          .catch((error: unknown) => log.warn({ err: String(error) }, 'what is due is sent a little later'))
          .finally(() => {
            running = false
          })
      })
    },
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}
