/** Tables outage and person_notice: what people are told of an outage, how far that has come, and who was told. */
import { ContactKind, Mode, RouteKind } from '../platform/codes.ts'
import { textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { PERSON_ROUTE } from './person-route.ts'
import { PROTECTED } from './protected.ts'

const DOWN = `${Mode.emergency}, ${Mode.emergencyReach}`
const BLIND = `coalesce(m.memory->'blind', 'null'::jsonb) <> 'null'::jsonb`

export interface OutageRow {
  outageId: Id
  beganAt: Date
  downSince: Date | null
  calmSince: Date | null
  wasDown: boolean
  toldAt: Date | null
  suppressedAt: Date | null
}

/** A primary that is down, or whose outage is not over, with the database's time. */
export interface RouteInOutage {
  organisationId: Id
  routeId: Id
  mode: number
  since: Date
  isBlind: boolean
  notices: unknown
  now: Date
  outage: OutageRow | null
}

export async function routesInOutage(sql: Sql): Promise<RouteInOutage[]> {
  const rows = await sql.query<Omit<RouteInOutage, 'outage'> & Omit<OutageRow, 'outageId'> & { outageId: Id | null }>(
    `SELECT m.organisation_id AS "organisationId", m.route_id AS "routeId", m.mode, m.since, ${BLIND} AS "isBlind",
       org.notices, clock_timestamp() AS now, o.outage_id AS "outageId", o.began_at AS "beganAt", o.down_since AS "downSince",
       o.calm_since AS "calmSince", o.was_down AS "wasDown", o.told_at AS "toldAt", o.suppressed_at AS "suppressedAt"
     FROM route_mode m JOIN route r USING (organisation_id, route_id) JOIN organisation org USING (organisation_id)
     LEFT JOIN outage o ON o.organisation_id = m.organisation_id AND o.route_id = m.route_id AND o.over_at IS NULL
     WHERE r.kind = ${RouteKind.primary} AND (m.mode IN (${DOWN}) OR o.outage_id IS NOT NULL)`,
    [],
    'routes-in-outage',
  )
  return rows.map(({ outageId, beganAt, downSince, calmSince, wasDown, toldAt, suppressedAt, ...route }) => ({
    ...route,
    outage: outageId === null ? null : { outageId, beganAt, downSince, calmSince, wasDown, toldAt, suppressedAt },
  }))
}

/** The open outage of a route; a new one where there is none, and then null where somebody else was faster. */
export async function openOutage(
  sql: Sql,
  outage: { organisationId: Id; outageId: Id; routeId: Id; beganAt: Date | null; downSince: Date | null },
): Promise<void> {
  await sql.query(
    `INSERT INTO outage (organisation_id, outage_id, route_id, began_at, down_since, was_down)
     VALUES ($1, $2, $3, coalesce($4::timestamptz, now()), $5::timestamptz, $5::timestamptz IS NOT NULL)
     ON CONFLICT (organisation_id, route_id) WHERE over_at IS NULL DO NOTHING`,
    [outage.organisationId, outage.outageId, outage.routeId, outage.beganAt, outage.downSince],
  )
}

export async function noteOutage(
  sql: Sql,
  organisationId: Id,
  { outageId, downSince, calmSince, wasDown }: Pick<OutageRow, 'outageId' | 'downSince' | 'calmSince' | 'wasDown'>,
): Promise<void> {
  await sql.query(
    `UPDATE outage SET down_since = $3, calm_since = $4, was_down = $5
     WHERE organisation_id = $1 AND outage_id = $2 AND over_at IS NULL`,
    [organisationId, outageId, downSince, calmSince, wasDown],
  )
}

/** It is over; whoever was told hears of it. False: it was already. */
export async function endOutage(sql: Sql, organisationId: Id, outageId: Id): Promise<void> {
  await sql.query(
    `UPDATE outage SET over_at = now(), walker_until = '-infinity', over_all_at = CASE WHEN was_down AND told > 0 THEN NULL ELSE now() END,
       told_all_at = CASE WHEN told_at IS NULL THEN NULL ELSE coalesce(told_all_at, now()) END
     WHERE organisation_id = $1 AND outage_id = $2 AND over_at IS NULL`,
    [organisationId, outageId],
  )
}

/** What the person verified, else what an admin declared. */
const PRIVATE = `coalesce((SELECT c.sealed FROM private_contact c WHERE c.organisation_id = p.organisation_id
  AND c.person_id = p.person_id AND c.kind = ${ContactKind.address}), p.private_sealed)`
const WRITABLE = `${PRIVATE} IS NOT NULL AND p.disabled_at IS NULL AND ${PROTECTED}`

/**
 * From now on people are told. Null: they are already, it was suppressed (for the engine; an admin thinks better of it), or
 * it is over. Else how many there are to tell.
 */
export async function beginTelling(
  sql: Sql,
  { organisationId, routeId, by, ownText }: { organisationId: Id; routeId: Id; by: string; ownText: string | null },
): Promise<{ outageId: Id; people: number } | null> {
  const [row] = await sql.query<{ outageId: Id; people: number }>(
    `UPDATE outage o SET told_at = now(), told_by = $3, own_text = $4, suppressed_at = NULL, suppressed_by = NULL,
       people = (SELECT count(*) FROM person p WHERE p.organisation_id = $1 AND ${PERSON_ROUTE} = $2 AND ${WRITABLE})
     WHERE o.organisation_id = $1 AND o.route_id = $2 AND o.over_at IS NULL AND o.told_at IS NULL
       AND ($3 <> 'engine' OR o.suppressed_at IS NULL)
     RETURNING outage_id AS "outageId", people`,
    [organisationId, routeId, by, ownText],
  )
  return row ?? null
}

/** Nobody more is told of this outage. False: there is none that is open, or it is suppressed already. */
export async function suppressOutage(sql: Sql, organisationId: Id, routeId: Id, by: string): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE outage SET suppressed_at = now(), suppressed_by = $3
     WHERE organisation_id = $1 AND route_id = $2 AND over_at IS NULL AND suppressed_at IS NULL RETURNING 1`,
    [organisationId, routeId, by],
  )
  return rows.length === 1
}

/** What a walk over the people of an outage needs to know. */
export interface WalkingOutage {
  organisationId: Id
  outageId: Id
  routeId: Id
  organisation: string
  notices: unknown
  outboundRouteId: Id | null
  beganAt: Date
  toldAt: Date
  toldBy: string
  ownText: string | null
  overAt: Date | null
  after: Id | null
}

/**
 * Outages of which people are to be told now, or that they are over: nobody else gets them for a while. The engine tells
 * nobody more while the route is not in an emergency, or we cannot see how it is.
 */
export function claimWalks(sql: Sql, seconds: number): Promise<WalkingOutage[]> {
  return sql.query<WalkingOutage>(
    `UPDATE outage o SET walker_until = now() + make_interval(secs => $1)
     FROM organisation org
     WHERE org.organisation_id = o.organisation_id AND (o.organisation_id, o.outage_id) IN (
       SELECT w.organisation_id, w.outage_id FROM outage w JOIN route_mode m USING (organisation_id, route_id)
       WHERE w.told_at IS NOT NULL AND (w.told_all_at IS NULL OR w.over_all_at IS NULL) AND w.walker_until < now()
         AND CASE WHEN w.over_at IS NOT NULL THEN w.over_all_at IS NULL
             ELSE w.told_all_at IS NULL AND w.suppressed_at IS NULL
               AND (w.told_by <> 'engine' OR (m.mode IN (${DOWN}) AND NOT ${BLIND})) END
       FOR UPDATE OF w SKIP LOCKED LIMIT 20)
     RETURNING o.organisation_id AS "organisationId", o.outage_id AS "outageId", o.route_id AS "routeId", org.name AS organisation,
       org.notices, org.outbound_route_id AS "outboundRouteId", o.began_at AS "beganAt", o.told_at AS "toldAt", o.told_by AS "toldBy",
       o.own_text AS "ownText", o.over_at AS "overAt", CASE WHEN o.over_at IS NULL THEN o.told_after ELSE o.over_after END AS after`,
    [seconds],
    'notice-walks',
  )
}

export interface NoticePerson {
  personId: Id
  name: string
  locale: string
  /** the primary one, as written, and its domain as stored */
  address: string
  domain: string
  privateSealed: Buffer
}

const PERSON = `p.person_id AS "personId", p.name, p.locale, a.display AS address, d.name AS domain, ${PRIVATE} AS "privateSealed"`
const HOME = `JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
  JOIN domain d ON d.organisation_id = a.organisation_id AND d.domain_id = a.domain_id`

/** Our own trouble kept them from being told: tried again, after a minute, two, four, an hour at most; so often (some 6 hours). */
export const TELL_LATER = 'later'
export const MOST_TELL_TRIES = 12
const RESTED = '(n.again_at IS NULL OR n.again_at <= now())'
const AGAIN = (tries: string): string => `now() + make_interval(secs => least(3600, 60 * 2 ^ ${tries}))`
/** Not told yet, and not for good. */
const PENDING = `n.told_at IS NULL AND n.why IN ('quiet-time', '${TELL_LATER}')`
const OVER_PENDING = `n.told_at IS NOT NULL AND n.over_told_at IS NULL AND n.tries < ${MOST_TELL_TRIES}
  AND ${PRIVATE} IS NOT NULL AND p.disabled_at IS NULL`

/** The next ones who were not told yet. */
export function nextPeople(sql: Sql, outage: WalkingOutage, limit: number): Promise<NoticePerson[]> {
  return sql.query<NoticePerson>(
    `SELECT ${PERSON} FROM person p ${HOME}
     WHERE p.organisation_id = $1 AND ($4::uuid IS NULL OR p.person_id > $4) AND ${PERSON_ROUTE} = $2 AND ${WRITABLE}
       AND NOT EXISTS (SELECT FROM person_notice n WHERE n.organisation_id = $1 AND n.outage_id = $3 AND n.person_id = p.person_id
         AND NOT (${PENDING} AND ${RESTED}))
     ORDER BY p.person_id LIMIT $5`,
    [outage.organisationId, outage.routeId, outage.outageId, outage.after, limit],
  )
}

/** Those who were told of the outage and not yet of its end. */
export function nextOverPeople(sql: Sql, outage: WalkingOutage, limit: number): Promise<NoticePerson[]> {
  return sql.query<NoticePerson>(
    `SELECT ${PERSON} FROM person_notice n JOIN person p USING (organisation_id, person_id) ${HOME}
     WHERE n.organisation_id = $1 AND n.outage_id = $2 AND ($3::uuid IS NULL OR n.person_id > $3)
       AND ${OVER_PENDING} AND ${RESTED}
     ORDER BY n.person_id LIMIT $4`,
    [outage.organisationId, outage.outageId, outage.after, limit],
  )
}

export interface Settled {
  personId: Id
  /** null: it is in the queue; TELL_LATER: not this time */
  why: string | null
}

/** Notes who was dealt with and how far the walk has come, and lets others walk. */
export async function settlePage(sql: Sql, outage: WalkingOutage, settled: readonly Settled[]): Promise<void> {
  const { organisationId, outageId } = outage
  const ids = uuidArray(settled.map(({ personId }) => personId))
  const last = settled.at(-1)?.personId ?? outage.after
  const whys = textArray(settled.map(({ why }) => why))
  if (outage.overAt !== null) {
    await sql.query(
      `WITH noted AS (
         UPDATE person_notice n SET over_told_at = CASE WHEN s.w IS DISTINCT FROM '${TELL_LATER}' THEN now() END,
           tries = CASE WHEN s.w = '${TELL_LATER}' THEN n.tries + 1 ELSE 0 END,
           again_at = CASE WHEN s.w = '${TELL_LATER}' THEN ${AGAIN('n.tries')} END
         FROM unnest($3::uuid[], $5::text[]) AS s(p, w)
         WHERE n.organisation_id = $1 AND n.outage_id = $2 AND n.person_id = s.p AND n.over_told_at IS NULL RETURNING n.over_told_at)
       UPDATE outage SET over_after = $4, over_told = over_told + (SELECT count(over_told_at) FROM noted), walker_until = '-infinity'
       WHERE organisation_id = $1 AND outage_id = $2`,
      [organisationId, outageId, ids, last, whys],
    )
    return
  }
  await sql.query(
    `WITH noted AS (
       INSERT INTO person_notice AS n (organisation_id, outage_id, person_id, told_at, why, tries, again_at)
       SELECT $1, $2, s.p, CASE WHEN s.w IS NULL THEN now() END, s.w, CASE WHEN s.w = '${TELL_LATER}' THEN 1 ELSE 0 END,
         CASE WHEN s.w = '${TELL_LATER}' THEN ${AGAIN('0')} END FROM unnest($3::uuid[], $5::text[]) AS s(p, w)
       ON CONFLICT (organisation_id, outage_id, person_id) DO UPDATE SET told_at = excluded.told_at,
         why = CASE WHEN excluded.why = '${TELL_LATER}' AND n.tries + 1 >= ${MOST_TELL_TRIES} THEN 'given-up' ELSE excluded.why END,
         tries = CASE WHEN excluded.why = '${TELL_LATER}' THEN n.tries + 1 ELSE 0 END,
         again_at = CASE WHEN excluded.why = '${TELL_LATER}' THEN ${AGAIN('n.tries')} END
         WHERE n.told_at IS NULL
       RETURNING n.why)
     UPDATE outage SET told_after = $4, walker_until = '-infinity',
       told = told + (SELECT count(*) FROM noted WHERE why IS NULL),
       failed = failed + (SELECT count(*) FROM noted WHERE why NOT IN ('quiet-time', '${TELL_LATER}'))
     WHERE organisation_id = $1 AND outage_id = $2`,
    [organisationId, outageId, ids, last, whys],
  )
}

/** Everybody was dealt with. Null: Quiet Time or our own trouble kept some from being told, who are looked at again after `seconds`. */
export async function endWalk(
  sql: Sql,
  { organisationId, routeId, outageId, overAt }: WalkingOutage,
  seconds: number,
): Promise<{ people: number; told: number; failed: number } | null> {
  const isLeft =
    overAt === null
      ? `SELECT FROM person_notice n JOIN person p USING (organisation_id, person_id) ${HOME}
         WHERE n.organisation_id = $1 AND n.outage_id = $2 AND ${PENDING} AND ${PERSON_ROUTE} = $4 AND ${WRITABLE}`
      : `SELECT FROM person_notice n JOIN person p USING (organisation_id, person_id) ${HOME}
         WHERE n.organisation_id = $1 AND n.outage_id = $2 AND $4::uuid IS NOT NULL AND ${OVER_PENDING}`
  const ends =
    overAt === null
      ? 'told_all_at = CASE WHEN left_over.yes THEN NULL ELSE now() END, told_after = NULL'
      : 'over_all_at = CASE WHEN left_over.yes THEN NULL ELSE now() END, over_after = NULL'
  const numbers =
    overAt === null ? 'people, told, failed' : 'told AS people, over_told AS told, told - over_told AS failed'
  const [row] = await sql.query<{ people: number; told: number; failed: number; isDone: boolean }>(
    `WITH left_over AS (SELECT EXISTS (${isLeft}) AS yes)
     UPDATE outage SET ${ends},
       walker_until = CASE WHEN left_over.yes THEN now() + make_interval(secs => $3) ELSE walker_until END
     FROM left_over WHERE organisation_id = $1 AND outage_id = $2 RETURNING ${numbers}, NOT left_over.yes AS "isDone"`,
    [organisationId, outageId, seconds, routeId],
  )
  return row?.isDone ? { people: row.people, told: row.told, failed: row.failed } : null
}

export interface NoticeView {
  routeId: Id
  routeName: string
  mode: number
  notices: unknown
  /** who could be told */
  people: number
  /** the open outage, else one that ended within a day */
  outage:
    | (Pick<WalkingOutage, 'outageId' | 'beganAt' | 'overAt' | 'ownText'> & {
        downSince: Date | null
        toldAt: Date | null
        toldBy: string | null
        suppressedAt: Date | null
        suppressedBy: string | null
        total: number
        told: number
        failed: number
        overTold: number
        toldAllAt: Date | null
      })
    | null
}

export async function noticeViews(sql: Sql, organisationId: Id): Promise<NoticeView[]> {
  type Outage = NonNullable<NoticeView['outage']>
  type Row = Omit<NoticeView, 'outage'> & Omit<Outage, 'outageId'> & { outageId: Id | null }
  const rows = await sql.query<Row>(
    `WITH writable AS (SELECT ${PERSON_ROUTE} AS route_id, count(*)::int AS n FROM person p
       WHERE p.organisation_id = $1 AND ${WRITABLE} GROUP BY 1)
     SELECT r.route_id AS "routeId", r.name AS "routeName", m.mode, org.notices, coalesce(w.n, 0) AS people, o.*
     FROM route r JOIN organisation org USING (organisation_id) JOIN route_mode m USING (organisation_id, route_id)
     LEFT JOIN writable w ON w.route_id = r.route_id
     LEFT JOIN LATERAL (
       SELECT outage_id AS "outageId", began_at AS "beganAt", over_at AS "overAt", own_text AS "ownText", down_since AS "downSince",
         told_at AS "toldAt", told_by AS "toldBy", suppressed_at AS "suppressedAt", suppressed_by AS "suppressedBy",
         x.people AS total, told, failed, over_told AS "overTold", told_all_at AS "toldAllAt"
       FROM outage x WHERE x.organisation_id = r.organisation_id AND x.route_id = r.route_id
         AND (x.over_at IS NULL OR (x.over_at > now() - interval '1 day' AND x.told_at IS NOT NULL))
       ORDER BY x.over_at DESC NULLS FIRST LIMIT 1) o ON true
     WHERE r.organisation_id = $1 AND r.kind = ${RouteKind.primary} ORDER BY r.name`,
    [organisationId],
  )
  return rows.map(({ routeId, routeName, mode, notices, people, outageId, ...outage }) => ({
    ...{ routeId, routeName, mode, notices, people },
    outage: outageId === null ? null : { outageId, ...outage },
  }))
}

/** Outages that ended long ago, with who was told. */
export async function trimOutages(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `WITH gone AS (DELETE FROM outage WHERE over_at < now() - make_interval(days => $1) RETURNING organisation_id, outage_id)
     DELETE FROM person_notice n USING gone g WHERE n.organisation_id = g.organisation_id AND n.outage_id = g.outage_id`,
    [days],
  )
}
