/** Tables contact_campaign and contact_ask: whom an organisation asks for a private address, how often, and how far it has come. */
import { Mode } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { PERSON_ROUTE } from './person-route.ts'
import { SIGNS_IN } from './ways-back.ts'

/** SQL for person `p`: to be asked, if they were not asked too often: what they gave is not confirmed. */
const WANTED = `${SIGNS_IN} AND NOT EXISTS (SELECT FROM private_contact k
  WHERE k.organisation_id = p.organisation_id AND k.person_id = p.person_id AND k.verified_at IS NOT NULL)`
/** SQL for person `p`: their mail goes to their mail system. In an outage there are other things to read. */
const REACHED = `EXISTS (SELECT FROM route_mode m WHERE m.organisation_id = p.organisation_id
  AND m.route_id = ${PERSON_ROUTE} AND m.mode = ${Mode.normal})`

export interface Campaign {
  startedAt: Date
  startedBy: string
  everyDays: number
  times: number
  stoppedAt: Date | null
  /** of those who have not confirmed an address: asked at least once, asked as often as they are, no way to them the last time */
  asked: number
  exhausted: number
  unreachable: number
  /** not asked yet */
  left: number
}

export async function readCampaign(sql: Sql, organisationId: Id): Promise<Campaign | null> {
  const rows = await sql.query<Campaign>(
    `SELECT c.started_at AS "startedAt", c.started_by AS "startedBy", c.every_days AS "everyDays", c.times, c.stopped_at AS "stoppedAt",
       count(*) FILTER (WHERE a.asks > 0)::int AS asked, count(*) FILTER (WHERE a.asks >= c.times)::int AS exhausted,
       count(*) FILTER (WHERE a.why = 'no-way')::int AS unreachable, count(*) FILTER (WHERE p.person_id IS NOT NULL AND coalesce(a.asks, 0) = 0)::int AS left
     FROM contact_campaign c LEFT JOIN person p ON p.organisation_id = c.organisation_id AND ${WANTED}
     LEFT JOIN contact_ask a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id
     WHERE c.organisation_id = $1 GROUP BY c.organisation_id`,
    [organisationId],
  )
  return rows[0] ?? null
}

/** A new one takes the place of one that was stopped; who was asked in that is asked anew. False: one is open. */
export async function beginCampaign(
  sql: Sql,
  of: { organisationId: Id; campaignId: Id; by: string; everyDays: number; times: number },
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO contact_campaign AS c (organisation_id, campaign_id, started_by, every_days, times) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (organisation_id) DO UPDATE SET campaign_id = excluded.campaign_id, started_at = now(),
       started_by = excluded.started_by, every_days = excluded.every_days, times = excluded.times, stopped_at = NULL,
       walker_until = '-infinity'
     WHERE c.stopped_at IS NOT NULL RETURNING 1`,
    [of.organisationId, of.campaignId, of.by, of.everyDays, of.times],
  )
  if (rows.length === 0) return false
  // When somebody was asked last stays known: stopping and beginning again asks nobody sooner.
  await sql.query('UPDATE contact_ask SET asks = 0, why = NULL WHERE organisation_id = $1', [of.organisationId])
  return true
}

/** False: none is open. */
export async function stopCampaign(sql: Sql, organisationId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE contact_campaign SET stopped_at = now() WHERE organisation_id = $1 AND stopped_at IS NULL RETURNING 1`,
    [organisationId],
  )
  return rows.length === 1
}

export interface AskingCampaign {
  organisationId: Id
  campaignId: Id
  organisation: string
  everyDays: number
  times: number
  outboundRouteId: Id | null
  /** organisation.notices */
  notices: unknown
}

/** Open campaigns, which nobody else gets for a while. */
export const claimCampaigns = (sql: Sql, seconds: number): Promise<AskingCampaign[]> =>
  sql.query<AskingCampaign>(
    `UPDATE contact_campaign c SET walker_until = now() + make_interval(secs => $1) FROM organisation o
     WHERE o.organisation_id = c.organisation_id AND c.organisation_id IN (
       SELECT organisation_id FROM contact_campaign WHERE stopped_at IS NULL AND walker_until < now()
       FOR UPDATE SKIP LOCKED LIMIT 20)
     RETURNING c.organisation_id AS "organisationId", c.campaign_id AS "campaignId", o.name AS organisation,
       c.every_days AS "everyDays", c.times, o.outbound_route_id AS "outboundRouteId", o.notices`,
    [seconds],
    'claim-campaigns',
  )

