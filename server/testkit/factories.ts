/**
 * Rows for tests, by plain SQL and in a few statements: an organisation with a route, a domain and people who each have
 * an address and the six standard folders. Tests of the rooms that make such rows for real do not use these.
 */
import { BookKind, DomainKind, ListPosting, Mode, RouteKind, StandardFolder } from '../src/platform/codes.ts'
import type { Sql } from '../src/platform/db/database.ts'
import type { Id } from '../src/platform/ids.ts'
import { newId } from '../src/platform/ids.ts'

export interface MadeOrganisation {
  organisationId: Id
  slug: string
  domain: string
  domainId: Id
  /** the primary */
  routeId: Id
  outboundRouteId: Id
  /** by name as given */
  people: Record<string, { personId: Id; address: string }>
}

export interface OrganisationWish {
  people?: string[]
  domain?: string
  slug?: string
  /** settings of the primary's route, see core/directory/route-settings.ts */
  route?: object
  outbound?: object
  complete?: boolean
  /** its mail system may be asked about strangers; left out: no */
  callouts?: boolean
  /** emergency mailbox for all */
  isProtected?: boolean
  mode?: number
}

const title = (role: string): string => role[0]!.toUpperCase() + role.slice(1)

export async function makeOrganisation(sql: Sql, wish: OrganisationWish = {}): Promise<MadeOrganisation> {
  const id = (): Id => newId(Date.now())
  const domain = wish.domain ?? `d${id().slice(-12)}.test`
  const made: MadeOrganisation = {
    organisationId: id(),
    slug: wish.slug ?? domain.replaceAll('.', '-'),
    domain,
    domainId: id(),
    routeId: id(),
    outboundRouteId: id(),
    people: {},
  }
  const o = made.organisationId
  await sql.query('INSERT INTO organisation (organisation_id, slug, name, scope_emergency) VALUES ($1, $2, $3, $4)', [
    o,
    made.slug,
    `The people of ${domain}`,
    wish.isProtected ?? true,
  ])
  await sql.query(
    `INSERT INTO route (organisation_id, route_id, name, kind, settings) VALUES ($1, $2, 'primary', $3, $4), ($1, $5, 'outbound', $6, $7)`,
    [
      o,
      made.routeId,
      RouteKind.primary,
      JSON.stringify(wish.route ?? { hosts: [{ host: '127.0.0.1', port: 2525 }] }),
      made.outboundRouteId,
      RouteKind.smarthost,
      JSON.stringify(wish.outbound ?? { hosts: [{ host: '127.0.0.1', port: 2526 }] }),
    ],
  )
  await sql.query('UPDATE organisation SET outbound_route_id = $2 WHERE organisation_id = $1', [
    o,
    made.outboundRouteId,
  ])
  await sql.query(
    `INSERT INTO route_mode (organisation_id, route_id, mode, cause) VALUES ($1, $2, $4, 'first-seen'), ($1, $3, $5, 'first-seen')`,
    [o, made.routeId, made.outboundRouteId, wish.mode ?? Mode.normal, Mode.normal],
  )
  await sql.query(
    'INSERT INTO domain (organisation_id, domain_id, name, kind, route_id, recipients_complete, callouts) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [o, made.domainId, domain, DomainKind.authoritative, made.routeId, wish.complete ?? true, wish.callouts ?? false],
  )
  for (const name of wish.people ?? []) made.people[name] = await makePerson(sql, made, name)
  return made
}

/** One more person of an organisation, with an address and the standard folders. */
export async function makePerson(
  sql: Sql,
  org: Pick<MadeOrganisation, 'organisationId' | 'domain' | 'domainId'>,
  name: string,
): Promise<{ personId: Id; address: string }> {
  const personId = newId(Date.now())
  const address = `${name.toLowerCase()}@${org.domain}`
  await sql.query('INSERT INTO person (organisation_id, person_id, name) VALUES ($1, $2, $3)', [
    org.organisationId,
    personId,
    title(name),
  ])
  await sql.query(
    'INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display) VALUES ($1, $2, $3, $4, true, $5)',
    [org.organisationId, address, personId, org.domainId, `${name}@${org.domain}`],
  )
  await sql.query(
    `INSERT INTO book_entry (organisation_id, entry_id, kind, name, sort, words) VALUES ($1, $2, ${BookKind.person}, $3, lower($3), array_to_tsvector(ARRAY[lower($3)]))`,
    [org.organisationId, personId, title(name)],
  )
  const folders = Object.entries(StandardFolder)
  await sql.query(
    `INSERT INTO folder (organisation_id, person_id, folder_no, name, role, uidvalidity)
     SELECT $1, $2, n, title, n, 1000 + n FROM unnest($3::int[], $4::text[]) AS f(n, title)`,
    [org.organisationId, personId, folders.map(([, no]) => no), folders.map(([role]) => title(role))],
  )
  return { personId, address }
}

/** An address of the organisation's domain that stands for others. */
export async function makeRedirect(
  sql: Sql,
  org: Pick<MadeOrganisation, 'organisationId' | 'domain' | 'domainId'>,
  name: string,
  targets: string[],
  keepCopy = true,
): Promise<string> {
  const address = `${name}@${org.domain}`
  await sql.query(
    `INSERT INTO redirect (organisation_id, redirect_id, address, domain_id, display, targets, keep_copy)
     VALUES ($1, $2, $3, $4, $3, $5::text[], $6)`,
    [org.organisationId, newId(Date.now()), address, org.domainId, targets, keepCopy],
  )
  return address
}

/** A list at the organisation's domain. */
export async function makeList(
  sql: Sql,
  org: Pick<MadeOrganisation, 'organisationId' | 'domain' | 'domainId'>,
  name: string,
  wish: { members: string[]; posting?: number; posters?: string[]; pause?: { bounces: number; days: number } },
): Promise<string> {
  const address = `${name}@${org.domain}`
  await sql.query(
    `INSERT INTO mailing_list (organisation_id, list_id, address, domain_id, display, name, members, posting, posters, pause_bounces, pause_days)
     VALUES ($1, $2, $3, $4, $3, $5, $6::text[], $7, $8::text[], $9, $10)`,
    [
      org.organisationId,
      newId(Date.now()),
      address,
      org.domainId,
      title(name),
      wish.members,
      wish.posting ?? ListPosting.anyone,
      wish.posters ?? [],
      wish.pause?.bounces ?? null,
      wish.pause?.days ?? null,
    ],
  )
  return address
}
