/** Tokens of SCIM clients: only the verifier is stored. Used last, to the hour and the network. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface ScimTokenRow {
  id: Id
  sourceId: Id
  source: string
  name: string
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
  lastPlace: string | null
}

const COLUMNS = `t.token_id AS id, t.source_id AS "sourceId", d.name AS source, t.name, t.created_at AS "createdAt",
  t.expires_at AS "expiresAt", t.last_used_at AS "lastUsedAt", t.last_place AS "lastPlace"`
const SOURCE = 'JOIN directory_source d USING (organisation_id, source_id)'

/** The newest first. */
export const tokensOf = (sql: Sql, organisationId: Id): Promise<ScimTokenRow[]> =>
  sql.query(
    `SELECT ${COLUMNS} FROM scim_token t ${SOURCE} WHERE t.organisation_id = $1 ORDER BY t.created_at DESC, t.token_id DESC`,
    [organisationId],
  )

export async function insertToken(
  sql: Sql,
  one: { id: Id; organisationId: Id; sourceId: Id; name: string; verifier: Buffer; expiresAt: Date | null; by: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO scim_token (token_id, organisation_id, source_id, name, verifier, created_by, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [one.id, one.organisationId, one.sourceId, one.name, one.verifier, one.by, one.expiresAt],
  )
}

export async function deleteToken(sql: Sql, organisationId: Id, id: Id): Promise<ScimTokenRow | null> {
  const rows = await sql.query<ScimTokenRow>(
    `SELECT ${COLUMNS} FROM scim_token t ${SOURCE} WHERE t.organisation_id = $1 AND t.token_id = $2 FOR UPDATE OF t`,
    [organisationId, id],
  )
  await sql.query('DELETE FROM scim_token WHERE organisation_id = $1 AND token_id = $2', [organisationId, id])
  return rows[0] ?? null
}

/** Whose it is, while it is good. */
export async function tokenByVerifier(
  sql: Sql,
  verifier: Buffer,
  now: Date,
): Promise<{ id: Id; organisationId: Id; sourceId: Id } | null> {
  const rows = await sql.query<{ id: Id; organisationId: Id; sourceId: Id }>(
    `SELECT token_id AS id, organisation_id AS "organisationId", source_id AS "sourceId" FROM scim_token
     WHERE verifier = $1 AND (expires_at IS NULL OR expires_at > $2)`,
    [verifier, now],
    'scim-token',
  )
  return rows[0] ?? null
}

export async function tokenUsed(sql: Sql, id: Id, place: string): Promise<void> {
  await sql.query(
    `UPDATE scim_token SET last_used_at = date_trunc('hour', now()), last_place = $2
     WHERE token_id = $1 AND (last_used_at, last_place) IS DISTINCT FROM (date_trunc('hour', now()), $2::text)`,
    [id, place],
  )
}
