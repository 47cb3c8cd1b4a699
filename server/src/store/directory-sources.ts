/** Directory sources, whom they speak of, and writing people as a source has them. Runs are in directory-runs.ts. */
import { textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { recordset } from './model.ts'

export interface SourceRow {
  id: Id
  name: string
  /** codes.ts PersonSource */
  kind: number
  settings: unknown
  /** sealed, in hex */
  secret: string | null
}

/** One run of a source at a time, until the transaction's end; false: another is under way. */
export async function lockSource(sql: Sql, organisationId: Id, name: string): Promise<boolean> {
  const [row] = await sql.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended('holdfast directory source ' || $1 || ' ' || $2, 0)) AS locked`,
    [organisationId, name],
  )
  return row!.locked
}

export const readSources = (sql: Sql, organisationId: Id): Promise<SourceRow[]> =>
  sql.query<SourceRow>(
    `SELECT source_id AS id, name, kind, settings, encode(secret_sealed, 'hex') AS secret FROM directory_source
     WHERE organisation_id = $1 ORDER BY name`,
    [organisationId],
  )

export async function writeSources(sql: Sql, organisationId: Id, rows: readonly SourceRow[]): Promise<void> {
  await sql.query(
    `INSERT INTO directory_source AS s (organisation_id, source_id, name, kind, settings, secret_sealed, scheduled_at, due_at)
     SELECT $1, id, name, kind, settings, decode(secret, 'hex'), begins, begins
     FROM (SELECT *, CASE WHEN settings->>'everyMinutes' IS NOT NULL THEN now() END AS begins
       ${recordset('id uuid, name text, kind smallint, settings jsonb, secret text')}) AS r
     ON CONFLICT (organisation_id, source_id) DO UPDATE SET settings = excluded.settings, secret_sealed = excluded.secret_sealed,
       scheduled_at = CASE WHEN excluded.scheduled_at IS NOT NULL THEN coalesce(s.scheduled_at, excluded.scheduled_at) END,
       due_at = excluded.due_at`,
    [organisationId, JSON.stringify(rows)],
  )
}

export interface LinkRow {
  sourceId: Id
  externalId: string
  personId: Id
  said: unknown
  linkedAt: Date
  missingSince: Date | null
}

export const readLinks = (sql: Sql, organisationId: Id): Promise<LinkRow[]> =>
  sql.query<LinkRow>(
    `SELECT source_id AS "sourceId", external_id AS "externalId", person_id AS "personId", said, linked_at AS "linkedAt",
       missing_since AS "missingSince" FROM person_source WHERE organisation_id = $1`,
    [organisationId],
  )

/** Everybody a source speaks of. */
export async function linkedPeople(sql: Sql, organisationId: Id): Promise<Set<Id>> {
  const rows = await sql.query<{ id: Id }>(
    'SELECT DISTINCT person_id AS id FROM person_source WHERE organisation_id = $1',
    [organisationId],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Addresses of lists, which no person may have. */
export const listAddresses = (sql: Sql, addresses: readonly string[]): Promise<{ address: string; name: string }[]> =>
  sql.query('SELECT address, name FROM mailing_list WHERE address = ANY($1::text[])', [textArray(addresses)])

/**
 * What keeps a person from being removed: mail that is on its way to them, what they sent and the primary has yet to get,
 * what they sent that can only be read here, and what is to leave at its time.
 */
export function whatHolds(
  sql: Sql,
  organisationId: Id,
  people: readonly Id[],
): Promise<{ id: Id; waiting: boolean; owed: boolean; here: boolean; toLeave: boolean }[]> {
  return sql.query(
    `SELECT p AS id,
       EXISTS (SELECT FROM delivery d WHERE d.organisation_id = $1 AND d.person_id = p AND d.state < 10) AS waiting,
       EXISTS (SELECT FROM owed_item w WHERE w.organisation_id = $1 AND w.person_id = p AND w.state = 1) AS owed,
       EXISTS (SELECT FROM owed_item w JOIN placement c ON c.organisation_id = w.organisation_id AND c.person_id = w.person_id
         AND c.copy_id = w.copy_id AND c.tombstone IS NULL
         WHERE w.organisation_id = $1 AND w.person_id = p AND w.state = 3) AS here,
       EXISTS (SELECT FROM submission s WHERE s.organisation_id = $1 AND s.person_id = p AND s.undo_status IN (2, 4)) AS "toLeave"
     FROM unnest($2::uuid[]) AS p`,
    [organisationId, uuidArray(people)],
  )
}

export interface SourcePersonRow {
  id: Id
  name: string
  upn: string | null
  locale: string
  groupId: Id | null
  disabled: boolean
  /** codes.ts PersonKind */
  kind: number
  /** of a new one; who is there keeps it */
  source: number
}

/** What a source does not speak of (role, route, scopes, private address) stays as it is. */
export async function writeSourcePeople(sql: Sql, organisationId: Id, rows: readonly SourcePersonRow[]): Promise<void> {
  const ids = uuidArray(rows.map(({ id }) => id))
  // Sign-in names may change hands within one run.
  await sql.query(
    'UPDATE person SET upn = NULL WHERE organisation_id = $1 AND upn IS NOT NULL AND person_id = ANY($2::uuid[])',
    [organisationId, ids],
  )
  await sql.query(
    `INSERT INTO person AS p (organisation_id, person_id, name, upn, locale, group_id, disabled_at, kind, source)
     SELECT $1, id, name, upn, locale, "groupId", CASE WHEN disabled THEN now() END, kind, source
     ${recordset('id uuid, name text, upn text, locale text, "groupId" uuid, disabled boolean, kind smallint, source smallint')}
     ON CONFLICT (organisation_id, person_id) DO UPDATE SET name = excluded.name, upn = excluded.upn,
       locale = excluded.locale, group_id = excluded.group_id, kind = excluded.kind,
       disabled_at = CASE WHEN excluded.disabled_at IS NULL THEN NULL ELSE coalesce(p.disabled_at, excluded.disabled_at) END`,
    [organisationId, JSON.stringify(rows)],
  )
  await sql.query(
    `DELETE FROM session s USING person p WHERE s.organisation_id = $1 AND s.subject_id = ANY($2::uuid[])
       AND p.organisation_id = $1 AND p.person_id = s.subject_id AND p.disabled_at IS NOT NULL`,
    [organisationId, ids],
  )
}

export interface SeenLink {
  externalId: string
  personId: Id
  said: object
  /** of a new one */
  linkedAt: Date
}

interface OfRun {
  organisationId: Id
  sourceId: Id
  runId: Id
  at: Date
}

/** What the source says of whom, and that it still names them. */
export async function writeLinks(
  sql: Sql,
  run: OfRun,
  links: readonly SeenLink[],
  seen: readonly string[],
): Promise<void> {
  await sql.query(
    `INSERT INTO person_source AS l (organisation_id, source_id, external_id, person_id, said, linked_at, seen_run_id, seen_at)
     SELECT $1, $3, "externalId", "personId", said, "linkedAt", $4, $5
     ${recordset('"externalId" text, "personId" uuid, said jsonb, "linkedAt" timestamptz')}
     ON CONFLICT (organisation_id, source_id, external_id) DO UPDATE SET said = excluded.said
       WHERE l.said <> excluded.said`,
    [run.organisationId, JSON.stringify(links), run.sourceId, run.runId, run.at],
  )
  await sql.query(
    `UPDATE person_source SET seen_run_id = $3, seen_at = $4, missing_since = NULL
     WHERE organisation_id = $1 AND source_id = $2 AND external_id = ANY($5::text[])`,
    [run.organisationId, run.sourceId, run.runId, run.at, textArray(seen)],
  )
}

export async function markMissing(sql: Sql, run: OfRun, externalIds: readonly string[]): Promise<void> {
  await sql.query(
    `UPDATE person_source SET missing_since = $3
     WHERE organisation_id = $1 AND source_id = $2 AND external_id = ANY($4::text[]) AND missing_since IS NULL`,
    [run.organisationId, run.sourceId, run.at, textArray(externalIds)],
  )
}

export async function dropLinks(sql: Sql, run: OfRun, externalIds: readonly string[]): Promise<void> {
  await sql.query(
    'DELETE FROM person_source WHERE organisation_id = $1 AND source_id = $2 AND external_id = ANY($3::text[])',
    [run.organisationId, run.sourceId, textArray(externalIds)],
  )
}
