/**
 * Reading and writing the model as a whole: organisation, route, domain, person_group, person, address, delegation; addresses
 * that stand for others are in stand-ins.ts. Writers take many rows per statement (jsonb_to_recordset), so that thousands of people are one round trip, and are always called inside
 * one transaction that ends with bumpDirectory.
 */
import { PersonKind } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface ScopeColumns {
  filtering: boolean | null
  rollingCopy: boolean | null
  emergency: boolean | null
}
export interface OrganisationModel extends ScopeColumns {
  id: Id
  slug: string
  name: string
  retentionDays: number
  outboundRouteId: Id | null
  /** who is told of alarms, as written */
  alarmsTo: string[]
  outboundSources: unknown
  /** argon2id of the passwords of those sources that sign in, by user name */
  outboundVerifiers: Record<string, string>
  notices: unknown
  mailboxAccess: unknown
  signIn: unknown
  /** sealed, hex; null = none */
  ldapSecret: string | null
  /** of the client at its identity provider, the same */
  providerSecret: string | null
}
export interface RouteModel {
  id: Id
  name: string
  kind: number
  settings: unknown
  /** sealed, hex; null = none */
  secret: string | null
  clientTls: string | null
  reachSecrets: string | null
}
export interface DomainModel extends ScopeColumns {
  id: Id
  name: string
  kind: number
  aliasOfId: Id | null
  otherRouteId: Id | null
  catchAll: string | null
  separator: string
  routeId: Id | null
  complete: boolean
  unknownPolicy: number
  callouts: boolean
  warnAfterHours: number | null
  dkimSelector: string | null
  dkimPublic: string | null
  /** sealed, hex; only written when a key is made */
  dkimPrivate: string | null
  /** the MTA-STS policy that is served for it */
  mtaSts: { mode: 'enforce' | 'testing' | 'none'; mx: string[]; maxAge: number } | null
  /** its switching policy; null: its route's */
  switching: unknown
}
export interface GroupModel extends ScopeColumns {
  id: Id
  name: string
  routeId: Id | null
}
export interface PersonModel extends ScopeColumns {
  id: Id
  name: string
  upn: string | null
  locale: string
  role: number
  groupId: Id | null
  routeId: Id | null
  disabled: boolean
  /** sealed, hex; null = none */
  privateAddress: string | null
  /** codes.ts PersonSource */
  source: number
  /** codes.ts PersonKind */
  kind: number
}
export interface AddressModel {
  address: string
  display: string
  personId: Id
  domainId: Id
  primary: boolean
  /** a directory source brought it */
  fromSource: boolean
}

/** What a person may write from beside the own addresses. */
export interface DelegationModel {
  address: string
  display: string
  personId: Id
  kind: number
}

const SCOPES = 'scope_filtering AS filtering, scope_copy AS "rollingCopy", scope_emergency AS emergency'

/** One apply at a time, until the transaction's end. */
export async function lockModel(sql: Sql): Promise<void> {
  await sql.query(`SELECT pg_advisory_xact_lock(hashtext('holdfast model'))`)
}

export async function readOrganisation(sql: Sql, slug: string): Promise<OrganisationModel | null> {
  const rows = await sql.query<OrganisationModel>(
    `SELECT organisation_id AS id, slug, name, retention_days AS "retentionDays", outbound_route_id AS "outboundRouteId", alarms_to AS "alarmsTo",
       outbound_sources AS "outboundSources", outbound_verifiers AS "outboundVerifiers", notices, mailbox_access AS "mailboxAccess", sign_in AS "signIn",
       encode(ldap_sealed, 'hex') AS "ldapSecret", encode(provider_sealed, 'hex') AS "providerSecret", ${SCOPES}
     FROM organisation WHERE slug = $1`,
    [slug],
  )
  return rows[0] ?? null
}

