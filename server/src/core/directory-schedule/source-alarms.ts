/**
 * What a source that is fetched by the clock needs a person for: a list that does not come, one that waits for a yes, one that
 * still says what somebody has refused. Judged from how the sources stand, again and again, by whichever process; what is so
 * is raised, what is so no more is ended.
 */
import type { AlarmKind } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import { standingSubjects } from '../../store/alarms.ts'
import { sourceStandings, type SourceStanding } from '../../store/directory-schedule.ts'
import { endAlarm, raiseAlarm } from '../alarms/index.ts'
import { sourceSettingsSchema } from '../directory/index.ts'

export const sourceAlarmKinds = ['list-late', 'list-asks', 'list-refused'] as const satisfies AlarmKind[]
export type SourceAlarmKind = (typeof sourceAlarmKinds)[number]

/** Pure: with the evidence. */
export function alarmsOf(one: SourceStanding): { kind: SourceAlarmKind; detail: string }[] {
  const { everyMinutes, alarmAfter } = sourceSettingsSchema.parse(one.settings)
  const wanted: { kind: SourceAlarmKind; detail: string }[] = []
  if (everyMinutes !== undefined && (one.silentSeconds ?? 0) > alarmAfter * everyMinutes * 60)
    wanted.push({ kind: 'list-late', detail: one.failedWhy ?? '' })
  if (one.waitingRunId !== null) wanted.push({ kind: 'list-asks', detail: one.waitingWhy ?? '' })
  else if (one.isRefused) wanted.push({ kind: 'list-refused', detail: '' })
  return wanted
}

export async function lookAfterSources(db: Database, clock: Clock): Promise<void> {
  const wanted = new Set<string>()
  for (const one of await sourceStandings(db, null)) {
    const { organisationId } = one
    const subject = `source:${one.id}`
    for (const { kind, detail } of alarmsOf(one)) {
      wanted.add(`${kind} ${organisationId} ${subject}`)
      const facts = { source: one.name, detail }
      await inOneOrder(db, (sql) => raiseAlarm(sql, { organisationId, kind, subject, facts, now: clock.now() }))
    }
  }
  for (const kind of sourceAlarmKinds)
    for (const { organisationId, subject } of await standingSubjects(db, kind))
      if (!wanted.has(`${kind} ${organisationId} ${subject}`))
        await inOneOrder(db, (sql) => endAlarm(sql, { organisationId, kind, subject }))
}
