/**
 * Table alarm: what needs a person. One row for each standing cause: raising it again changes its facts and nothing else,
 * whichever process does it (unique index over what has not ended).
 */
import { Role, RouteKind, type AlarmKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { DEAD_AFTER_SECONDS } from './nodes.ts'

export interface AlarmCause {
  organisationId: Id
  kind: AlarmKind
  subject: string
}
export interface AlarmRow extends AlarmCause {
  alarmId: Id
  /** of a route */
  routeId: Id | null
  routeName: string | null
  facts: Record<string, unknown>
  openedAt: Date
  endedAt: Date | null
  acknowledgedAt: Date | null
  acknowledgedBy: string | null
  told: number
  toldAt: Date | null
}

const LAST_SIGN = `now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`
const COLUMNS = `a.organisation_id AS "organisationId", a.alarm_id AS "alarmId", a.kind, a.subject, r.route_id AS "routeId", r.name AS "routeName",
  a.facts, a.opened_at AS "openedAt", a.ended_at AS "endedAt", a.acknowledged_at AS "acknowledgedAt", a.acknowledged_by AS "acknowledgedBy", a.told, a.told_at AS "toldAt"`
const WITH_ROUTE = `LEFT JOIN route r ON r.organisation_id = a.organisation_id AND r.route_id::text = split_part(a.subject, ':', 2)`

/** True: it stands from now on; false: it stood already. */
export async function openAlarm(sql: Sql, alarm: AlarmCause & { alarmId: Id; facts: object }): Promise<boolean> {
  const rows = await sql.query<{ made: boolean }>(
    `INSERT INTO alarm (organisation_id, alarm_id, kind, subject, facts, tell_at) VALUES ($1, $2, $3, $4, $5, now())
     ON CONFLICT (organisation_id, kind, subject) WHERE ended_at IS NULL DO UPDATE SET facts = excluded.facts
     RETURNING alarm_id = $2 AS made`,
    [alarm.organisationId, alarm.alarmId, alarm.kind, alarm.subject, JSON.stringify(alarm.facts)],
  )
  return rows[0]!.made
}

/** Not before it was opened: who ends it may have begun earlier than who opened it, and a clock may be set back. */
const NOT_BEFORE = 'greatest(now(), opened_at)'

/** True: it stood until now. Who was told that it began is told that it is over, unless it is a question: that is over when it is answered. */
export async function closeAlarm(sql: Sql, { organisationId, kind, subject }: AlarmCause): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE alarm SET ended_at = ${NOT_BEFORE}, tell_at = CASE WHEN told > 0 AND kind NOT LIKE 'ask-%' THEN now() END
     WHERE organisation_id = $1 AND kind = $2 AND subject = $3 AND ended_at IS NULL RETURNING 1`,
    [organisationId, kind, subject],
  )
  return rows.length > 0
}

/** Of alarms that stand: the organisations they belong to. */
export async function standingSubjects(sql: Sql, kind: AlarmKind): Promise<{ organisationId: Id; subject: string }[]> {
  return sql.query(
    `SELECT organisation_id AS "organisationId", subject FROM alarm WHERE kind = $1 AND ended_at IS NULL`,
    [kind],
  )
}

/** What processes say of themselves ('node:<id>'), with how they are. Who has just come back calls nobody gone (nodes.ts). */
export interface NodeAlarm {
  organisationId: Id
  subject: string
  node: 'own' | 'living' | 'gone'
}

export async function standingOfNodes(sql: Sql, kind: AlarmKind, nodeId: Id): Promise<NodeAlarm[]> {
  return sql.query<NodeAlarm>(
    `SELECT a.organisation_id AS "organisationId", a.subject, CASE WHEN a.subject = 'node:' || $2 THEN 'own'
       WHEN EXISTS (SELECT FROM node n WHERE n.node_id = $2::uuid AND n.steady_since > ${LAST_SIGN})
         OR EXISTS (SELECT FROM node n WHERE a.subject = 'node:' || n.node_id AND n.seen_at > ${LAST_SIGN}) THEN 'living'
       ELSE 'gone' END AS node
     FROM alarm a WHERE a.kind = $1 AND a.ended_at IS NULL`,
    [kind, nodeId],
    'alarms-of-nodes',
  )
}

/** The same alarm, about another subject from now on: what was told of it stays told. False: it stands no more. */
export async function moveAlarm(sql: Sql, from: AlarmCause, to: { subject: string; facts: object }): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE alarm SET subject = $4, facts = $5 WHERE organisation_id = $1 AND kind = $2 AND subject = $3 AND ended_at IS NULL RETURNING 1`,
    [from.organisationId, from.kind, from.subject, to.subject, JSON.stringify(to.facts)],
  )
  return rows.length > 0
}

/** Alarms that stand about a route that was taken away, or about a probe of one that is no mail system of ours any more. */
export async function standingOfGoneRoutes(sql: Sql): Promise<AlarmCause[]> {
  return sql.query<AlarmCause>(
    `SELECT a.organisation_id AS "organisationId", a.kind, a.subject FROM alarm a ${WITH_ROUTE}
     WHERE a.ended_at IS NULL AND split_part(a.subject, ':', 1) IN ('route', 'probe')
       AND (r.route_id IS NULL OR split_part(a.subject, ':', 1) = 'probe' AND r.kind <> ${RouteKind.primary})`,
  )
}

