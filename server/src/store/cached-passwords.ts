/**
 * Rows of table credential of kind cached: the argon2id of a password that an organisation's own directory took for right,
 * one for each person, for the time in which it cannot be asked. The database's clock says how old one is.
 */
import { CredentialKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface CachedPassword {
  credentialId: Id
  organisationId: Id
  subjectId: Id
  verifier: string
}

/**
 * In the place of the one that was seen before (null: none); its id is another then, so that whoever was let in by the old
 * one is asked again. False: there is another one by now, and nothing was written.
 */
export async function cachePassword(sql: Sql, cached: CachedPassword, seen: Id | null): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, proved_at)
     VALUES ($1, $2, $3, ${CredentialKind.cached}, $4, now())
     ON CONFLICT (subject_id) WHERE kind = ${CredentialKind.cached} DO UPDATE SET
       credential_id = excluded.credential_id, verifier = excluded.verifier, proved_at = excluded.proved_at
     WHERE credential.credential_id = $5 RETURNING 1`,
    [cached.credentialId, cached.organisationId, cached.subjectId, cached.verifier, seen],
  )
  return rows.length === 1
}

export async function cachedOf(sql: Sql, subjectId: Id): Promise<{ credentialId: Id; verifier: string } | null> {
  const rows = await sql.query<{ credentialId: Id; verifier: string }>(
    `SELECT credential_id AS "credentialId", verifier FROM credential WHERE subject_id = $1 AND kind = ${CredentialKind.cached}`,
    [subjectId],
  )
  return rows[0] ?? null
}

/** The directory took the same one again. False: it is not there any more. */
export async function provedAgain(sql: Sql, credentialId: Id): Promise<boolean> {
  const rows = await sql.query('UPDATE credential SET proved_at = now() WHERE credential_id = $1 RETURNING 1', [
    credentialId,
  ])
  return rows.length === 1
}

export async function forgetOneCached(sql: Sql, credentialId: Id): Promise<void> {
  await sql.query(`DELETE FROM credential WHERE credential_id = $1 AND kind = ${CredentialKind.cached}`, [credentialId])
}

/** The directory closed the account: what is remembered goes, and whoever is in by its word is out. */
export async function closedByDirectory(sql: Sql, subjectId: Id): Promise<void> {
  await sql.query(
    `WITH ended AS (DELETE FROM session WHERE subject_id = $1 AND (by_directory OR by_provider))
     DELETE FROM credential WHERE subject_id = $1 AND kind = ${CredentialKind.cached}`,
    [subjectId],
  )
}

/** The organisation has no directory any more. */
export async function forgetCached(sql: Sql, organisationId: Id): Promise<void> {
  await sql.query(`DELETE FROM credential WHERE organisation_id = $1 AND kind = ${CredentialKind.cached}`, [
    organisationId,
  ])
}

/** Of the people of a pin's target: a person, a group, a domain, or the organisation itself. */
export async function forgetCachedOf(sql: Sql, of: { organisationId: Id; targetId: Id }): Promise<void> {
  await sql.query(
    `DELETE FROM credential c USING person p
     WHERE c.organisation_id = $1 AND c.kind = ${CredentialKind.cached} AND p.organisation_id = $1 AND p.person_id = c.subject_id
       AND ($2 IN (p.organisation_id, p.person_id, p.group_id) OR EXISTS (
         SELECT FROM address a WHERE a.organisation_id = $1 AND a.person_id = p.person_id AND a.domain_id = $2))`,
    [of.organisationId, of.targetId],
  )
}
