/** Notices to people in an outage: how they stand, sending them by hand, suppressing them. */
import { z } from 'zod'
import { MOST_OWN_TEXT } from '../../../core/notices/index.ts'
import { operation } from './operation.ts'
import { count, id, name, text, time } from './words.ts'

const ofRoute = z.strictObject({ org: id, route: id })
const routeNotices = name(
  'RouteNotices',
  z.strictObject({
    routeId: id,
    routeName: z.string(),
    automatic: z.boolean(),
    afterMinutes: z.number(),
    /** who has a private address */
    people: count,
    /** without publicUrl nobody is told */
    hasUrl: z.boolean(),
    /** when people are told by themselves, if nothing changes */
    dueAt: time.nullable(),
    /** the one that is, else the last that people were told of, for a day */
    outage: z
      .strictObject({
        beganAt: time,
        overAt: time.nullable(),
        toldAt: time.nullable(),
        /** 'engine', or whose act it was */
        toldBy: z.string().nullable(),
        suppressedAt: time.nullable(),
        total: count,
        told: count,
        failed: count,
        overTold: count,
        isDone: z.boolean(),
      })
      .nullable(),
  }),
)
const noticeWish = name('NoticeWish', z.strictObject({ text: text(MOST_OWN_TEXT).nullish() }))

const base = { query: z.strictObject({}), body: null, answer: null }
export const noticeOperations = {
  listNotices: operation({
    ...base,
    id: 'listNotices',
    method: 'GET',
    path: '/organisations/:org/notices',
    ability: 'board:see',
    summary: 'Of each mail system: whether, when and how many people are told of an outage',
    params: z.strictObject({ org: id }),
    answer: name('RouteNoticesList', z.array(routeNotices)),
  }),
  sendNotices: operation({
    ...base,
    id: 'sendNotices',
    method: 'POST',
    path: '/organisations/:org/routes/:route/notices',
    ability: 'board:pin',
    summary: 'Tell people now, at their private addresses, with own words if wanted',
    params: ofRoute,
    body: noticeWish,
    answer: routeNotices,
  }),
  suppressNotices: operation({
    ...base,
    id: 'suppressNotices',
    method: 'POST',
    path: '/organisations/:org/routes/:route/notices/suppress',
    ability: 'board:pin',
    summary: 'Tell nobody (more) of this outage',
    params: ofRoute,
    answer: routeNotices,
  }),
}
