/**
 * A return's pace for each person: never more than so many messages a minute into one mailbox, however fast the others go
 * home (many systems limit or filter a mailbox that fills too fast). Evenly spaced, because a burst is what such limits
 * look for. Knows who may not be given anything yet; whom it does not name may.
 */
import type { Id } from '../../platform/ids.ts'

export interface PersonPace {
  /** People whose next message is not due yet. `now`: milliseconds, monotonic. */
  resting(now: number): Id[]
  /** These were begun; one without a person counts for nobody. */
  started(begun: readonly { personId: Id | null }[], now: number): void
}

export function createPersonPace(perMinute: number | undefined): PersonPace {
  if (perMinute === undefined) return { resting: () => [], started: () => undefined }
  const spacing = 60_000 / perMinute
  const dueAt = new Map<Id, number>()
  return {
    resting(now) {
      for (const [personId, due] of dueAt) if (due <= now) dueAt.delete(personId)
      return [...dueAt.keys()]
    },
    started(begun, now) {
      for (const { personId } of begun)
        if (personId !== null) dueAt.set(personId, Math.max(now, dueAt.get(personId) ?? now) + spacing)
    },
  }
}
