/**
 * Is it the primary that fails, or one mailbox of it? A recipient that fails again although others were taken since it
 * first failed speaks for itself only: it goes into a back-off of its own, and says nothing about the route. Without this
 * one broken mailbox, or one message that makes the primary drop the connection, would be taken for an outage.
 *
 * In memory, per process: what is forgotten at a restart is one failure that counts once more.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Id } from '../../platform/ids.ts'

export interface MailboxFaults {
  /** The primary took mail for this recipient. */
  taken(routeId: Id, recipient: string): void
  /** It failed for this one, after RCPT. True: others have been taken since it first did, so it is not the route. */
  failed(routeId: Id, recipient: string): boolean
}

interface Seen {
  /** recipient -> when it first failed */
  failing: Map<string, number>
  takenAt: number
}

/** Remembered per route; more failing recipients than this are an outage, not a mailbox. */
const MOST = 1000
const REMEMBER_MS = 3_600_000

export function createMailboxFaults(clock: Pick<Clock, 'monotonic'>): MailboxFaults {
  const routes = new Map<Id, Seen>()
  const of = (routeId: Id): Seen => {
    const known = routes.get(routeId)
    if (known) return known
    const made = { failing: new Map<string, number>(), takenAt: -Infinity }
    routes.set(routeId, made)
    return made
  }

  return {
    taken(routeId, recipient) {
      const seen = of(routeId)
      seen.failing.delete(recipient)
      seen.takenAt = clock.monotonic()
    },
    failed(routeId, recipient) {
      const { failing, takenAt } = of(routeId)
      const now = clock.monotonic()
      const since = failing.get(recipient)
      if (since !== undefined && now - since < REMEMBER_MS) return takenAt > since
      failing.delete(recipient)
      failing.set(recipient, now)
      if (failing.size > MOST) failing.delete(failing.keys().next().value!)
      return false
    },
  }
}