export const readRoutes = (sql: Sql, organisationId: Id): Promise<RouteModel[]> =>
  sql.query<RouteModel>(
    `SELECT route_id AS id, name, kind, settings, encode(secret_sealed, 'hex') AS secret,
            encode(client_tls_sealed, 'hex') AS "clientTls",
            encode(reach_sealed, 'hex') AS "reachSecrets" FROM route WHERE organisation_id = $1 ORDER BY name`,
    [organisationId],
  )

export const readDomains = (sql: Sql, organisationId: Id): Promise<DomainModel[]> =>
  sql.query<DomainModel>(
    `SELECT domain_id AS id, name, kind, alias_of_domain_id AS "aliasOfId", other_route_id AS "otherRouteId", catch_all AS "catchAll",
            subaddress_separator AS separator, route_id AS "routeId", recipients_complete AS complete, unknown_policy AS "unknownPolicy", callouts,
            warn_after_hours AS "warnAfterHours", dkim_selector AS "dkimSelector", dkim_public AS "dkimPublic", NULL AS "dkimPrivate", mta_sts AS "mtaSts", switching, ${SCOPES}
     FROM domain WHERE organisation_id = $1 ORDER BY name`,
    [organisationId],
  )

export const readGroups = (sql: Sql, organisationId: Id): Promise<GroupModel[]> =>
  sql.query<GroupModel>(
    `SELECT group_id AS id, name, route_id AS "routeId", ${SCOPES} FROM person_group WHERE organisation_id = $1 ORDER BY name`,
    [organisationId],
  )

export const readPeople = (sql: Sql, organisationId: Id): Promise<PersonModel[]> =>
  sql.query<PersonModel>(
    `SELECT person_id AS id, name, upn, locale, role, group_id AS "groupId", route_id AS "routeId", disabled_at IS NOT NULL AS disabled,
       encode(private_sealed, 'hex') AS "privateAddress", source, kind, ${SCOPES}
     FROM person WHERE organisation_id = $1 ORDER BY person_id`,
    [organisationId],
  )

export const readAddresses = (sql: Sql, organisationId: Id): Promise<AddressModel[]> =>
  sql.query<AddressModel>(
    `SELECT address, display, person_id AS "personId", domain_id AS "domainId", is_primary AS primary, from_source AS "fromSource" FROM address
     WHERE organisation_id = $1 ORDER BY is_primary DESC, address`,
    [organisationId],
  )

export const readDelegations = (sql: Sql, organisationId: Id): Promise<DelegationModel[]> =>
  sql.query<DelegationModel>(
    `SELECT address, display, person_id AS "personId", kind FROM delegation WHERE organisation_id = $1 ORDER BY kind, address`,
    [organisationId],
  )

/** Domains, addresses, UPNs, operator names and names of systems of others that a declaration must not take. */
export function takenElsewhere(
  sql: Sql,
  organisationId: Id | null,
  names: { domains: string[]; addresses: string[]; upns: string[]; systems: string[] },
): Promise<{ kind: 'domain' | 'address' | 'upn' | 'operator' | 'system'; name: string; owner: string }[]> {
  return sql.query(
    `SELECT 'domain' AS kind, d.name, o.name AS owner FROM domain d JOIN organisation o USING (organisation_id)
       WHERE d.name = ANY($2::text[]) AND d.organisation_id IS DISTINCT FROM $1
     UNION ALL SELECT 'address', a.address, o.name FROM address a JOIN organisation o USING (organisation_id)
       WHERE a.address = ANY($3::text[]) AND a.organisation_id IS DISTINCT FROM $1
     UNION ALL SELECT 'upn', p.upn, o.name FROM person p JOIN organisation o USING (organisation_id)
       WHERE p.upn = ANY($4::text[]) AND p.organisation_id IS DISTINCT FROM $1
     UNION ALL SELECT 'operator', name, 'an operator' FROM operator WHERE name = ANY($3::text[]) OR name = ANY($4::text[])
     UNION ALL SELECT 'system', s->>'username', o.name FROM organisation o, jsonb_array_elements(o.outbound_sources) s
       WHERE s->>'username' = ANY($5::text[]) AND o.organisation_id IS DISTINCT FROM $1`,
    [organisationId, names.domains, names.addresses, names.upns, names.systems],
  )
}