export interface AskedPerson {
  personId: Id
  name: string
  locale: string
  /** the primary one, as written, and its domain as stored */
  address: string
  domain: string
  /** before; counted already where the mail's fate is not known */
  asks: number
  isUnsure: boolean
}

/** An ask that was begun: was it sent? */
const UNSURE = 'unsure'

/** Who is to be asked now, for the first time or again. */
export const nextAsked = (sql: Sql, campaign: AskingCampaign, limit: number): Promise<AskedPerson[]> =>
  sql.query<AskedPerson>(
    `SELECT p.person_id AS "personId", p.name, p.locale, a.display AS address, d.name AS domain, coalesce(k.asks, 0) AS asks,
       coalesce(k.why = '${UNSURE}', false) AS "isUnsure"
     FROM person p JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     JOIN domain d ON d.organisation_id = a.organisation_id AND d.domain_id = a.domain_id
     LEFT JOIN contact_ask k ON k.organisation_id = p.organisation_id AND k.person_id = p.person_id
     WHERE p.organisation_id = $1 AND ${WANTED} AND ${REACHED}
       AND (k.asks IS NULL OR k.why = '${UNSURE}' OR (k.asks < $2 AND k.asked_at <= now() - make_interval(days => $3)))
     ORDER BY p.person_id LIMIT $4`,
    [campaign.organisationId, campaign.times, campaign.everyDays, limit],
  )

/**
 * Begins an ask, or takes up one whose end is not known: its number and time, by which the mail is the same again. Null: the campaign
 * or the person is gone, or somebody else asks.
 */
export async function beginAsk(
  sql: Sql,
  { organisationId, campaignId }: AskingCampaign,
  { personId, asks, isUnsure }: AskedPerson,
): Promise<{ number: number; at: Date } | null> {
  const rows = await sql.query<{ number: number; at: Date }>(
    `INSERT INTO contact_ask AS k (organisation_id, person_id, asks, asked_at, why)
     SELECT $1, p.person_id, 1, now(), '${UNSURE}' FROM person p JOIN contact_campaign c USING (organisation_id)
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND c.campaign_id = $4 AND c.stopped_at IS NULL
     ON CONFLICT (organisation_id, person_id) DO UPDATE SET why = '${UNSURE}',
       asks = CASE WHEN $5 THEN k.asks ELSE k.asks + 1 END, asked_at = CASE WHEN $5 THEN k.asked_at ELSE now() END
     WHERE k.asks = $3 AND (k.why IS NOT DISTINCT FROM '${UNSURE}') = $5
     RETURNING asks AS number, asked_at AS at`,
    [organisationId, personId, asks, campaignId, isUnsure],
  )
  return rows[0] ?? null
}

/** `why`: there is no way to them; null: it is in the queue. */
export async function endAsk(sql: Sql, organisationId: Id, personId: Id, why: 'no-way' | null): Promise<void> {
  await sql.query(`UPDATE contact_ask SET why = $3 WHERE organisation_id = $1 AND person_id = $2`, [
    organisationId,
    personId,
    why,
  ])
}

/** Others may ask on, at once. */
export async function releaseCampaign(sql: Sql, { organisationId, campaignId }: AskingCampaign): Promise<void> {
  await sql.query(
    `UPDATE contact_campaign SET walker_until = '-infinity' WHERE organisation_id = $1 AND campaign_id = $2`,
    [organisationId, campaignId],
  )
}

/** Does the person's organisation ask them now? */
export async function isAsked(sql: Sql, organisationId: Id, personId: Id): Promise<boolean> {
  const rows = await sql.query(
    `SELECT FROM person p JOIN contact_campaign c USING (organisation_id)
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND c.stopped_at IS NULL AND ${WANTED}`,
    [organisationId, personId],
    'is-asked-for-contact',
  )
  return rows.length === 1
}

/** Can anything be sent to an address elsewhere? */
export async function hasWayOut(sql: Sql, organisationId: Id): Promise<boolean> {
  const rows = await sql.query(
    'SELECT FROM organisation WHERE organisation_id = $1 AND outbound_route_id IS NOT NULL',
    [organisationId],
  )
  return rows.length === 1
}
