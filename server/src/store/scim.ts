/**
 * What clients of SCIM sources wrote, as they wrote it: users and groups as documents, members of groups as rows. Every change
 * holds the row of its source, so the changes of one source come one after the other, and that row counts them.
 */
import { textArray, uuidArray } from '../platform/db/binary.ts'
import type { ScimKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface ScimKey {
  organisationId: Id
  sourceId: Id
}

export interface ScimCounts {
  users: number
  groups: number
  members: number
  /** ever */
  changes: number
}

export interface ScimRow {
  id: Id
  doc: Record<string, unknown>
  version: number
  createdAt: Date
  modifiedAt: Date
}

export interface MemberRow {
  value: string
  type: string | null
  display: string | null
}

const COLUMNS = 'resource_id AS id, doc, version, created_at AS "createdAt", modified_at AS "modifiedAt"'
const OF = 'organisation_id = $1 AND source_id = $2'
const values = ({ organisationId, sourceId }: ScimKey): [Id, Id] => [organisationId, sourceId]

/** Held until the transaction's end; null: there is no such source. */
export async function lockScim(sql: Sql, key: ScimKey): Promise<ScimCounts | null> {
  const rows = await sql.query<ScimCounts>(
    `SELECT users, groups, members, changes FROM scim_source WHERE ${OF} FOR NO KEY UPDATE`,
    values(key),
  )
  return rows[0] ?? null
}

export async function makeScim(sql: Sql, key: ScimKey): Promise<void> {
  await sql.query(
    'INSERT INTO scim_source (organisation_id, source_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    values(key),
  )
}

/** A change that is to be compiled; `more`: what there is more, or less, of. */
export async function noteChange(
  sql: Sql,
  key: ScimKey,
  more: Partial<Pick<ScimCounts, 'users' | 'groups' | 'members'>> = {},
): Promise<void> {
  await sql.query(
    `UPDATE scim_source SET changes = changes + 1, users = users + $3, groups = groups + $4, members = members + $5,
       last_change_at = now(), first_change_at = coalesce(first_change_at, now()) WHERE ${OF}`,
    [...values(key), more.users ?? 0, more.groups ?? 0, more.members ?? 0],
  )
}

export interface NewResource {
  id: Id
  kind: ScimKind
  /** folded userName or displayName */
  name: string
  externalId: string | null
  doc: object
}

/** A new one, or one that was deleted and is back with its id. */
export async function insertResource(sql: Sql, key: ScimKey, one: NewResource): Promise<ScimRow> {
  const rows = await sql.query<ScimRow>(
    `INSERT INTO scim_resource AS r (organisation_id, source_id, resource_id, kind, name, external_id, doc)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (organisation_id, source_id, resource_id) DO UPDATE SET name = excluded.name, external_id = excluded.external_id,
       doc = excluded.doc, version = r.version + 1, modified_at = now(), deleted_at = NULL
     RETURNING ${COLUMNS}`,
    [...values(key), one.id, one.kind, one.name, one.externalId, JSON.stringify(one.doc)],
  )
  return rows[0]!
}

export async function updateResource(sql: Sql, key: ScimKey, one: Omit<NewResource, 'kind'>): Promise<ScimRow> {
  const rows = await sql.query<ScimRow>(
    `UPDATE scim_resource SET name = $4, external_id = $5, doc = $6, version = version + 1, modified_at = now()
     WHERE ${OF} AND resource_id = $3 RETURNING ${COLUMNS}`,
    [...values(key), one.id, one.name, one.externalId, JSON.stringify(one.doc)],
  )
  return rows[0]!
}

/** Its name and ids stay: whoever comes back is the same. It is a member of nothing any more; how many members are gone with it. */
export async function deleteResource(sql: Sql, key: ScimKey, id: Id): Promise<number> {
  await sql.query(
    `UPDATE scim_resource SET deleted_at = now(), modified_at = now(), version = version + 1, doc = '{}'
     WHERE ${OF} AND resource_id = $3`,
    [...values(key), id],
  )
  await sql.query(
    `UPDATE scim_resource SET modified_at = now(), version = version + 1
     WHERE ${OF} AND resource_id IN (SELECT group_id FROM scim_member WHERE ${OF} AND member = $3::uuid::text)`,
    [...values(key), id],
  )
  const gone = await sql.query<{ n: number }>(
    `WITH gone AS (DELETE FROM scim_member WHERE ${OF} AND (group_id = $3 OR member = $3::uuid::text) RETURNING 1)
     SELECT count(*)::int AS n FROM gone`,
    [...values(key), id],
  )
  return gone[0]!.n
}

export async function resourceById(sql: Sql, key: ScimKey, kind: ScimKind, id: Id): Promise<ScimRow | null> {
  const rows = await sql.query<ScimRow>(
    `SELECT ${COLUMNS} FROM scim_resource WHERE ${OF} AND resource_id = $3 AND kind = $4 AND deleted_at IS NULL`,
    [...values(key), id, kind],
  )
  return rows[0] ?? null
}

export async function isNameTaken(
  sql: Sql,
  key: ScimKey,
  kind: ScimKind,
  name: string,
  but: Id | null,
): Promise<boolean> {
  const rows = await sql.query(
    `SELECT FROM scim_resource WHERE ${OF} AND kind = $3 AND name = $4 AND deleted_at IS NULL AND resource_id IS DISTINCT FROM $5::uuid`,
    [...values(key), kind, name, but],
  )
  return rows.length > 0
}

/** The newest deleted one with both. */
export async function deletedLike(
  sql: Sql,
  key: ScimKey,
  { kind, name, externalId }: Pick<NewResource, 'kind' | 'name'> & { externalId: string },
): Promise<Id | null> {
  const rows = await sql.query<{ id: Id }>(
    `SELECT resource_id AS id FROM scim_resource WHERE ${OF} AND kind = $3 AND name = $4 AND external_id = $5
       AND deleted_at IS NOT NULL ORDER BY deleted_at DESC LIMIT 1`,
    [...values(key), kind, name, externalId],
  )
  return rows[0]?.id ?? null
}

const FOUND_BY = {
  externalId: 'external_id = $4',
  name: 'name = $4',
  members: `resource_id IN (SELECT group_id FROM scim_member WHERE ${OF} AND member = $4)`,
} as const
export interface Found {
  by: keyof typeof FOUND_BY
  value: string
}

const ALL = `${OF} AND kind = $3 AND deleted_at IS NULL`

export const resourcesBy = (
  sql: Sql,
  key: ScimKey,
  kind: ScimKind,
  { by, value }: Found,
  most: number,
): Promise<ScimRow[]> =>
  sql.query(`SELECT ${COLUMNS} FROM scim_resource WHERE ${ALL} AND ${FOUND_BY[by]} ORDER BY resource_id LIMIT $5`, [
    ...values(key),
    kind,
    value,
    most,
  ])

/** In the order they were made in. */
export const resourcesFrom = (
  sql: Sql,
  key: ScimKey,
  kind: ScimKind,
  page: { offset: number; limit: number },
): Promise<ScimRow[]> =>
  sql.query(`SELECT ${COLUMNS} FROM scim_resource WHERE ${ALL} ORDER BY resource_id OFFSET $4 LIMIT $5`, [
    ...values(key),
    kind,
    page.offset,
    page.limit,
  ])

export const resourcesAfter = (sql: Sql, key: ScimKey, kind: ScimKind, after: Id, limit: number): Promise<ScimRow[]> =>
  sql.query(`SELECT ${COLUMNS} FROM scim_resource WHERE ${ALL} AND resource_id > $4 ORDER BY resource_id LIMIT $5`, [
    ...values(key),
    kind,
    after,
    limit,
  ])

export async function countResources(sql: Sql, key: ScimKey, kind: ScimKind): Promise<number> {
  const [row] = await sql.query<{ n: number }>(`SELECT count(*)::int AS n FROM scim_resource WHERE ${ALL}`, [
    ...values(key),
    kind,
  ])
  return row!.n
}

export const membersOf = (sql: Sql, key: ScimKey, groups: readonly Id[]): Promise<(MemberRow & { groupId: Id })[]> =>
  sql.query(
    `SELECT group_id AS "groupId", member AS value, type, display FROM scim_member
     WHERE ${OF} AND group_id = ANY($3::uuid[]) ORDER BY group_id, member`,
    [...values(key), uuidArray(groups)],
  )

export const memberCounts = (sql: Sql, key: ScimKey, groups: readonly Id[]): Promise<{ groupId: Id; n: number }[]> =>
  sql.query(
    `SELECT group_id AS "groupId", count(*)::int AS n FROM scim_member WHERE ${OF} AND group_id = ANY($3::uuid[]) GROUP BY 1`,
    [...values(key), uuidArray(groups)],
  )

/** The groups that name them as a member themselves. */
export const groupsOf = (
  sql: Sql,
  key: ScimKey,
  users: readonly Id[],
): Promise<{ member: string; groupId: Id; display: string }[]> =>
  sql.query(
    `SELECT m.member, m.group_id AS "groupId", r.doc->>'displayName' AS display FROM scim_member m
     JOIN scim_resource r ON r.organisation_id = m.organisation_id AND r.source_id = m.source_id AND r.resource_id = m.group_id
     WHERE m.organisation_id = $1 AND m.source_id = $2 AND m.member = ANY($3::text[]) ORDER BY m.member, m.group_id`,
    [...values(key), textArray(users)],
  )

/** Of the groups, only members among those. */
export const membersAmong = (
  sql: Sql,
  key: ScimKey,
  groups: readonly Id[],
  members: readonly string[],
): Promise<{ groupId: Id; value: string }[]> =>
  sql.query(
    `SELECT group_id AS "groupId", member AS value FROM scim_member
     WHERE ${OF} AND group_id = ANY($3::uuid[]) AND member = ANY($4::text[])`,
    [...values(key), uuidArray(groups), textArray(members)],
  )

/** How many there are more; who is a member already stays as they were named. */
export async function addMembers(sql: Sql, key: ScimKey, groupId: Id, members: readonly MemberRow[]): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    `WITH made AS (
       INSERT INTO scim_member (organisation_id, source_id, group_id, member, type, display)
       SELECT $1, $2, $3, value, type, display
       FROM jsonb_to_recordset($4::jsonb) AS m(value text, type text, display text)
       ON CONFLICT (organisation_id, source_id, group_id, member) DO NOTHING RETURNING 1)
     SELECT count(*)::int AS n FROM made`,
    [...values(key), groupId, JSON.stringify(members)],
  )
  return rows[0]!.n
}

/** null: all of them. How many are gone. */
export async function removeMembers(
  sql: Sql,
  key: ScimKey,
  groupId: Id,
  members: readonly string[] | null,
): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    `WITH gone AS (DELETE FROM scim_member WHERE ${OF} AND group_id = $3 AND ($4::text[] IS NULL OR member = ANY($4::text[])) RETURNING 1)
     SELECT count(*)::int AS n FROM gone`,
    [...values(key), groupId, members === null ? null : textArray(members)],
  )
  return rows[0]!.n
}
