/** Alarms: what needs a person; looking at them, saying that one has seen one, answering what the engine asks. */
import { z } from 'zod'
import { alarmKinds } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { id, name, page, pageQuery, time } from './words.ts'

const none = z.strictObject({})
const ofOrganisation = z.strictObject({ org: id })
const ofAlarm = z.strictObject({ org: id, alarm: id })
const alarm = name(
  'Alarm',
  z.strictObject({
    id,
    kind: z.enum(alarmKinds),
    routeId: id.nullable(),
    /** '' where it is about no route */
    routeName: z.string(),
    /** of a probe; '' otherwise */
    probe: z.string(),
    /** name of a directory source; '' otherwise */
    source: z.string(),
    /** the evidence */
    detail: z.string(),
    openedAt: time,
    endedAt: time.nullable(),
    acknowledgedAt: time.nullable(),
    /** who; '' while nobody has */
    acknowledgedBy: z.string(),
    /** letters so far */
    told: z.number().int(),
    /** one click answers it */
    answerable: z.boolean(),
  }),
)

const base = { query: none, body: null, answer: null }
export const alarmOperations = {
  listAlarms: operation({
    ...base,
    id: 'listAlarms',
    method: 'GET',
    path: '/organisations/:org/alarms',
    ability: 'board:see',
    summary: 'Alarms: those that stand first, then the newest',
    params: ofOrganisation,
    query: z.strictObject(pageQuery),
    answer: page('AlarmPage', alarm),
  }),
  acknowledgeAlarm: operation({
    ...base,
    id: 'acknowledgeAlarm',
    method: 'POST',
    path: '/organisations/:org/alarms/:alarm/acknowledge',
    ability: 'board:pin',
    summary: 'Somebody has seen it: no more reminders; it stands until its cause is gone',
    params: ofAlarm,
    answer: alarm,
  }),
  answerAlarm: operation({
    ...base,
    id: 'answerAlarm',
    method: 'POST',
    path: '/organisations/:org/alarms/:alarm/answer',
    ability: 'board:pin',
    summary: 'Yes to what the engine asks: it switches the route now',
    params: ofAlarm,
    answer: alarm,
  }),
  answerRoute: operation({
    ...base,
    id: 'answerRoute',
    method: 'POST',
    path: '/organisations/:org/routes/:route/answer',
    ability: 'board:pin',
    summary: 'Do what the engine would do with the route and may not by itself',
    params: z.strictObject({ org: id, route: id }),
    body: name('RouteAnswer', z.strictObject({ direction: z.enum(['away', 'home']) })),
  }),
}
