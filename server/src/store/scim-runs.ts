/** When the resources of a SCIM source are to be made a list again, and what the list is made of. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { ScimKey } from './scim.ts'

export interface DueScim extends ScimKey {
  name: string
}

const LEASE = `interval '15 minutes'`

/**
 * Sources in which something changed and that are quiet since, or that have waited long enough, or whose last run is a day
 * ago: the grace of who is missing ends by the clock. Each is the caller's for a while.
 */
export const claimDue = (
  sql: Sql,
  { quietSeconds, mostSeconds, betweenSeconds }: { quietSeconds: number; mostSeconds: number; betweenSeconds: number },
): Promise<DueScim[]> =>
  sql.query(
    `UPDATE scim_source s SET claimed_until = now() + ${LEASE} FROM directory_source d
     WHERE d.organisation_id = s.organisation_id AND d.source_id = s.source_id
       AND (s.claimed_until IS NULL OR s.claimed_until < now())
       AND (s.changes > s.compiled
           AND (s.ran_at IS NULL OR s.ran_at <= now() - make_interval(secs => $3))
           AND (s.last_change_at <= now() - make_interval(secs => $1) OR s.first_change_at <= now() - make_interval(secs => $2))
         OR s.ran_at < now() - interval '1 day')
     RETURNING s.organisation_id AS "organisationId", s.source_id AS "sourceId", d.name`,
    [quietSeconds, mostSeconds, betweenSeconds],
  )

/** `compiled`: the changes that were in the list; null: nothing came of it, and it is tried again after a while. */
export async function endClaim(
  sql: Sql,
  { organisationId, sourceId }: ScimKey,
  compiled: number | null,
): Promise<void> {
  if (compiled === null) {
    await sql.query(
      `UPDATE scim_source SET claimed_until = now() + interval '1 minute' WHERE organisation_id = $1 AND source_id = $2`,
      [organisationId, sourceId],
    )
    return
  }
  await sql.query(
    `UPDATE scim_source SET claimed_until = NULL, ran_at = now(), compiled = $3,
       first_change_at = CASE WHEN changes > $3 THEN now() END
     WHERE organisation_id = $1 AND source_id = $2`,
    [organisationId, sourceId, compiled],
  )
}

export interface CompiledUser {
  id: Id
  doc: Record<string, unknown>
}

/** By id, so that a list is always in the same order. */
export const usersPage = (
  sql: Sql,
  { organisationId, sourceId }: ScimKey,
  after: Id,
  limit: number,
): Promise<CompiledUser[]> =>
  sql.query(
    `SELECT resource_id AS id, doc FROM scim_resource
     WHERE organisation_id = $1 AND source_id = $2 AND kind = 1 AND deleted_at IS NULL AND resource_id > $3
     ORDER BY resource_id LIMIT $4`,
    [organisationId, sourceId, after, limit],
  )

/** The oldest first; `name` in lower case. */
export const groupNames = (sql: Sql, { organisationId, sourceId }: ScimKey): Promise<{ id: Id; name: string }[]> =>
  sql.query(
    `SELECT resource_id AS id, name FROM scim_resource
     WHERE organisation_id = $1 AND source_id = $2 AND kind = 2 AND deleted_at IS NULL ORDER BY resource_id`,
    [organisationId, sourceId],
  )

export const allMembers = (
  sql: Sql,
  { organisationId, sourceId }: ScimKey,
): Promise<{ groupId: Id; member: string }[]> =>
  sql.query('SELECT group_id AS "groupId", member FROM scim_member WHERE organisation_id = $1 AND source_id = $2', [
    organisationId,
    sourceId,
  ])

/** Deleted ones of whom the directory does not know yet that they are gone. */
export const deletedUsers = (sql: Sql, { organisationId, sourceId }: ScimKey): Promise<{ id: Id }[]> =>
  sql.query(
    `SELECT r.resource_id AS id FROM scim_resource r
     JOIN person_source l ON l.organisation_id = r.organisation_id AND l.source_id = r.source_id AND l.external_id = r.resource_id::text
     WHERE r.organisation_id = $1 AND r.source_id = $2 AND r.kind = 1 AND r.deleted_at IS NOT NULL`,
    [organisationId, sourceId],
  )

/** Traces of deleted ones whom nobody can come back as. */
export async function sweepDeleted(sql: Sql, { organisationId, sourceId }: ScimKey, days: number): Promise<void> {
  await sql.query(
    `DELETE FROM scim_resource r WHERE r.organisation_id = $1 AND r.source_id = $2 AND r.deleted_at < now() - make_interval(days => $3)
       AND NOT EXISTS (SELECT FROM person_source l WHERE l.organisation_id = $1 AND l.source_id = $2 AND l.external_id = r.resource_id::text)`,
    [organisationId, sourceId, days],
  )
}
