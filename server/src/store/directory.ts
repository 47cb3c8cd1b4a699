/**
 * What RCPT, routing, submission and sign-in look up: domain, address, person, redirect, known_recipient,
 * directory_generation.
 * Reading only, but for the learned recipients; the writers of the model are in store/model.ts and end with
 * bumpDirectory in their own transaction.
 */
import { boolArray, textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface DomainRow {
  organisationId: Id
  domainId: Id
  name: string
  kind: number
  aliasOf: string | null
  otherRouteId: Id | null
  catchAll: string | null
  separator: string
  routeId: Id | null
  complete: boolean
  unknownPolicy: number
  /** its mail system may be asked about strangers */
  callouts: boolean
  /** that takes mail for anybody; null: not found out */
  acceptsAll: boolean | null
  /** domain's own scope, else the organisation's */
  filtering: boolean
  rollingCopy: boolean
  emergency: boolean
  retentionDays: number
  /** the organisation's way to the world */
  outboundRouteId: Id | null
}

const DOMAIN = `
SELECT d.organisation_id AS "organisationId", d.domain_id AS "domainId", d.name, d.kind, a.name AS "aliasOf",
       d.other_route_id AS "otherRouteId", d.catch_all AS "catchAll", d.subaddress_separator AS separator,
       d.route_id AS "routeId", d.recipients_complete AS complete, d.unknown_policy AS "unknownPolicy",
       d.callouts, r.accepts_all AS "acceptsAll",
       coalesce(d.scope_filtering, o.scope_filtering) AS filtering,
       coalesce(d.scope_copy, o.scope_copy) AS "rollingCopy",
       coalesce(d.scope_emergency, o.scope_emergency) AS emergency,
       o.retention_days AS "retentionDays", o.outbound_route_id AS "outboundRouteId"
FROM domain d JOIN organisation o USING (organisation_id)
LEFT JOIN domain a ON a.organisation_id = d.organisation_id AND a.domain_id = d.alias_of_domain_id
LEFT JOIN route r ON r.organisation_id = d.organisation_id AND r.route_id = d.route_id`

export async function domainByName(sql: Sql, name: string): Promise<DomainRow | null> {
  const rows = await sql.query<DomainRow>(`${DOMAIN} WHERE d.name = $1`, [name], 'directory-domain')
  return rows[0] ?? null
}

/** Whom bare <postmaster> means: the domain that was made first. */
export async function oldestDomain(sql: Sql): Promise<DomainRow | null> {
  const rows = await sql.query<DomainRow>(`${DOMAIN} WHERE d.kind = 1 ORDER BY d.domain_id LIMIT 1`)
  return rows[0] ?? null
}

/** An address is a person's, or stands for others, or both: two rows. */
export interface AddressRow {
  address: string
  organisationId: Id
  /** null: the row of a redirect */
  personId: Id | null
  redirect: RedirectRow | null
  routeId: Id | null
  filtering: boolean | null
  rollingCopy: boolean | null
  emergency: boolean | null
}

export interface RedirectRow {
  id: Id
  /** folded */
  address: string
  /** as the admin wrote them */
  targets: string[]
  /** the person who has the address gets the mail as well */
  keepCopy: boolean
  /** it is a list, and the targets are its members */
  list?: ListRow
}

export interface ListRow {
  name: string
  /** codes.ts ListPosting */
  posting: number
  /** folded */
  posters: string[]
  help: string | null
  unsubscribe: string | null
  /** folded: members who get nothing for now */
  paused: string[]
}

/** Primary addresses of the people in the groups of list `l`. */
const MEMBERS_OF_GROUPS = `ARRAY(SELECT a.display FROM person p JOIN address a USING (organisation_id, person_id)
  WHERE p.organisation_id = l.organisation_id AND p.group_id = ANY(l.groups) AND a.is_primary AND p.disabled_at IS NULL
  ORDER BY a.address)`

/** Those of the addresses that exist: what their person (else group) says about route and scopes, what they stand for. */
export function findAddresses(sql: Sql, addresses: readonly string[]): Promise<AddressRow[]> {
  return sql.query<AddressRow>(
    `SELECT a.address, a.organisation_id AS "organisationId", p.person_id AS "personId", NULL::jsonb AS redirect,
            coalesce(p.route_id, g.route_id) AS "routeId",
            coalesce(p.scope_filtering, g.scope_filtering) AS filtering,
            coalesce(p.scope_copy, g.scope_copy) AS "rollingCopy",
            coalesce(p.scope_emergency, g.scope_emergency) AS emergency
     FROM address a
     JOIN person p ON p.organisation_id = a.organisation_id AND p.person_id = a.person_id
     LEFT JOIN person_group g ON g.organisation_id = p.organisation_id AND g.group_id = p.group_id
     WHERE a.address = ANY($1::text[])
     UNION ALL
     SELECT address, organisation_id, NULL, jsonb_build_object('id', redirect_id, 'address', address, 'targets', targets,
            'keepCopy', keep_copy), NULL, NULL, NULL, NULL
     FROM redirect WHERE address = ANY($1::text[])
     UNION ALL
     SELECT address, organisation_id, NULL, jsonb_build_object('id', list_id, 'address', address, 'keepCopy', false,
            'targets', members || ${MEMBERS_OF_GROUPS},
            'list', jsonb_build_object('name', name, 'posting', posting, 'posters', posters, 'help', help,
              'unsubscribe', unsubscribe, 'paused', ARRAY(SELECT member FROM list_bounce b
                WHERE b.organisation_id = l.organisation_id AND b.list_id = l.list_id AND paused_at IS NOT NULL))),
            NULL, NULL, NULL, NULL
     FROM mailing_list l WHERE address = ANY($1::text[])`,
    [addresses],
    'directory-addresses',
  )
}

export interface KnownRow {
  address: string
  routeId: Id
  known: boolean
  /** codes.ts KnownSource */
  source: number
  ageMs: number
}

/** Of a route that takes mail for anybody nothing counts: having taken mail for an address says nothing (promise 7). */
const TAKES_ALL = `EXISTS (SELECT FROM route r WHERE r.organisation_id = k.organisation_id AND r.route_id = k.route_id AND r.accepts_all)`

export function findKnown(sql: Sql, organisationId: Id, addresses: readonly string[]): Promise<KnownRow[]> {
  return sql.query<KnownRow>(
    `SELECT address, route_id AS "routeId", known, source,
       (extract(epoch FROM now() - seen_at) * 1000)::float8 AS "ageMs" FROM known_recipient k
     WHERE organisation_id = $1 AND address = ANY($2::text[]) AND NOT (known AND ${TAKES_ALL})`,
    [organisationId, addresses],
    'directory-known',
  )
}

export interface Learned {
  organisationId: Id
  /** folded */
  address: string
  routeId: Id
  known: boolean
}

/**
 * Notes recipients the primary has accepted (or refused). Only for domains whose list is not complete and
 * routes that do not take everybody; a row that was confirmed within the hour is left alone, so that steady mail writes nothing. Never removes a row (promise 7).
 */
export async function upsertKnown(sql: Sql, source: number, rows: readonly Learned[]): Promise<void> {
  if (rows.length === 0) return
  await sql.query(
    `INSERT INTO known_recipient AS k (organisation_id, address, route_id, source, known)
     SELECT n.organisation_id, n.address, n.route_id, $5, n.known
     FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bool[]) AS n(organisation_id, address, route_id, known)
     JOIN domain d ON d.organisation_id = n.organisation_id AND d.name = split_part(n.address, '@', -1)
     LEFT JOIN route r ON r.organisation_id = n.organisation_id AND r.route_id = n.route_id
     WHERE NOT d.recipients_complete AND NOT (n.known AND coalesce(r.accepts_all, false))
     ORDER BY n.organisation_id, n.address
     ON CONFLICT (organisation_id, address) DO UPDATE
       SET route_id = excluded.route_id, source = excluded.source, known = excluded.known, seen_at = now()
       WHERE k.seen_at < now() - interval '1 hour' OR k.known <> excluded.known OR k.route_id <> excluded.route_id`,
    [
      uuidArray(rows.map((row) => row.organisationId)),
      textArray(rows.map((row) => row.address)),
      uuidArray(rows.map((row) => row.routeId)),
      boolArray(rows.map((row) => row.known)),
      source,
    ],
  )
}

/**
 * Notes what a mail system said when it was asked about an address, and drops the domain's oldest answers of that kind
 * above `most`: guesses do not push out people. That mail was delivered there weighs more than a refusal to a question.
 */
export async function writeCallout(sql: Sql, said: Learned, most: number): Promise<void> {
  await sql.query(
    `WITH noted AS (
       INSERT INTO known_recipient AS k (organisation_id, address, route_id, source, known)
       SELECT $1, $2, $3, 2, $4 FROM domain d
       LEFT JOIN route r ON r.organisation_id = $1 AND r.route_id = $3
       WHERE d.organisation_id = $1 AND d.name = split_part($2, '@', -1) AND NOT d.recipients_complete AND NOT coalesce(r.accepts_all, false)
       ON CONFLICT (organisation_id, address) DO UPDATE
         SET route_id = excluded.route_id, source = excluded.source, known = excluded.known, seen_at = now()
         WHERE NOT (k.source = 1 AND k.known AND k.route_id = excluded.route_id)
     )
     DELETE FROM known_recipient WHERE organisation_id = $1 AND address IN (
       SELECT address FROM known_recipient
       WHERE source = 2 AND organisation_id = $1 AND split_part(address, '@', -1) = split_part($2, '@', -1) AND known = $4
       ORDER BY seen_at DESC OFFSET $5 - 1 LIMIT 100) AND source = 2 AND known = $4 AND address <> $2`,
    [said.organisationId, said.address, said.routeId, said.known, most],
  )
}

export interface PersonAddress {
  address: string
  display: string
  domainId: Id
  isPrimary: boolean
}

export function addressesOfPerson(sql: Sql, organisationId: Id, personId: Id): Promise<PersonAddress[]> {
  return sql.query<PersonAddress>(
    `SELECT address, display, domain_id AS "domainId", is_primary AS "isPrimary" FROM address
     WHERE organisation_id = $1 AND person_id = $2 ORDER BY is_primary DESC, address`,
    [organisationId, personId],
  )
}

export async function readGeneration(sql: Sql): Promise<number> {
  const rows = await sql.query<{ generation: number }>('SELECT generation FROM directory_generation')
  return rows[0]?.generation ?? 0
}

/** Ends every transaction that changes what is looked up: other processes drop their answers within a second. */
export async function bumpDirectory(sql: Sql): Promise<void> {
  await sql.query(`WITH moved AS (UPDATE directory_generation SET generation = generation + 1 RETURNING generation)
    SELECT pg_notify('holdfast_directory', generation::text) FROM moved`)
}
