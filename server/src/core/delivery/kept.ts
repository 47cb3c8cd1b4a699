/**
 * Connections of one destination that wait for their next message. An idle one is closed after a while; one that the server
 * closed meanwhile is never given out.
 */
import type { SmtpConnection } from '../../clients/smtp/connection.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Place } from './host-room.ts'
import type { RankedTarget } from './hosts.ts'

export interface Kept {
  connection: SmtpConnection
  target: RankedTarget
  /** at its host (host-room.ts) */
  place: Place
  /** connectionOf its client: it carries nothing of another */
  client: string
  /** transactions begun on it */
  used: number
  /** monotonic milliseconds */
  openedAt: number
}

export interface KeptConnections {
  /** The one used last among those that fit. */
  take(fits?: (one: Kept) => boolean): Kept | null
  keep(one: Kept): void
  /** Closes those that fit, or all. */
  leave(fits?: (one: Kept) => boolean): void
  /** Closes the one that has waited longest; false: there is none. */
  leaveOldest(): boolean
  count(): number
}

const IDLE_MS = 20_000

export function createKeptConnections(clock: Clock): KeptConnections {
  const waiting: { one: Kept; timer: Timer }[] = []

  const remove = (at: number): Kept => {
    const [{ one, timer }] = waiting.splice(at, 1) as [(typeof waiting)[number]]
    timer.cancel()
    one.place.spare(null)
    return one
  }
  const leave = (one: Kept): void => {
    const at = waiting.findIndex((entry) => entry.one === one)
    if (at >= 0) remove(at).connection.quit()
  }

  return {
    take(fits = () => true) {
      for (let at = waiting.length - 1; at >= 0; at--) {
        const { one } = waiting[at]!
        if (!one.connection.usable()) remove(at).connection.destroy()
        else if (fits(one)) return remove(at)
      }
      return null
    },
    keep(one) {
      waiting.push({ one, timer: clock.after(IDLE_MS, () => leave(one), { hold: false }) })
      one.place.spare(() => leave(one))
    },
    leave(fits = () => true) {
      for (let at = waiting.length - 1; at >= 0; at--) if (fits(waiting[at]!.one)) remove(at).connection.quit()
    },
    leaveOldest() {
      if (waiting.length === 0) return false
      remove(0).connection.quit()
      return true
    },
    count: () => waiting.length,
  }
}
