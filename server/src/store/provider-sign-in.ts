/** Tables provider_attempt and provider_tie, and column provider_sealed of organisation: signing in by an identity provider. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface StoredProvider {
  organisationId: Id
  slug: string
  signIn: unknown
  providerSealed: Buffer | null
}

const COLUMNS =
  'o.organisation_id AS "organisationId", o.slug, o.sign_in AS "signIn", o.provider_sealed AS "providerSealed"'
/** What a tie is to: the same person has another id at another issuer, and for another client (Entra ID). */
const PROVIDER = (row: string): string =>
  `(${row}.sign_in->'provider'->>'issuer') || ' ' || (${row}.sign_in->'provider'->>'clientId')`

export const providersToSignInBy = (sql: Sql): Promise<StoredProvider[]> =>
  sql.query<StoredProvider>(`SELECT ${COLUMNS} FROM organisation o WHERE o.sign_in ? 'provider' ORDER BY o.slug`)

/** Of whom the domain is, of addresses or of UPNs; null: nobody's who has one. Nothing here depends on a person's name. */
export async function providerOfDomain(sql: Sql, domain: string): Promise<StoredProvider | null> {
  const rows = await sql.query<StoredProvider>(
    `SELECT ${COLUMNS} FROM (
       (SELECT 1 AS rank, organisation_id FROM domain WHERE name = $1)
       UNION ALL
       (SELECT 2, p.organisation_id FROM person p JOIN organisation own USING (organisation_id)
         WHERE p.upn IS NOT NULL AND split_part(p.upn, '@', -1) = $1 AND own.sign_in ? 'provider' LIMIT 1)
     ) d JOIN organisation o USING (organisation_id) WHERE o.sign_in ? 'provider' ORDER BY d.rank LIMIT 1`,
    [domain],
    'provider-of-domain',
  )
  return rows[0] ?? null
}

export async function providerOf(sql: Sql, organisationId: Id): Promise<StoredProvider | null> {
  const rows = await sql.query<StoredProvider>(
    `SELECT ${COLUMNS} FROM organisation o WHERE o.organisation_id = $1 AND o.sign_in ? 'provider'`,
    [organisationId],
  )
  return rows[0] ?? null
}

// ---------------------------------------------------------------- under way

export interface ProviderAttempt {
  stateHash: Buffer
  browserHash: Buffer
  organisationId: Id
  provider: string
}

export async function insertAttempt(sql: Sql, attempt: ProviderAttempt & { seconds: number }): Promise<void> {
  await sql.query(
    `INSERT INTO provider_attempt (state_hash, browser_hash, organisation_id, provider, expires_at)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
    [attempt.stateHash, attempt.browserHash, attempt.organisationId, attempt.provider, attempt.seconds],
  )
}

/** Uses it up, for the browser that began it and nobody else; null: none such, or its time is over. */
export async function takeAttempt(
  sql: Sql,
  of: { stateHash: Buffer; browserHash: Buffer },
): Promise<{ organisationId: Id; provider: string } | null> {
  const rows = await sql.query<{ organisationId: Id; provider: string }>(
    `DELETE FROM provider_attempt WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > now()
     RETURNING organisation_id AS "organisationId", provider`,
    [of.stateHash, of.browserHash],
  )
  return rows[0] ?? null
}

export async function deleteOldAttempts(sql: Sql): Promise<void> {
  await sql.query('DELETE FROM provider_attempt WHERE expires_at <= now()')
}

// ---------------------------------------------------------------- who it is

export interface Tied {
  personId: Id
  isDisabled: boolean
}

export interface ProviderSubject {
  organisationId: Id
  provider: string
  subject: string
}

/** Whom the provider's id means, if they came before. */
export async function tiedPerson(sql: Sql, of: ProviderSubject): Promise<Tied | null> {
  const rows = await sql.query<Tied>(
    `UPDATE provider_tie t SET used_at = now() FROM person p
     WHERE t.organisation_id = $1 AND t.provider = $2 AND t.subject = $3
       AND p.organisation_id = t.organisation_id AND p.person_id = t.person_id
     RETURNING p.person_id AS "personId", p.disabled_at IS NOT NULL AS "isDisabled"`,
    [of.organisationId, of.provider, of.subject],
  )
  return rows[0] ?? null
}

/** Who of the organisation has this address (or, where asked for, this UPN). */
export async function personNamed(
  sql: Sql,
  of: { organisationId: Id; name: string; upnToo: boolean },
): Promise<Tied | null> {
  const rows = await sql.query<Tied>(
    `SELECT p.person_id AS "personId", p.disabled_at IS NOT NULL AS "isDisabled" FROM (
       SELECT 1 AS rank, person_id FROM address WHERE organisation_id = $1 AND address = $2
       UNION ALL SELECT 0, person_id FROM person WHERE organisation_id = $1 AND upn = $2 AND $3
     ) f JOIN person p ON p.organisation_id = $1 AND p.person_id = f.person_id ORDER BY f.rank LIMIT 1`,
    [of.organisationId, of.name, of.upnToo],
  )
  return rows[0] ?? null
}

/**
 * From now on this id is this person's. False: the person has another one there already, or the organisation's provider is another
 * one by now.
 */
export async function tie(sql: Sql, of: ProviderSubject & { personId: Id }): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO provider_tie (organisation_id, provider, subject, person_id)
     SELECT o.organisation_id, $2, $3, $4 FROM organisation o WHERE o.organisation_id = $1 AND ${PROVIDER('o')} = $2 FOR SHARE
     ON CONFLICT DO NOTHING RETURNING 1`,
    [of.organisationId, of.provider, of.subject, of.personId],
  )
  return rows.length === 1
}

const ENDED = `ended AS (DELETE FROM session s USING gone WHERE s.subject_id = gone.person_id AND s.by_provider)`

/** Whoever is tied to a provider that is the organisation's no more comes anew, and is out until then. */
export async function forgetOtherTies(sql: Sql, organisationId: Id): Promise<void> {
  await sql.query(
    `WITH gone AS (DELETE FROM provider_tie t USING organisation o
       WHERE t.organisation_id = $1 AND o.organisation_id = $1 AND ${PROVIDER('o')} IS DISTINCT FROM t.provider RETURNING t.person_id),
     ${ENDED} SELECT`,
    [organisationId],
  )
}

/** A person whose account there was made anew: the next one who comes by their address is tied. False: there was none. */
export async function untie(sql: Sql, personId: Id): Promise<boolean> {
  const rows = await sql.query(
    `WITH gone AS (DELETE FROM provider_tie WHERE person_id = $1 RETURNING person_id), ${ENDED} SELECT FROM gone`,
    [personId],
  )
  return rows.length > 0
}
