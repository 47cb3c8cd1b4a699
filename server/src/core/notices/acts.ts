/**
 * What an admin does about notices: tells people now, with own words where wanted, whatever the mode; or lets nobody (more)
 * be told of this outage. And how it stands, for the page and the command line.
 */
import type { Clock } from '../../platform/clock.ts'
import { Mode, RouteKind, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { readMode } from '../../store/modes.ts'
import { beginTelling, noticeViews, openOutage, suppressOutage } from '../../store/notices.ts'
import { appendAudit } from '../audit/index.ts'
import { noticeSettingsSchema } from '../directory/index.ts'
import { isDown } from './rules.ts'

export interface NoticeAct {
  organisationId: Id
  routeId: Id
  /** as in audit rows */
  actor: string
}

export interface NoticeActDeps {
  db: Database
  clock: Clock
  /** where people sign in */
  publicUrl: string
}

/** An admin's own words: long enough to explain, short enough to be read. */
export const MOST_OWN_TEXT = 2000

export interface RouteNotices {
  routeId: Id
  routeName: string
  automatic: boolean
  afterMinutes: number
  /** who has a private address */
  people: number
  /** without it nobody is told: a notice says where to sign in */
  hasUrl: boolean
  /** when the engine tells people, if nothing changes; null: it does not */
  dueAt: Date | null
  outage: {
    beganAt: Date
    overAt: Date | null
    toldAt: Date | null
    toldBy: string | null
    suppressedAt: Date | null
    total: number
    told: number
    failed: number
    overTold: number
    isDone: boolean
  } | null
}

export async function routeNotices(deps: NoticeActDeps, organisationId: Id): Promise<RouteNotices[]> {
  const hasUrl = deps.publicUrl !== ''
  return (await noticeViews(deps.db, organisationId)).map(({ routeId, routeName, mode, notices, people, outage }) => {
    const { automatic, afterMinutes } = noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(notices)
    const downSince = outage !== null && outage.overAt === null ? outage.downSince : null
    const isDue =
      automatic && hasUrl && people > 0 && isDown(mode as Mode) && !outage?.toldAt && !outage?.suppressedAt && downSince
    return {
      ...{ routeId, routeName, automatic, afterMinutes, people, hasUrl },
      dueAt: isDue ? new Date(isDue.getTime() + afterMinutes * 60_000) : null,
      outage: outage && {
        beganAt: outage.beganAt,
        overAt: outage.overAt,
        toldAt: outage.toldAt,
        toldBy: outage.toldBy,
        suppressedAt: outage.suppressedAt,
        total: outage.total,
        told: outage.told,
        failed: outage.failed,
        overTold: outage.overTold,
        isDone: outage.toldAllAt !== null,
      },
    }
  })
}

async function primaryOf(db: Database, { organisationId, routeId }: NoticeAct): Promise<{ mode: Mode; since: Date }> {
  const route = await readMode(db, organisationId, routeId)
  if (!route) throw new WireError('not-found', 'there is no such route')
  if (route.kind !== RouteKind.primary)
    throw new WireError('bad-request', "this route is a way out: nobody's mailbox is behind it")
  return { mode: route.mode as Mode, since: route.since }
}

/** How many are told. */
export async function tellPeople(deps: NoticeActDeps, act: NoticeAct & { ownText: string | null }): Promise<number> {
  const { organisationId, routeId, actor } = act
  const ownText = act.ownText?.trim() ? act.ownText.trim() : null
  if (ownText !== null && (ownText.length > MOST_OWN_TEXT || ownText.includes('\0') || !ownText.isWellFormed()))
    throw new WireError('bad-request', `text: at most ${MOST_OWN_TEXT} characters of plain text`)
  if (deps.publicUrl === '')
    throw new WireError('config', 'set publicUrl in holdfast.yaml first: a notice says where people sign in')
  const { mode, since } = await primaryOf(deps.db, act)
  return deps.db.transaction(async (sql) => {
    const downSince = isDown(mode) ? since : null
    // There already: it stays as it is.
    await openOutage(sql, { organisationId, routeId, outageId: newId(deps.clock.now()), beganAt: downSince, downSince })
    const begun = await beginTelling(sql, { organisationId, routeId, by: actor, ownText })
    if (!begun) throw new WireError('conflict', 'people have been told of this outage already')
    const { outageId: outage, people } = begun
    await appendAudit(sql, {
      ...{ organisationId, actor, action: 'notices-begun', subject: `route:${routeId}` },
      detail: { outage, people, mode: wordOf(Mode, mode), ...(ownText === null ? {} : { text: ownText }) },
    })
    return people
  })
}

/** Nobody (more) is told of the outage that is; who was told hears when it is over. */
export async function suppressNotices(deps: Pick<NoticeActDeps, 'db' | 'clock'>, act: NoticeAct): Promise<void> {
  const { organisationId, routeId, actor } = act
  const { mode, since } = await primaryOf(deps.db, act)
  await deps.db.transaction(async (sql) => {
    if (isDown(mode))
      await openOutage(sql, {
        organisationId,
        routeId,
        outageId: newId(deps.clock.now()),
        beganAt: since,
        downSince: since,
      })
    if (!(await suppressOutage(sql, organisationId, routeId, actor)))
      throw new WireError('conflict', 'there is no outage that people would be told of, or it is suppressed already')
    await appendAudit(sql, {
      ...{ organisationId, actor, action: 'notices-suppressed', subject: `route:${routeId}` },
      detail: {},
    })
  })
}
