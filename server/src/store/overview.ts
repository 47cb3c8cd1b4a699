/** What pages show about an organisation besides its mail and its routes: people, one's own standing. */
import { Mode } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { DECISION } from './pins.ts'
import { waysBackOf, type WaysBack } from './ways-back.ts'

export interface OrganisationRow {
  id: Id
  name: string
}

/** All, or the one asked for. */
export function organisations(sql: Sql, only: Id | null): Promise<OrganisationRow[]> {
  return sql.query<OrganisationRow>(
    'SELECT organisation_id AS id, name FROM organisation WHERE $1::uuid IS NULL OR organisation_id = $1 ORDER BY name, organisation_id LIMIT 10000',
    [only],
  )
}

/** By id or slug; without a name the only one there is. */
export async function organisationByName(sql: Sql, name: string | null): Promise<OrganisationRow[]> {
  return sql.query<OrganisationRow>(
    `SELECT organisation_id AS id, slug AS name FROM organisation
     WHERE $1::text IS NULL OR slug = $1 OR organisation_id::text = $1 ORDER BY slug LIMIT 100`,
    [name],
  )
}

export interface PersonRow {
  id: Id
  name: string
  addresses: string[]
  role: number
  protected: boolean
  source: number
  /** codes.ts PersonKind */
  kind: number
  /** of a shared mailbox */
  members: { name: string; isGroup: boolean; mayWrite: boolean; send: number | null }[]
  lastSignInAt: Date | null
  mode: number | null
  /** core/continuity/pin-order.ts Decider, and what is said of it there */
  decidedBy: string | null
  decidedWhy: string | null
  decidedAuthor: string | null
  decidedUntil: Date | null
}

export interface PeopleQuestion {
  /** part of a name or address */
  q?: string | null
  after?: Id | null
  limit: number
  /** who has no more than these ways back in */
  ways?: WaysBack | undefined
}

/** People in the order they were made. */
export function listPeople(
  sql: Sql,
  organisationId: Id,
  { q = null, after = null, limit, ways }: PeopleQuestion,
): Promise<PersonRow[]> {
  return sql.query<PersonRow>(
    `SELECT p.person_id AS id, p.name, a.addresses, p.role, p.source, p.kind, coalesce(m.members, '[]') AS members, (SELECT max(c.last_used_at) FROM credential c WHERE c.subject_id = p.person_id) AS "lastSignInAt",
            coalesce(p.scope_emergency, g.scope_emergency, d.scope_emergency, o.scope_emergency) AS protected,
            w.mode, w.by AS "decidedBy", w.reason AS "decidedWhy", w.author AS "decidedAuthor", w.until AS "decidedUntil"
     FROM person p JOIN organisation o ON o.organisation_id = p.organisation_id
     LEFT JOIN person_group g ON g.organisation_id = p.organisation_id AND g.group_id = p.group_id
     LEFT JOIN LATERAL (SELECT coalesce(array_agg(display ORDER BY is_primary DESC, address), '{}') AS addresses,
                               (array_agg(domain_id ORDER BY is_primary DESC, address))[1] AS domain_id
                        FROM address WHERE organisation_id = p.organisation_id AND person_id = p.person_id) a ON true
     LEFT JOIN domain d ON d.organisation_id = p.organisation_id AND d.domain_id = a.domain_id
     LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('name', coalesce(y.name, z.name, ''), 'isGroup', s.is_group, 'mayWrite', s.may_write,
                                 'send', s.send) ORDER BY s.is_group, coalesce(y.name, z.name)) AS members
                        FROM shared_member s LEFT JOIN person y ON NOT s.is_group AND y.organisation_id = s.organisation_id AND y.person_id = s.member_id
                        LEFT JOIN person_group z ON s.is_group AND z.organisation_id = s.organisation_id AND z.group_id = s.member_id
                        WHERE s.organisation_id = p.organisation_id AND s.mailbox_id = p.person_id) m ON p.kind <> 1
     LEFT JOIN LATERAL (${DECISION({ organisation: 'p.organisation_id', person: 'p.person_id', address: 'a.addresses[1]', route: 'coalesce(p.route_id, g.route_id, d.route_id)' })}) w ON true
     WHERE p.organisation_id = $1 AND ($2::uuid IS NULL OR p.person_id > $2)
       AND ($3::text IS NULL OR p.name ILIKE $3 OR EXISTS (SELECT FROM address x WHERE x.organisation_id = p.organisation_id
            AND x.person_id = p.person_id AND x.address LIKE lower($3)))${ways === undefined ? '' : ` AND ${waysBackOf[ways]}`}
     ORDER BY p.person_id LIMIT $4`,
    [organisationId, after, q === null ? null : `%${q.replace(/[\\%_]/g, '\\$&')}%`, limit],
  )
}