/** People to whom the primary owes mail, or who still have some here. */
export function peopleWithMail(
  sql: Sql,
  organisationId: Id,
  people: readonly Id[],
): Promise<{ id: Id; owed: boolean; copies: boolean }[]> {
  return sql.query(
    `SELECT p AS id,
            EXISTS (SELECT FROM delivery d WHERE d.organisation_id = $1 AND d.person_id = p AND d.state < 10)
              OR EXISTS (SELECT FROM owed_item w WHERE w.organisation_id = $1 AND w.person_id = p AND w.state = 1) AS owed,
            EXISTS (SELECT FROM placement c WHERE c.organisation_id = $1 AND c.person_id = p)
              OR EXISTS (SELECT FROM copy c WHERE c.organisation_id = $1 AND c.person_id = p) AS copies
     FROM unnest($2::uuid[]) AS p`,
    [organisationId, uuidArray(people)],
  )
}

export async function peopleWithPassword(sql: Sql, organisationId: Id): Promise<Set<Id>> {
  const rows = await sql.query<{ id: Id }>(
    'SELECT subject_id AS id FROM credential WHERE organisation_id = $1 AND kind = 1',
    [organisationId],
  )
  return new Set(rows.map((row) => row.id))
}

// ---------------------------------------------------------------- writing

export async function writeOrganisation(sql: Sql, row: OrganisationModel): Promise<void> {
  await sql.query(
    `INSERT INTO organisation (organisation_id, slug, name, retention_days, scope_filtering, scope_copy, scope_emergency, outbound_sources, outbound_verifiers, alarms_to, notices, sign_in, ldap_sealed, provider_sealed, mailbox_access)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, decode($13, 'hex'), decode($14, 'hex'), $15)
     ON CONFLICT (organisation_id) DO UPDATE SET name = excluded.name, retention_days = excluded.retention_days,
       scope_filtering = excluded.scope_filtering, scope_copy = excluded.scope_copy, scope_emergency = excluded.scope_emergency,
       outbound_sources = excluded.outbound_sources, outbound_verifiers = excluded.outbound_verifiers,
       alarms_to = excluded.alarms_to, notices = excluded.notices, sign_in = excluded.sign_in, ldap_sealed = excluded.ldap_sealed,
       provider_sealed = excluded.provider_sealed, mailbox_access = excluded.mailbox_access`,
    [
      row.id,
      row.slug,
      row.name,
      row.retentionDays,
      row.filtering,
      row.rollingCopy,
      row.emergency,
      JSON.stringify(row.outboundSources),
      JSON.stringify(row.outboundVerifiers),
      JSON.stringify(row.alarmsTo),
      JSON.stringify(row.notices),
      JSON.stringify(row.signIn),
      row.ldapSecret,
      row.providerSecret,
      JSON.stringify(row.mailboxAccess),
    ],
  )
}

export async function writeOutbound(sql: Sql, organisationId: Id, routeId: Id | null): Promise<void> {
  await sql.query('UPDATE organisation SET outbound_route_id = $2 WHERE organisation_id = $1', [
    organisationId,
    routeId,
  ])
}

export const recordset = (columns: string): string => `FROM jsonb_to_recordset($2::jsonb) AS n(${columns})`
const SCOPE_TYPES = 'filtering boolean, "rollingCopy" boolean, emergency boolean'
const SCOPE_SET =
  'scope_filtering = excluded.scope_filtering, scope_copy = excluded.scope_copy, scope_emergency = excluded.scope_emergency'

