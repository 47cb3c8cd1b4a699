/** Raising, ending and acknowledging, each with its audit row; done twice it is done once, whichever process does it. */
import type { Database, Sql } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import {
  acknowledge,
  alarmById,
  closeAlarm,
  moveAlarm,
  openAlarm,
  standingOfGoneRoutes,
  type AlarmCause,
} from '../../store/alarms.ts'
import { appendAudit } from '../audit/index.ts'

const audit = (sql: Sql, { organisationId, kind, subject }: AlarmCause, action: 'alarm-raised' | 'alarm-ended') =>
  appendAudit(sql, { organisationId, actor: 'engine', action, subject, detail: { alarm: kind } })

/** In the caller's transaction. It stands already: its facts are those of now. */
export async function raiseAlarm(sql: Sql, alarm: AlarmCause & { facts: object; now: number }): Promise<void> {
  if (await openAlarm(sql, { ...alarm, alarmId: newId(alarm.now) })) await audit(sql, alarm, 'alarm-raised')
}

export async function endAlarm(sql: Sql, alarm: AlarmCause): Promise<void> {
  if (await closeAlarm(sql, alarm)) await audit(sql, alarm, 'alarm-ended')
}

/** Somebody else finds the same cause in the place of who is gone: it stands on, and is not told again. False: it stands no more. */
export async function passOnAlarm(
  sql: Sql,
  from: AlarmCause,
  to: { subject: string; facts: object },
): Promise<boolean> {
  if (!(await moveAlarm(sql, from, to))) return false
  await audit(sql, from, 'alarm-ended')
  await audit(sql, { ...from, subject: to.subject }, 'alarm-raised')
  return true
}

/** The route is gone that they are about: nobody judges it any more. */
export async function endOfGoneRoutes(db: Database): Promise<void> {
  for (const one of await standingOfGoneRoutes(db)) await inOneOrder(db, (sql) => endAlarm(sql, one))
}

/** Somebody has seen it and looks after it: no more reminders. It stands until its cause is gone. */
export async function acknowledgeAlarm(
  db: Database,
  { organisationId, alarmId, actor }: { organisationId: Id; alarmId: Id; actor: string },
): Promise<void> {
  await inOneOrder(db, async (sql) => {
    const alarm = await alarmById(sql, organisationId, alarmId)
    if (!alarm) throw new WireError('not-found', 'there is no such alarm')
    if (!(await acknowledge(sql, organisationId, alarmId, actor))) {
      if (alarm.endedAt !== null) throw new WireError('conflict', 'this alarm is over')
      return
    }
    const detail = { alarm: alarm.kind, id: alarmId }
    await appendAudit(sql, { organisationId, actor, action: 'alarm-acknowledged', subject: alarm.subject, detail })
  })
}