export interface StandingRow {
  mode: number
  since: Date
  pin: number | null
  cause: string
  primaryName: string
  waitingHere: number
  sentHere: number
  /** could not be handed over: only here, until an admin has looked at it */
  parkedHere: number
  /** of this person in the open return of the route */
  home: number
  pending: number
  returning: boolean
  now: Date
}

/** A person's own: the mode that counts for them (pins counted in), what waits for them, what they sent that is not home. */
export async function personStanding(sql: Sql, organisationId: Id, personId: Id): Promise<StandingRow | null> {
  const rows = await sql.query<StandingRow>(
    `SELECT coalesce(pm.mode, ${Mode.normal}) AS mode, coalesce(pm.since, now()) AS since, pm.pin,
            CASE WHEN pm.by = 'mailbox' THEN 'mailbox-fails' WHEN pm.pin IS NULL OR pm.by = 'route' THEN coalesce(rm.cause, 'first-seen')
              ELSE (ARRAY['pinned-emergency', 'pinned-normal', 'pinned-hold'])[pm.pin] END AS cause,
            coalesce(r.name, '') AS "primaryName", w.waiting AS "waitingHere", s.sent AS "sentHere",
            k.parked AS "parkedHere",
            coalesce(l.home, 0) AS home, w.held AS pending, e.return_event_id IS NOT NULL AS returning, now() AS now
     FROM person p
     LEFT JOIN person_group g ON g.organisation_id = p.organisation_id AND g.group_id = p.group_id
     LEFT JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     LEFT JOIN domain d ON d.organisation_id = p.organisation_id AND d.domain_id = a.domain_id
     LEFT JOIN route r ON r.organisation_id = p.organisation_id AND r.route_id = coalesce(p.route_id, g.route_id, d.route_id)
     LEFT JOIN route_mode rm ON rm.organisation_id = p.organisation_id AND rm.route_id = r.route_id
     LEFT JOIN LATERAL (${DECISION({ organisation: 'p.organisation_id', person: 'p.person_id', address: 'a.address', route: 'r.route_id' })}) pm ON true
     LEFT JOIN return_event e ON e.organisation_id = p.organisation_id AND e.return_event_id = rm.return_event_id
       AND e.recovering_at IS NOT NULL AND e.finished_at IS NULL
     LEFT JOIN LATERAL (SELECT count(*) AS waiting, count(*) FILTER (WHERE held) AS held FROM delivery x
       WHERE x.organisation_id = p.organisation_id AND x.person_id = p.person_id AND x.state < 10) w ON true
     LEFT JOIN LATERAL (SELECT count(*) AS sent FROM owed_item x
       WHERE x.organisation_id = p.organisation_id AND x.person_id = p.person_id AND x.state IN (1, 3)) s ON true
     LEFT JOIN LATERAL (SELECT count(*) AS parked FROM delivery x
       WHERE x.organisation_id = p.organisation_id AND x.person_id = p.person_id AND x.state = 13) k ON true
     LEFT JOIN LATERAL (SELECT count(DISTINCT x.delivery_id) AS home FROM ledger x
       WHERE x.organisation_id = p.organisation_id AND x.return_event_id = e.return_event_id AND x.person_id = p.person_id AND x.outcome = 1) l ON true
     WHERE p.organisation_id = $1 AND p.person_id = $2`,
    [organisationId, personId],
    'person-standing',
  )
  return rows[0] ?? null
}
