/**
 * Table evidence: counts per route, second and kind, added up by every node, read by the holder of the judge's lease.
 * Never a row per observation: a flood of failing deliveries is one row a second and kind.
 */
import { EvidenceKind, RouteKind } from '../platform/codes.ts'
import { int2Array, int4Array, textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface EvidenceBucket {
  organisationId: Id
  routeId: Id
  kind: EvidenceKind
  /** name of the reach probe; '' where it is about taking mail */
  probe: string
  seen: number
  lastText: string | null
}

/** Adds counts to the second in which they arrive: the database's clock is the only one that stamps evidence. */
export async function addEvidence(sql: Sql, buckets: readonly EvidenceBucket[]): Promise<void> {
  await sql.query(
    `INSERT INTO evidence AS e (organisation_id, route_id, second, kind, probe, seen, last_text)
     SELECT o, r, date_trunc('second', clock_timestamp()), k, p, s, t
     FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::int4[], $5::text[], $6::text[]) AS b(o, r, k, s, t, p)
     ORDER BY 1, 2, 4, 5
     ON CONFLICT (organisation_id, route_id, second, kind, probe)
     DO UPDATE SET seen = e.seen + excluded.seen, last_text = coalesce(excluded.last_text, e.last_text)`,
    [
      uuidArray(buckets.map((b) => b.organisationId)),
      uuidArray(buckets.map((b) => b.routeId)),
      int2Array(buckets.map((b) => b.kind)),
      int4Array(buckets.map((b) => b.seen)),
      textArray(buckets.map((b) => b.lastText)),
      textArray(buckets.map((b) => b.probe)),
    ],
    'evidence-add',
  )
}

export interface EvidenceRow {
  routeId: Id
  second: Date
  kind: EvidenceKind
  probe: string
  seen: number
  text: string | null
}

/** What was seen of these routes, each in its own last `seconds`. */
export async function evidenceOf(
  sql: Sql,
  routes: readonly { organisationId: Id; routeId: Id; seconds: number }[],
): Promise<EvidenceRow[]> {
  return sql.query<EvidenceRow>(
    `SELECT e.route_id AS "routeId", e.second, e.kind, e.probe, e.seen, e.last_text AS text
     FROM unnest($1::uuid[], $2::uuid[], $3::int4[]) AS w(o, r, s)
     JOIN evidence e ON e.organisation_id = w.o AND e.route_id = w.r
     WHERE e.second > now() - make_interval(secs => w.s) ORDER BY e.second`,
    [
      uuidArray(routes.map((r) => r.organisationId)),
      uuidArray(routes.map((r) => r.routeId)),
      int4Array(routes.map((r) => r.seconds)),
    ],
    'evidence-window',
  )
}

/** What became of these routes' canaries, each in its own last `seconds`; few rows, by an index of their own. */
export async function canariesOf(
  sql: Sql,
  routes: readonly { organisationId: Id; routeId: Id; seconds: number }[],
): Promise<EvidenceRow[]> {
  if (routes.length === 0) return []
  return sql.query<EvidenceRow>(
    `SELECT e.route_id AS "routeId", e.second, e.kind, e.probe, e.seen, e.last_text AS text
     FROM unnest($1::uuid[], $2::uuid[], $3::int4[]) AS w(o, r, s)
     JOIN evidence e ON e.organisation_id = w.o AND e.route_id = w.r
     WHERE e.kind >= ${EvidenceKind.probeRefused} AND e.second > now() - make_interval(secs => w.s)
     ORDER BY e.second`,
    [
      uuidArray(routes.map((r) => r.organisationId)),
      uuidArray(routes.map((r) => r.routeId)),
      int4Array(routes.map((r) => r.seconds)),
    ],
    'evidence-canaries',
  )
}

export interface RouteSighting {
  routeId: Id
  mode: number
  pin: number | null
  goodAt: Date | null
  /** the first and the last failure since then */
  badFrom: Date | null
  badAt: Date | null
}

/** What was seen of every primary's route in the last `seconds`, by whichever node. */
export async function sightingsOf(
  sql: Sql,
  seconds: number,
  badKinds: readonly EvidenceKind[],
): Promise<RouteSighting[]> {
  return sql.query<RouteSighting>(
    `SELECT m.route_id AS "routeId", m.mode, m.pin, g.at AS "goodAt", b.begun AS "badFrom", b.at AS "badAt"
     FROM route_mode m JOIN route r USING (organisation_id, route_id)
     CROSS JOIN LATERAL (
       SELECT max(e.second) AS at FROM evidence e
       WHERE e.organisation_id = m.organisation_id AND e.route_id = m.route_id
         AND e.second > now() - make_interval(secs => $1) AND e.second <= now()
         AND e.kind IN (${EvidenceKind.good}, ${EvidenceKind.probeGood})) g
     CROSS JOIN LATERAL (
       SELECT min(e.second) AS begun, max(e.second) AS at FROM evidence e
       WHERE e.organisation_id = m.organisation_id AND e.route_id = m.route_id
         AND e.second > coalesce(g.at, now() - make_interval(secs => $1)) AND e.second <= now() AND e.kind = ANY ($2::int2[])) b
     WHERE r.kind = ${RouteKind.primary}`,
    [seconds, int2Array(badKinds)],
    'evidence-sightings',
  )
}

/** Did the route answer a probe or take mail within the last `seconds`? */
export async function answeredSince(
  sql: Sql,
  route: { organisationId: Id; routeId: Id; seconds: number },
): Promise<boolean> {
  const [row] = await sql.query<{ yes: boolean }>(
    `SELECT EXISTS (SELECT FROM evidence WHERE organisation_id = $1 AND route_id = $2
       AND kind IN (${EvidenceKind.good}, ${EvidenceKind.probeGood})
       AND second > now() - make_interval(secs => $3)) AS yes`,
    [route.organisationId, route.routeId, route.seconds],
  )
  return row!.yes
}

/** Sums by kind and the last probe, for the admin's page. */
export async function evidenceSummary(
  sql: Sql,
  organisationId: Id,
  minutes: number,
): Promise<{ routeId: Id; kind: EvidenceKind; probe: string; count: number; lastText: string | null; lastAt: Date }[]> {
  return sql.query(
    `SELECT route_id AS "routeId", kind, probe, sum(seen)::int AS count, max(second) AS "lastAt",
       (array_agg(last_text ORDER BY second DESC) FILTER (WHERE last_text IS NOT NULL))[1] AS "lastText"
     FROM evidence WHERE organisation_id = $1 AND second > now() - make_interval(mins => $2)
     GROUP BY route_id, kind, probe ORDER BY route_id, kind, probe`,
    [organisationId, minutes],
  )
}

/** The last answer of each of these probes within two hours, for the admin's page. */
export async function lastOfProbes(
  sql: Sql,
  organisationId: Id,
  probes: readonly { routeId: Id; name: string }[],
): Promise<{ routeId: Id; probe: string; kind: EvidenceKind; at: Date; text: string | null }[]> {
  if (probes.length === 0) return []
  return sql.query(
    `SELECT w.r AS "routeId", w.p AS probe, e.kind, e.second AS at, e.last_text AS text
     FROM unnest($2::uuid[], $3::text[]) AS w(r, p)
     CROSS JOIN LATERAL (SELECT kind, second, last_text FROM evidence
       WHERE organisation_id = $1 AND route_id = w.r AND probe = w.p AND second > now() - interval '2 hours'
       ORDER BY second DESC LIMIT 1) AS e`,
    [organisationId, uuidArray(probes.map((p) => p.routeId)), textArray(probes.map((p) => p.name))],
  )
}

/** Judged long ago; the audit rows hold what came of it. */
export async function trimEvidence(sql: Sql, hours: number): Promise<void> {
  await sql.query(`DELETE FROM evidence WHERE second < now() - make_interval(hours => $1)`, [hours], 'evidence-trim')
}
