/**
 * That Holdfast cannot see, as an alarm of each organisation whose routes this process judges: raised and ended when that
 * changes, not in every round. The letter may wait in the queue until we see again; the page says it at once.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { endEverywhere, raiseAlarm } from '../alarms/index.ts'

export interface SightAlarm {
  /** After each round; `why`: we cannot see, or null. */
  tell(why: string | null, organisationIds: Iterable<Id>): Promise<void>
}

export function createSightAlarm({ db, clock }: { db: Database; clock: Clock }): SightAlarm {
  // Whoever begins ends what one before it left: it was killed while it was blind.
  let told: string | null | undefined
  return {
    async tell(why, organisationIds) {
      if (told === why) return
      if (why === null) await endEverywhere(db, 'blind')
      else
        for (const organisationId of new Set(organisationIds))
          await db.transaction((sql) =>
            raiseAlarm(sql, {
              organisationId,
              kind: 'blind',
              subject: 'installation',
              facts: { detail: why },
              now: clock.now(),
            }),
          )
      told = why
    },
  }
}
