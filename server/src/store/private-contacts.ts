/** Table private_contact: the private address and telephone that a person gave, and the codes by which they are verified. */
import type { ContactKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { PersonKey } from './app-passwords.ts'
import type { NoticePerson } from './notices.ts'

/** To whom and from whom a mail about a private address is. */
export interface ContactPerson extends Omit<NoticePerson, 'privateSealed'> {
  organisation: string
  outboundRouteId: Id | null
  /** organisation.notices */
  notices: unknown
}

/** One of a kind (codes.ts ContactKind). */
export interface ContactRow {
  kind: ContactKind
  sealed: Buffer | null
  verifiedAt: Date | null
  waitingSealed: Buffer | null
  /** of the code; null: none waits, or its time is over */
  waitingUntil: Date | null
}

export interface ContactStanding {
  contacts: ContactRow[]
  /** what an admin declared */
  declaredSealed: Buffer | null
  hasPassword: boolean
  codesLeft: number
}

export interface ContactKey extends PersonKey {
  kind: ContactKind
}

/** Null: nobody, or somebody without an address. */
export async function contactPerson(sql: Sql, { organisationId, personId }: PersonKey): Promise<ContactPerson | null> {
  const rows = await sql.query<ContactPerson>(
    `SELECT p.person_id AS "personId", p.name, p.locale, a.display AS address, d.name AS domain, o.name AS organisation,
       o.outbound_route_id AS "outboundRouteId", o.notices
     FROM person p JOIN organisation o USING (organisation_id)
     JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     JOIN domain d ON d.organisation_id = a.organisation_id AND d.domain_id = a.domain_id
     WHERE p.organisation_id = $1 AND p.person_id = $2`,
    [organisationId, personId],
  )
  return rows[0] ?? null
}

/** Null: nobody. */
export async function readContacts(sql: Sql, { organisationId, personId }: PersonKey): Promise<ContactStanding | null> {
  const [person] = await sql.query<Omit<ContactStanding, 'contacts'>>(
    `SELECT p.private_sealed AS "declaredSealed",
       EXISTS (SELECT FROM credential k WHERE k.organisation_id = $1 AND k.subject_id = $2) AS "hasPassword",
       (SELECT count(*)::int FROM emergency_code e WHERE e.organisation_id = $1 AND e.person_id = $2 AND e.used_at IS NULL)
         AS "codesLeft"
     FROM person p WHERE p.organisation_id = $1 AND p.person_id = $2`,
    [organisationId, personId],
  )
  if (!person) return null
  const contacts = await sql.query<ContactRow>(
    `SELECT kind, sealed, verified_at AS "verifiedAt", CASE WHEN code_expires_at > now() THEN waiting_sealed END AS "waitingSealed",
       CASE WHEN code_expires_at > now() THEN code_expires_at END AS "waitingUntil"
     FROM private_contact WHERE organisation_id = $1 AND person_id = $2`,
    [organisationId, personId],
  )
  return { ...person, contacts }
}

/** False where the person was sent `most` within an hour already. An earlier code is no longer good. */
export async function awaitCode(
  sql: Sql,
  { organisationId, personId, kind }: ContactKey,
  code: { sealed: Buffer; hash: Buffer; seconds: number; most: number },
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO private_contact AS c (organisation_id, person_id, waiting_sealed, code_hash, code_expires_at, sent_in_hour, kind)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5), 1, $7)
     ON CONFLICT (organisation_id, person_id, kind) DO UPDATE SET waiting_sealed = excluded.waiting_sealed,
       code_hash = excluded.code_hash, code_expires_at = excluded.code_expires_at, code_tries = 0,
       hour_began_at = CASE WHEN c.hour_began_at > now() - interval '1 hour' THEN c.hour_began_at ELSE now() END,
       sent_in_hour = CASE WHEN c.hour_began_at > now() - interval '1 hour' THEN c.sent_in_hour + 1 ELSE 1 END
     WHERE c.sent_in_hour < $6 OR c.hour_began_at <= now() - interval '1 hour'
     RETURNING 1`,
    [organisationId, personId, code.sealed, code.hash, code.seconds, code.most, kind],
  )
  return rows.length === 1
}

/** How many an organisation's people were sent within their hours. */
export async function codesOfHour(sql: Sql, organisationId: Id, kind: ContactKind): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT coalesce(sum(sent_in_hour), 0)::int AS n FROM private_contact
     WHERE organisation_id = $1 AND kind = $2 AND hour_began_at > now() - interval '1 hour'`,
    [organisationId, kind],
  )
  return row!.n
}

/** One more try, counted before it is looked at. Null: no code waits, its time is over, or it was tried too often. */
export async function countTry(
  sql: Sql,
  { organisationId, personId, kind }: ContactKey,
  mostTries: number,
): Promise<Buffer | null> {
  const rows = await sql.query<{ hash: Buffer }>(
    `UPDATE private_contact SET code_tries = code_tries + 1
     WHERE organisation_id = $1 AND person_id = $2 AND kind = $4 AND code_expires_at > now() AND code_tries < $3
     RETURNING code_hash AS hash`,
    [organisationId, personId, mostTries, kind],
  )
  return rows[0]?.hash ?? null
}

/** What waits is in use from now on; what was before. Null for all but one caller with a code. */
export async function verifyWaiting(
  sql: Sql,
  { organisationId, personId, kind }: ContactKey,
  hash: Buffer,
): Promise<{ before: Buffer | null } | null> {
  const rows = await sql.query<{ before: Buffer | null }>(
    `UPDATE private_contact c SET sealed = c.waiting_sealed, verified_at = now(), waiting_sealed = NULL, code_hash = NULL,
       code_expires_at = NULL, code_tries = 0
     FROM (SELECT sealed FROM private_contact WHERE organisation_id = $1 AND person_id = $2 AND kind = $4 FOR UPDATE) old
     WHERE c.organisation_id = $1 AND c.person_id = $2 AND c.kind = $4 AND c.code_hash = $3 AND c.code_expires_at > now()
     RETURNING old.sealed AS before`,
    [organisationId, personId, hash, kind],
  )
  return rows[0] ?? null
}

/** Null: there was none, neither in use nor waiting. */
export async function removeContact(
  sql: Sql,
  { organisationId, personId, kind }: ContactKey,
): Promise<{ before: Buffer | null } | null> {
  const rows = await sql.query<{ before: Buffer | null }>(
    `UPDATE private_contact c SET sealed = NULL, verified_at = NULL, waiting_sealed = NULL, code_hash = NULL,
       code_expires_at = NULL, code_tries = 0
     FROM (SELECT sealed FROM private_contact WHERE organisation_id = $1 AND person_id = $2 AND kind = $3 FOR UPDATE) old
     WHERE c.organisation_id = $1 AND c.person_id = $2 AND c.kind = $3 AND (c.sealed IS NOT NULL OR c.waiting_sealed IS NOT NULL)
     RETURNING old.sealed AS before`,
    [organisationId, personId, kind],
  )
  return rows[0] ?? null
}
