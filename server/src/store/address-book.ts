/** The address book as it is searched, and what it is made of. */
import { textArray, uuidArray } from '../platform/db/binary.ts'
import { BookKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { recordset } from './model.ts'

export interface BookSource {
  id: Id
  kind: number
  name: string
  addresses: string[]
  title: string | null
  department: string | null
  office: string | null
  phones: { number: string }[]
}

/** People who are shown, as they are now: who has an address and is not hidden. */
export const bookPeople = (sql: Sql, organisationId: Id, people: readonly Id[]): Promise<BookSource[]> =>
  sql.query<BookSource>(
    `SELECT p.person_id AS id, ${BookKind.person} AS kind, p.name, array_agg(a.address::text) AS addresses, c.title, c.department, c.office,
       coalesce(c.phones, '[]') AS phones
     FROM person p JOIN address a USING (organisation_id, person_id) LEFT JOIN person_card c USING (organisation_id, person_id)
     WHERE p.organisation_id = $1 AND p.person_id = ANY($2::uuid[]) AND c.hidden IS NOT TRUE
     GROUP BY p.person_id, p.name, c.title, c.department, c.office, c.phones`,
    [organisationId, uuidArray(people)],
  )

/** Lists and groups, all of them. */
export const bookCollections = (sql: Sql, organisationId: Id): Promise<BookSource[]> =>
  sql.query<BookSource>(
    `SELECT list_id AS id, ${BookKind.list} AS kind, name, ARRAY[address::text] AS addresses, NULL AS title, NULL AS department, NULL AS office,
       '[]'::jsonb AS phones FROM mailing_list WHERE organisation_id = $1
     UNION ALL SELECT group_id, ${BookKind.group}, name, '{}', NULL, NULL, NULL, '[]' FROM person_group WHERE organisation_id = $1`,
    [organisationId],
  )

export interface BookRow {
  id: Id
  kind: number
  name: string
  sort: string
  words: string[]
}

/** These people's entries, or those of all lists and groups, become exactly these rows. */
export async function writeBook(
  sql: Sql,
  organisationId: Id,
  of: { people: readonly Id[] } | 'collections',
  rows: readonly BookRow[],
): Promise<void> {
  if (of === 'collections')
    await sql.query(`DELETE FROM book_entry WHERE organisation_id = $1 AND kind <> ${BookKind.person}`, [
      organisationId,
    ])
  else
    await sql.query('DELETE FROM book_entry WHERE organisation_id = $1 AND entry_id = ANY($2::uuid[])', [
      organisationId,
      uuidArray(of.people),
    ])
  await sql.query(
    `INSERT INTO book_entry (organisation_id, entry_id, kind, name, sort, words)
     SELECT $1, id, kind, name, sort, array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(words)))
     ${recordset('id uuid, kind smallint, name text, sort text, words jsonb')}`,
    [organisationId, JSON.stringify(rows)],
  )
}

export interface FoundEntry {
  id: Id
  kind: number
  name: string
  sort: string
  /** null: of a group */
  address: string | null
  title: string | null
  department: string | null
  photo: string | null
}

const ENTRY = `e.entry_id AS id, e.kind, e.name, e.sort, coalesce(a.display, l.display) AS address, c.title, c.department, c.photo_digest AS photo`
const JOINS = `LEFT JOIN address a ON e.kind = ${BookKind.person} AND a.organisation_id = e.organisation_id AND a.person_id = e.entry_id AND a.is_primary
     LEFT JOIN person_card c ON c.organisation_id = e.organisation_id AND c.person_id = e.entry_id
     LEFT JOIN mailing_list l ON e.kind = ${BookKind.list} AND l.organisation_id = e.organisation_id AND l.list_id = e.entry_id`

/** `query`: a tsquery; null: everybody. In the order of names, behind `after`. */
export const searchBook = (
  sql: Sql,
  organisationId: Id,
  wish: { query: string | null; after: { sort: string; id: Id } | null; limit: number },
): Promise<FoundEntry[]> =>
  sql.query<FoundEntry>(
    `SELECT ${ENTRY} FROM (
       SELECT * FROM book_entry WHERE organisation_id = $1 AND ($2::text IS NULL OR words @@ $2::tsquery)
         AND ($3::text IS NULL OR (sort, entry_id) > ($3::text COLLATE "C", $4::uuid))
       ORDER BY sort, entry_id LIMIT $5) e ${JOINS} ORDER BY e.sort, e.entry_id`,
    [organisationId, wish.query, wish.after?.sort ?? null, wish.after?.id ?? null, wish.limit],
  )

export interface EntryDetails extends FoundEntry {
  addresses: string[]
  office: string | null
  phones: { kind: string; number: string }[]
  manager: string | null
}

export async function readEntry(sql: Sql, organisationId: Id, id: Id): Promise<EntryDetails | null> {
  const [row] = await sql.query<EntryDetails>(
    `SELECT ${ENTRY}, c.office, coalesce(c.phones, '[]') AS phones, c.manager,
       CASE WHEN l.list_id IS NOT NULL THEN ARRAY[l.display] ELSE ARRAY(SELECT x.display FROM address x
         WHERE x.organisation_id = e.organisation_id AND x.person_id = e.entry_id ORDER BY x.is_primary DESC, x.address) END AS addresses
     FROM book_entry e ${JOINS} WHERE e.organisation_id = $1 AND e.entry_id = $2`,
    [organisationId, id],
  )
  return row ?? null
}

/** Whoever of these addresses is in the book. */
export const entriesByAddress = (sql: Sql, organisationId: Id, addresses: readonly string[]): Promise<FoundEntry[]> =>
  sql.query<FoundEntry>(
    `SELECT ${ENTRY} FROM (
       SELECT person_id AS id FROM address WHERE organisation_id = $1 AND address = ANY($2::text[])
       UNION SELECT list_id FROM mailing_list WHERE organisation_id = $1 AND address = ANY($2::text[])) f
     JOIN book_entry e ON e.organisation_id = $1 AND e.entry_id = f.id ${JOINS} ORDER BY e.sort, e.entry_id`,
    [organisationId, textArray(addresses)],
  )

/** Those of these addresses that people here have, shown or not. */
export async function peoplesAddresses(
  sql: Sql,
  organisationId: Id,
  addresses: readonly string[],
): Promise<Set<string>> {
  const rows = await sql.query<{ address: string }>(
    'SELECT address FROM address WHERE organisation_id = $1 AND address = ANY($2::text[])',
    [organisationId, textArray(addresses)],
  )
  return new Set(rows.map(({ address }) => address))
}

export const groupMembers = (
  sql: Sql,
  organisationId: Id,
  groups: readonly Id[],
  limit: number,
): Promise<FoundEntry[]> =>
  sql.query<FoundEntry>(
    `SELECT ${ENTRY} FROM person p JOIN book_entry e ON e.organisation_id = p.organisation_id AND e.entry_id = p.person_id ${JOINS}
     WHERE p.organisation_id = $1 AND p.group_id = ANY($2::uuid[]) ORDER BY e.sort, e.entry_id LIMIT $3`,
    [organisationId, uuidArray(groups), limit],
  )

export async function listMembers(
  sql: Sql,
  organisationId: Id,
  listId: Id,
): Promise<{ members: string[]; groups: Id[] } | null> {
  const [row] = await sql.query<{ members: string[]; groups: Id[] }>(
    'SELECT members, groups FROM mailing_list WHERE organisation_id = $1 AND list_id = $2',
    [organisationId, listId],
  )
  return row ?? null
}
