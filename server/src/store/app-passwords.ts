/**
 * Table app_password: what a person made for one device. The secret is never seen here, only its verifier; when and where
 * one was used last is kept to the hour and the network, and written no more often than that.
 */
import type { AppProtocol } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface PersonKey {
  organisationId: Id
  personId: Id
}

export interface AppPasswordRow {
  id: Id
  name: string
  protocols: AppProtocol[]
  createdAt: Date
  lastUsedAt: Date | null
  lastPlace: string | null
}

const COLUMNS = `app_password_id AS id, name, protocols, created_at AS "createdAt", last_used_at AS "lastUsedAt",
  last_place AS "lastPlace"`

/** The newest first. */
export function appPasswordsOf(sql: Sql, { organisationId, personId }: PersonKey): Promise<AppPasswordRow[]> {
  return sql.query<AppPasswordRow>(
    `SELECT ${COLUMNS} FROM app_password WHERE organisation_id = $1 AND person_id = $2
     ORDER BY created_at DESC, app_password_id DESC`,
    [organisationId, personId],
  )
}

/** The person's with this verifier, if it is for the protocol. */
export async function appPasswordByVerifier(
  sql: Sql,
  { organisationId, personId }: PersonKey,
  verifier: Buffer,
  protocol: AppProtocol,
): Promise<{ id: Id; name: string } | null> {
  const rows = await sql.query<{ id: Id; name: string }>(
    `SELECT app_password_id AS id, name FROM app_password
     WHERE organisation_id = $1 AND person_id = $2 AND verifier = $3 AND $4::smallint = ANY(protocols)`,
    [organisationId, personId, verifier, protocol],
    'access-app-password',
  )
  return rows[0] ?? null
}

/**
 * How many a person has, who gets no further one meanwhile: the row is locked. Null where the password that was proved is
 * not the person's any more, or waits to be replaced, or the person is disabled.
 */
export async function lockAppPasswords(
  sql: Sql,
  { organisationId, personId }: PersonKey,
  credentialId: Id,
): Promise<number | null> {
  const rows = await sql.query(
    `SELECT FROM person p JOIN credential c ON c.subject_id = p.person_id
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.disabled_at IS NULL
       AND c.credential_id = $3 AND NOT c.must_change
     FOR NO KEY UPDATE OF p`,
    [organisationId, personId, credentialId],
  )
  if (rows.length === 0) return null
  // A statement of its own: it sees what another one committed while this one waited for the lock.
  const [row] = await sql.query<{ n: number }>(
    'SELECT count(*) AS n FROM app_password WHERE organisation_id = $1 AND person_id = $2',
    [organisationId, personId],
  )
  return row!.n
}

export interface NewAppPassword extends PersonKey {
  id: Id
  name: string
  protocols: readonly AppProtocol[]
  verifier: Buffer
}

export async function insertAppPassword(sql: Sql, one: NewAppPassword): Promise<AppPasswordRow> {
  const rows = await sql.query<AppPasswordRow>(
    `INSERT INTO app_password (app_password_id, organisation_id, person_id, name, protocols, verifier)
     VALUES ($1, $2, $3, $4, $5::smallint[], $6) RETURNING ${COLUMNS}`,
    [one.id, one.organisationId, one.personId, one.name, `{${one.protocols.join(',')}}`, one.verifier],
  )
  return rows[0]!
}

/** What it was; null where there is none, or not any more. */
export async function deleteAppPassword(
  sql: Sql,
  { organisationId, personId }: PersonKey,
  id: Id,
): Promise<AppPasswordRow | null> {
  const rows = await sql.query<AppPasswordRow>(
    `DELETE FROM app_password WHERE organisation_id = $1 AND person_id = $2 AND app_password_id = $3 RETURNING ${COLUMNS}`,
    [organisationId, personId, id],
  )
  return rows[0] ?? null
}

export async function appPasswordUsed(sql: Sql, id: Id, place: string): Promise<void> {
  await sql.query(
    `UPDATE app_password SET last_used_at = date_trunc('hour', now()), last_place = $2
     WHERE app_password_id = $1 AND (last_used_at, last_place) IS DISTINCT FROM (date_trunc('hour', now()), $2::text)`,
    [id, place],
    'access-app-password-used',
  )
}