export async function writeRoutes(sql: Sql, organisationId: Id, rows: readonly RouteModel[]): Promise<void> {
  await sql.query(
    `INSERT INTO route (organisation_id, route_id, name, kind, settings, secret_sealed, client_tls_sealed, reach_sealed)
     SELECT $1, id, name, kind, settings, decode(secret, 'hex'), decode("clientTls", 'hex'), decode("reachSecrets", 'hex')
     ${recordset('id uuid, name text, kind smallint, settings jsonb, secret text, "clientTls" text, "reachSecrets" text')}
     ON CONFLICT (organisation_id, route_id) DO UPDATE SET name = excluded.name, kind = excluded.kind, settings = excluded.settings,
       secret_sealed = excluded.secret_sealed, client_tls_sealed = excluded.client_tls_sealed,
       reach_sealed = excluded.reach_sealed`,
    [organisationId, JSON.stringify(rows)],
  )
}

export async function writeDomains(sql: Sql, organisationId: Id, rows: readonly DomainModel[]): Promise<void> {
  const columns = `id uuid, name text, kind smallint, "aliasOfId" uuid, "otherRouteId" uuid, "catchAll" text, separator text, "routeId" uuid,
    complete boolean, "unknownPolicy" smallint, callouts boolean, "warnAfterHours" integer, "dkimSelector" text, "dkimPublic" text, "dkimPrivate" text, "mtaSts" jsonb, switching jsonb, ${SCOPE_TYPES}`
  await sql.query(
    `INSERT INTO domain (organisation_id, domain_id, name, kind, alias_of_domain_id, other_route_id, catch_all, subaddress_separator, route_id,
       recipients_complete, unknown_policy, callouts, warn_after_hours, dkim_selector, dkim_public, dkim_private_sealed, mta_sts, switching, scope_filtering, scope_copy, scope_emergency)
     SELECT $1, id, name, kind, "aliasOfId", "otherRouteId", "catchAll", separator, "routeId", complete, "unknownPolicy", callouts, "warnAfterHours",
       "dkimSelector", "dkimPublic", decode("dkimPrivate", 'hex'), nullif("mtaSts", 'null'), nullif(switching, 'null'), filtering, "rollingCopy", emergency ${recordset(columns)}
     ON CONFLICT (organisation_id, domain_id) DO UPDATE SET name = excluded.name, kind = excluded.kind,
       alias_of_domain_id = excluded.alias_of_domain_id, other_route_id = excluded.other_route_id, catch_all = excluded.catch_all,
       subaddress_separator = excluded.subaddress_separator, route_id = excluded.route_id, recipients_complete = excluded.recipients_complete,
       unknown_policy = excluded.unknown_policy, callouts = excluded.callouts, warn_after_hours = excluded.warn_after_hours, dkim_selector = excluded.dkim_selector,
       dkim_public = excluded.dkim_public, mta_sts = excluded.mta_sts, switching = excluded.switching,
       dkim_private_sealed = CASE WHEN excluded.dkim_selector IS NULL THEN NULL ELSE coalesce(excluded.dkim_private_sealed, domain.dkim_private_sealed) END,
       ${SCOPE_SET}`,
    [organisationId, JSON.stringify(rows)],
  )
}

export async function writeGroups(sql: Sql, organisationId: Id, rows: readonly GroupModel[]): Promise<void> {
  await sql.query(
    `INSERT INTO person_group (organisation_id, group_id, name, route_id, scope_filtering, scope_copy, scope_emergency)
     SELECT $1, id, name, "routeId", filtering, "rollingCopy", emergency ${recordset(`id uuid, name text, "routeId" uuid, ${SCOPE_TYPES}`)}
     ON CONFLICT (organisation_id, group_id) DO UPDATE SET name = excluded.name, route_id = excluded.route_id, ${SCOPE_SET}`,
    [organisationId, JSON.stringify(rows)],
  )
}

/** There is mail in the mailbox of the person `p` of a query. */
const holdsMail = (p: string): string =>
  `EXISTS (SELECT FROM placement m WHERE m.organisation_id = ${p}.organisation_id AND m.person_id = ${p}.person_id AND m.tombstone IS NULL)`

