/**
 * Who is connected hears of changes to the own mailbox: at once for changes made in this process (`touch`), within a
 * second for those of others, found by polling one number per connected person. Nothing is polled when nobody listens.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { changeSums } from '../../store/mailbox-changes.ts'

export interface MailHub {
  /** Calls `listener` after each change of that person's mailbox, until the returned function is called. */
  subscribe(personId: Id, listener: () => void): () => void
  /** Something of this person has changed just now. */
  touch(personId: Id): void
  start(): void
  stop(): void
}

const POLL_MS = 1000

export function createMailHub(deps: { sql: Sql; clock: Clock; log: Log }): MailHub {
  const listeners = new Map<Id, Set<() => void>>()
  const sums = new Map<Id, number>()
  let timer: Timer | null = null
  let polling = false

  async function poll(): Promise<void> {
    if (polling || listeners.size === 0) return
    polling = true
    try {
      for (const { personId, sum } of await changeSums(deps.sql, [...listeners.keys()])) {
        const before = sums.get(personId)
        sums.set(personId, sum)
        // The first time too: something may have changed elsewhere since the listener came. Listeners compare states.
        if (before !== sum) tell(personId)
      }
    } catch (error) {
      deps.log.debug({ err: (error as Error).message }, 'mailbox poll failed')
    } finally {
      polling = false
    }
  }

  function tell(personId: Id): void {
    for (const listener of listeners.get(personId) ?? []) listener()
  }

  return {
    subscribe(personId, listener) {
      const set = listeners.get(personId) ?? new Set()
      set.add(listener)
      listeners.set(personId, set)
      return () => {
        set.delete(listener)
        if (set.size === 0 && listeners.get(personId) === set) {
          listeners.delete(personId)
          sums.delete(personId)
        }
      }
    },
    touch: tell,
    start() {
      timer ??= deps.clock.every(POLL_MS, () => void poll())
    },
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}
