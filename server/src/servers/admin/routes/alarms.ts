/** Alarms and answers. GET shows, POST acts: the link in a letter never switches anything. */
import { acknowledgeAlarm, alarmById, alarmsPage, type AlarmRow } from '../../../core/alarms/index.ts'
import { namesOf, pageOf } from '../../../core/trace/index.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { presentAlarm } from '../present-alarm.ts'
import { keyOf } from './board.ts'

interface Call {
  deps: AdminDeps
  organisationId: Id
}

async function shown({ deps, organisationId }: Call, rows: readonly AlarmRow[]) {
  const names = await namesOf(
    deps.db,
    organisationId,
    rows.map(({ acknowledgedBy }) => acknowledgedBy),
  )
  return rows.map((row) => {
    const view = presentAlarm(row)
    return { ...view, acknowledgedBy: names.get(view.acknowledgedBy) ?? view.acknowledgedBy }
  })
}

async function find({ deps, organisationId }: Call, alarmId: Id): Promise<AlarmRow> {
  const row = await alarmById(deps.db, organisationId, alarmId)
  if (!row) throw new WireError('not-found')
  return row
}

export const alarmHandlers: Handlers<'listAlarms' | 'acknowledgeAlarm' | 'answerAlarm' | 'answerRoute'> = {
  async listAlarms(call) {
    const { deps, organisationId, query } = call
    const page = await pageOf(
      query.limit,
      (row: AlarmRow) => row.alarmId,
      (limit) => alarmsPage(deps.db, organisationId, { after: keyOf(query.after), limit }),
    )
    return { items: await shown(call, page.items), next: page.next }
  },
  async acknowledgeAlarm(call) {
    const { deps, organisationId, params, session } = call
    await acknowledgeAlarm(deps.db, { organisationId, alarmId: params.alarm, actor: session.actor })
    return (await shown(call, [await find(call, params.alarm)]))[0]!
  },
  async answerAlarm(call) {
    const { deps, organisationId, params, session } = call
    const { kind, routeId, endedAt } = await find(call, params.alarm)
    if (endedAt !== null)
      throw new WireError('conflict', 'this is asked no more: it was answered, or the evidence is gone')
    if (routeId === null || (kind !== 'ask-away' && kind !== 'ask-home'))
      throw new WireError('bad-request', 'this alarm asks nothing')
    const direction = kind === 'ask-away' ? 'away' : 'home'
    await deps.continuity.pins.answer({ organisationId, routeId, direction, actor: session.actor })
    return (await shown(call, [await find(call, params.alarm)]))[0]!
  },
  async answerRoute({ deps, organisationId, params, body, session }) {
    const { direction } = body
    await deps.continuity.pins.answer({ organisationId, routeId: params.route, direction, actor: session.actor })
    return undefined
  },
}