export async function alarmById(sql: Sql, organisationId: Id, alarmId: Id): Promise<AlarmRow | null> {
  const rows = await sql.query<AlarmRow>(
    `SELECT ${COLUMNS} FROM alarm a ${WITH_ROUTE} WHERE a.organisation_id = $1 AND a.alarm_id = $2`,
    [organisationId, alarmId],
  )
  return rows[0] ?? null
}

/** Those that stand first, then the newest; `after`: the last of the page before. */
export async function alarmsPage(
  sql: Sql,
  organisationId: Id,
  { after, limit }: { after: Id | null; limit: number },
): Promise<AlarmRow[]> {
  return sql.query<AlarmRow>(
    `SELECT ${COLUMNS} FROM alarm a ${WITH_ROUTE}
     WHERE a.organisation_id = $1 AND ($2::uuid IS NULL OR (a.ended_at IS NULL, a.alarm_id) <
       (SELECT b.ended_at IS NULL, b.alarm_id FROM alarm b WHERE b.organisation_id = $1 AND b.alarm_id = $2))
     ORDER BY a.ended_at IS NULL DESC, a.alarm_id DESC LIMIT $3`,
    [organisationId, after, limit],
  )
}

/** Somebody has seen it: no more reminders. False: it is over or seen already. */
export async function acknowledge(sql: Sql, organisationId: Id, alarmId: Id, by: string): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE alarm SET acknowledged_at = ${NOT_BEFORE}, acknowledged_by = $3, tell_at = NULL
     WHERE organisation_id = $1 AND alarm_id = $2 AND ended_at IS NULL AND acknowledged_at IS NULL RETURNING 1`,
    [organisationId, alarmId, by],
  )
  return rows.length > 0
}

export interface DueAlarm extends AlarmRow {
  alarmsTo: string[]
  organisationName: string
  outboundRouteId: Id | null
  /** letters about this organisation's alarms within the last hour, and about this very subject and kind */
  recent: number
  recentOfCause: number
}

/** Takes some that are due; nobody else gets them for `leaseSeconds`. */
export async function claimAlarms(sql: Sql, limit: number, leaseSeconds: number): Promise<DueAlarm[]> {
  return sql.query<DueAlarm>(
    `WITH due AS (
       UPDATE alarm SET tell_at = now() + make_interval(secs => $2) WHERE (organisation_id, alarm_id) IN (
         SELECT organisation_id, alarm_id FROM alarm WHERE tell_at <= now() ORDER BY tell_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING *)
     SELECT ${COLUMNS}, o.alarms_to AS "alarmsTo", o.name AS "organisationName", o.outbound_route_id AS "outboundRouteId",
       (SELECT count(*)::int FROM alarm_letter l WHERE l.organisation_id = a.organisation_id AND l.at > now() - interval '1 hour') AS recent,
       (SELECT count(*)::int FROM alarm_letter l JOIN alarm b USING (organisation_id, alarm_id)
        WHERE l.organisation_id = a.organisation_id AND l.at > now() - interval '1 hour' AND b.kind = a.kind AND b.subject = a.subject) AS "recentOfCause"
     FROM due a JOIN organisation o USING (organisation_id) ${WITH_ROUTE} ORDER BY a.alarm_id`,
    [limit, leaseSeconds],
  )
}

/** It was told; `againSeconds`: when next, null: not again. What stood when it was told and is over by now is told once more. */
export async function noteTold(
  sql: Sql,
  {
    organisationId,
    alarmId,
    againSeconds,
    stood,
  }: { organisationId: Id; alarmId: Id; againSeconds: number | null; stood: boolean },
): Promise<void> {
  await sql.query(
    `WITH letter AS (INSERT INTO alarm_letter (organisation_id, alarm_id, at) VALUES ($1, $2, clock_timestamp()))
     UPDATE alarm SET told = told + 1, told_at = now(),
       tell_at = CASE WHEN $4 AND ended_at IS NOT NULL THEN CASE WHEN kind NOT LIKE 'ask-%' THEN now() END
         WHEN acknowledged_at IS NULL THEN now() + make_interval(secs => $3) END
     WHERE organisation_id = $1 AND alarm_id = $2`,
    [organisationId, alarmId, againSeconds, stood],
  )
}

/** Not now: nobody is named to be told, or enough was told. What was seen or ended meanwhile stays as that has left it. */
export async function putOff(sql: Sql, organisationId: Id, alarmId: Id, seconds: number | null): Promise<void> {
  await sql.query(
    `UPDATE alarm SET tell_at = now() + make_interval(secs => $3) WHERE organisation_id = $1 AND alarm_id = $2 AND tell_at IS NOT NULL`,
    [organisationId, alarmId, seconds],
  )
}

export async function sweepAlarms(sql: Sql, days: number): Promise<void> {
  await sql.query(`DELETE FROM alarm WHERE ended_at < now() - make_interval(days => $1)`, [days])
  await sql.query(`DELETE FROM alarm_letter WHERE at < now() - interval '1 day'`)
}

/** The language of an address: its person's here, else the one that most admins of the organisation read. */
export async function localeOf(sql: Sql, organisationId: Id, address: string): Promise<string> {
  const rows = await sql.query<{ locale: string }>(
    `SELECT locale FROM (
       SELECT p.locale, 0 AS rank, 1 AS n FROM address a JOIN person p USING (organisation_id, person_id)
         WHERE a.organisation_id = $1 AND a.address = $2
       UNION ALL SELECT locale, 1, count(*)::int FROM person WHERE organisation_id = $1 AND role = $3 GROUP BY locale) l
     ORDER BY rank, n DESC, locale LIMIT 1`,
    [organisationId, address, Role.admin],
  )
  return rows[0]?.locale ?? 'en'
}
