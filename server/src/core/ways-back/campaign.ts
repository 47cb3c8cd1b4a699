/**
 * What an administrator does: begins the campaign, stops it, sees how it stands. Who it asks is decided anew each time somebody is
 * asked, so that whoever comes later is asked as well, and whoever confirmed an address is not.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import * as store from '../../store/contact-campaign.ts'
import { appendAudit } from '../audit/index.ts'

export const LEAST_EVERY_DAYS = 2
export const MOST_EVERY_DAYS = 90
export const MOST_TIMES = 12

export interface CampaignDeps {
  db: Database
  clock: Clock
  /** where people sign in */
  publicUrl: string
}

export interface CampaignWish {
  organisationId: Id
  /** days between two mails to the same person, LEAST_EVERY_DAYS to MOST_EVERY_DAYS */
  everyDays: number
  /** most mails to the same person, 1 to MOST_TIMES */
  times: number
  /** as in audit rows */
  actor: string
}

export const campaignStanding = (sql: Sql, organisationId: Id): Promise<store.Campaign | null> =>
  store.readCampaign(sql, organisationId)
export const isAskedForContact = (sql: Sql, organisationId: Id, personId: Id): Promise<boolean> =>
  store.isAsked(sql, organisationId, personId)

/** Throws bad-request, no-public-url, no-way-out, conflict. */
export async function beginCampaign(deps: CampaignDeps, wish: CampaignWish): Promise<void> {
  const { organisationId, everyDays, times, actor } = wish
  const within = (n: number, least: number, most: number): boolean => Number.isInteger(n) && n >= least && n <= most
  if (!within(everyDays, LEAST_EVERY_DAYS, MOST_EVERY_DAYS))
    throw new WireError('bad-request', `everyDays: from ${LEAST_EVERY_DAYS} to ${MOST_EVERY_DAYS} days`)
  if (!within(times, 1, MOST_TIMES)) throw new WireError('bad-request', `times: from 1 to ${MOST_TIMES}`)
  if (deps.publicUrl === '') throw new WireError('no-public-url')
  await deps.db.transaction(async (sql) => {
    if (!(await store.hasWayOut(sql, organisationId))) throw new WireError('no-way-out')
    const campaignId = newId(deps.clock.now())
    if (!(await store.beginCampaign(sql, { organisationId, campaignId, by: actor, everyDays, times })))
      throw new WireError('conflict', 'people are being asked already; stop that first')
    await appendAudit(sql, {
      ...{ organisationId, actor, action: 'contact-campaign-begun', subject: `organisation:${organisationId}` },
      detail: { everyDays, times },
    })
  })
}

/** Throws conflict. */
export async function stopCampaign(db: Database, of: { organisationId: Id; actor: string }): Promise<void> {
  const { organisationId, actor } = of
  await db.transaction(async (sql) => {
    if (!(await store.stopCampaign(sql, organisationId))) throw new WireError('conflict', 'nobody is being asked')
    await appendAudit(sql, {
      ...{ organisationId, actor, action: 'contact-campaign-ended', subject: `organisation:${organisationId}` },
      detail: {},
    })
  })
}
