/** Table reach_report: who said that they cannot reach their mail. A row for each person and kind, so that nobody counts twice. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { PERSON_ROUTE } from './person-route.ts'
import { PROTECTED } from './protected.ts'

/** A report that follows another within this time changes nothing. */
const AGAIN_SECONDS = 30

const NOTED = `ON CONFLICT (organisation_id, person_id, signed) DO UPDATE SET at = now(), route_id = excluded.route_id
  WHERE r.at < now() - interval '${AGAIN_SECONDS} seconds'`

/** A protected person's own report. */
export async function noteSigned(sql: Sql, organisationId: Id, personId: Id): Promise<void> {
  await sql.query(
    `INSERT INTO reach_report AS r (organisation_id, person_id, signed, route_id)
     SELECT p.organisation_id, p.person_id, true, ${PERSON_ROUTE} FROM person p
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND ${PERSON_ROUTE} IS NOT NULL AND ${PROTECTED} ${NOTED}`,
    [organisationId, personId],
  )
}

/** Somebody's, who named an address (folded); where it is no protected person's, nothing is noted. */
export async function noteClaimed(sql: Sql, address: string): Promise<void> {
  await sql.query(
    `INSERT INTO reach_report AS r (organisation_id, person_id, signed, route_id)
     SELECT p.organisation_id, p.person_id, false, ${PERSON_ROUTE}
     FROM address w JOIN person p USING (organisation_id, person_id)
     WHERE w.address = $1 AND p.disabled_at IS NULL AND ${PERSON_ROUTE} IS NOT NULL AND ${PROTECTED} ${NOTED}`,
    [address],
  )
}

export interface ReportCounts {
  routeId: Id
  /** different people who had signed in, within the last `recently` and `lately` seconds */
  signed: number
  signedLately: number
  /** different people who were named, and had not reported signed in, within the last `recently` seconds */
  claimed: number
  lastAt: Date
}

/** Of every route that anybody reported about; `organisationId` null: of all. */
export function reportCounts(
  sql: Sql,
  organisationId: Id | null,
  { recently, lately }: { recently: number; lately: number },
): Promise<ReportCounts[]> {
  return sql.query<ReportCounts>(
    `SELECT r.route_id AS "routeId", max(r.at) AS "lastAt",
       count(*) FILTER (WHERE r.signed AND r.at > now() - make_interval(secs => $2))::int AS signed,
       count(*) FILTER (WHERE r.signed)::int AS "signedLately",
       count(*) FILTER (WHERE NOT r.signed AND r.at > now() - make_interval(secs => $2) AND NOT EXISTS (
         SELECT FROM reach_report s WHERE s.organisation_id = r.organisation_id AND s.person_id = r.person_id AND s.signed
           AND s.at > now() - make_interval(secs => $2)))::int AS claimed
     FROM reach_report r JOIN person p USING (organisation_id, person_id)
     WHERE r.at > now() - make_interval(secs => $3) AND r.at <= now() AND p.disabled_at IS NULL
       AND ($1::uuid IS NULL OR r.organisation_id = $1)
     GROUP BY r.route_id`,
    [organisationId, recently, lately],
    'report-counts',
  )
}

/** People with an emergency mailbox whose mail goes by this route. */
export async function protectedPeople(sql: Sql, organisationId: Id, routeId: Id): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM person p
     WHERE p.organisation_id = $1 AND p.disabled_at IS NULL AND ${PERSON_ROUTE} = $2 AND ${PROTECTED}`,
    [organisationId, routeId],
  )
  return row!.n
}

export async function trimReports(sql: Sql, hours: number): Promise<void> {
  await sql.query('DELETE FROM reach_report WHERE at < now() - make_interval(hours => $1)', [hours])
}
