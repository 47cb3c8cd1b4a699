/** The model of addresses that stand for others: redirects and lists. Written like the rest of it (model.ts). */
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { recordset } from './model.ts'

/** An address that stands for others. */
export interface RedirectModel {
  id: Id
  address: string
  display: string
  domainId: Id
  /** as written */
  targets: string[]
  keepCopy: boolean
}

export interface ListModel {
  id: Id
  address: string
  display: string
  domainId: Id
  name: string
  /** as written */
  members: string[]
  groupIds: Id[]
  posting: number
  /** folded */
  posters: string[]
  help: string | null
  unsubscribe: string | null
  pauseBounces: number | null
  pauseDays: number | null
}

export const readRedirects = (sql: Sql, organisationId: Id): Promise<RedirectModel[]> =>
  sql.query<RedirectModel>(
    `SELECT redirect_id AS id, address, display, domain_id AS "domainId", targets, keep_copy AS "keepCopy" FROM redirect
     WHERE organisation_id = $1 ORDER BY address`,
    [organisationId],
  )

export const readLists = (sql: Sql, organisationId: Id): Promise<ListModel[]> =>
  sql.query<ListModel>(
    `SELECT list_id AS id, address, display, domain_id AS "domainId", name, members, to_jsonb(groups) AS "groupIds", posting, posters, help,
            unsubscribe, pause_bounces AS "pauseBounces", pause_days AS "pauseDays" FROM mailing_list
     WHERE organisation_id = $1 ORDER BY address`,
    [organisationId],
  )

export async function writeRedirects(sql: Sql, organisationId: Id, rows: readonly RedirectModel[]): Promise<void> {
  await sql.query(
    `INSERT INTO redirect (organisation_id, redirect_id, address, display, domain_id, targets, keep_copy)
     SELECT $1, id, address, display, "domainId", ARRAY(SELECT jsonb_array_elements_text(targets)), "keepCopy"
     ${recordset('id uuid, address text, display text, "domainId" uuid, targets jsonb, "keepCopy" boolean')}
     ON CONFLICT (organisation_id, redirect_id) DO UPDATE SET display = excluded.display, targets = excluded.targets,
       keep_copy = excluded.keep_copy`,
    [organisationId, JSON.stringify(rows)],
  )
}

export async function writeLists(sql: Sql, organisationId: Id, rows: readonly ListModel[]): Promise<void> {
  const texts = (column: string): string => `ARRAY(SELECT jsonb_array_elements_text(${column}))`
  await sql.query(
    `INSERT INTO mailing_list (organisation_id, list_id, address, display, domain_id, name, members, groups, posting, posters, help, unsubscribe,
       pause_bounces, pause_days)
     SELECT $1, id, address, display, "domainId", name, ${texts('members')}, ${texts('"groupIds"')}::uuid[], posting, ${texts('posters')}, help, unsubscribe,
       "pauseBounces", "pauseDays"
     ${recordset(`id uuid, address text, display text, "domainId" uuid, name text, members jsonb, "groupIds" jsonb, posting smallint,
       posters jsonb, help text, unsubscribe text, "pauseBounces" integer, "pauseDays" integer`)}
     ON CONFLICT (organisation_id, list_id) DO UPDATE SET display = excluded.display, name = excluded.name, members = excluded.members,
       groups = excluded.groups, posting = excluded.posting, posters = excluded.posters, help = excluded.help,
       unsubscribe = excluded.unsubscribe, pause_bounces = excluded.pause_bounces, pause_days = excluded.pause_days`,
    [organisationId, JSON.stringify(rows)],
  )
}

export async function removeRedirects(sql: Sql, organisationId: Id, redirects: readonly Id[]): Promise<void> {
  await sql.query('DELETE FROM redirect WHERE organisation_id = $1 AND redirect_id = ANY($2::uuid[])', [
    organisationId,
    uuidArray(redirects),
  ])
}

export async function removeLists(sql: Sql, organisationId: Id, lists: readonly Id[]): Promise<void> {
  await sql.query('DELETE FROM mailing_list WHERE organisation_id = $1 AND list_id = ANY($2::uuid[])', [
    organisationId,
    uuidArray(lists),
  ])
}