export async function writePeople(sql: Sql, organisationId: Id, rows: readonly PersonModel[]): Promise<void> {
  const columns = `id uuid, name text, upn text, locale text, role smallint, "groupId" uuid, "routeId" uuid, disabled boolean,
    "privateAddress" text, source smallint, kind smallint, ${SCOPE_TYPES}`
  // UPNs may change hands within one apply.
  await sql.query(
    'UPDATE person SET upn = NULL WHERE organisation_id = $1 AND upn IS NOT NULL AND person_id = ANY($2::uuid[])',
    [organisationId, uuidArray(rows.map((row) => row.id))],
  )
  await sql.query(
    `INSERT INTO person AS p (organisation_id, person_id, name, upn, locale, role, group_id, route_id, disabled_at, private_sealed, source, kind, scope_filtering, scope_copy, scope_emergency)
     SELECT $1, id, name, upn, locale, role, "groupId", "routeId", CASE WHEN disabled THEN now() END, decode("privateAddress", 'hex'), source, kind, filtering, "rollingCopy", emergency ${recordset(columns)}
     ON CONFLICT (organisation_id, person_id) DO UPDATE SET name = excluded.name, upn = excluded.upn, locale = excluded.locale, role = excluded.role,
       group_id = excluded.group_id, route_id = excluded.route_id, private_sealed = excluded.private_sealed, source = excluded.source, kind = excluded.kind,
       role_since = CASE WHEN p.role = excluded.role THEN p.role_since ELSE now() END,
       was_own_until = CASE WHEN excluded.kind = ${PersonKind.person} THEN NULL WHEN p.kind <> ${PersonKind.person} THEN p.was_own_until
         WHEN ${holdsMail('p')} THEN now() END,
       disabled_at = CASE WHEN excluded.disabled_at IS NULL THEN NULL ELSE coalesce(p.disabled_at, excluded.disabled_at) END, ${SCOPE_SET}`,
    [organisationId, JSON.stringify(rows)],
  )
}

/** The people's addresses become exactly these. */
export async function writeAddresses(
  sql: Sql,
  organisationId: Id,
  people: readonly Id[],
  rows: readonly AddressModel[],
): Promise<void> {
  await sql.query('DELETE FROM address WHERE organisation_id = $1 AND person_id = ANY($2::uuid[])', [
    organisationId,
    uuidArray(people),
  ])
  await sql.query(
    `INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display, from_source)
     SELECT $1, address, "personId", "domainId", "primary", display, "fromSource"
     ${recordset('address text, "personId" uuid, "domainId" uuid, "primary" boolean, display text, "fromSource" boolean')}`,
    [organisationId, JSON.stringify(rows)],
  )
}

/** What these people may write from becomes exactly this. */
export async function writeDelegations(
  sql: Sql,
  organisationId: Id,
  people: readonly Id[],
  rows: readonly DelegationModel[],
): Promise<void> {
  await sql.query('DELETE FROM delegation WHERE organisation_id = $1 AND person_id = ANY($2::uuid[])', [
    organisationId,
    uuidArray(people),
  ])
  await sql.query(
    `INSERT INTO delegation (organisation_id, address, person_id, kind, display)
     SELECT $1, address, "personId", kind, display ${recordset('address text, "personId" uuid, kind smallint, display text')}`,
    [organisationId, JSON.stringify(rows)],
  )
}

/** First passwords; whoever has one keeps it. */
export async function writeFirstPasswords(
  sql: Sql,
  organisationId: Id,
  rows: readonly { id: Id; subjectId: Id; verifier: string; mustChange: boolean }[],
): Promise<void> {
  await sql.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, must_change)
     SELECT id, $1, "subjectId", 1, verifier, "mustChange" ${recordset('id uuid, "subjectId" uuid, verifier text, "mustChange" boolean')}
     WHERE NOT EXISTS (SELECT FROM credential c WHERE c.subject_id = n."subjectId" AND c.kind = 1)`,
    [organisationId, JSON.stringify(rows)],
  )
}
