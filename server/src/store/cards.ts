/** What the address book shows of people beyond name and addresses. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { recordset } from './model.ts'

export interface CardRow {
  id: Id
  title: string | null
  department: string | null
  office: string | null
  phones: { kind: string; number: string }[]
  manager: string | null
  hidden: boolean
  photoDigest: string | null
  byHand: string[]
}

/** Of everybody who has one. The photo itself is left where it is. */
export const readCards = (sql: Sql, organisationId: Id): Promise<CardRow[]> =>
  sql.query<CardRow>(
    `SELECT person_id AS id, title, department, office, phones, manager, hidden, photo_digest AS "photoDigest", by_hand AS "byHand"
     FROM person_card WHERE organisation_id = $1`,
    [organisationId],
  )

export interface CardWrite extends CardRow {
  /** of a new photo; null: the one that is there stays where photoDigest is not null */
  photo: { type: string; base64: string } | null
}

export async function writeCards(sql: Sql, organisationId: Id, rows: readonly CardWrite[]): Promise<void> {
  await sql.query(
    `INSERT INTO person_card AS c (organisation_id, person_id, title, department, office, phones, manager, hidden, photo, photo_type, photo_digest, by_hand)
     SELECT $1, id, title, department, office, phones, manager, hidden, decode(photo->>'base64', 'base64'), photo->>'type',
       CASE WHEN photo->>'type' IS NOT NULL THEN "photoDigest" END, ARRAY(SELECT jsonb_array_elements_text("byHand"))
     ${recordset('id uuid, title text, department text, office text, phones jsonb, manager text, hidden boolean, "photoDigest" text, photo jsonb, "byHand" jsonb')}
     ON CONFLICT (organisation_id, person_id) DO UPDATE SET title = excluded.title, department = excluded.department,
       office = excluded.office, phones = excluded.phones, manager = excluded.manager, hidden = excluded.hidden,
       photo = excluded.photo, photo_type = excluded.photo_type, photo_digest = excluded.photo_digest, by_hand = excluded.by_hand`,
    [organisationId, JSON.stringify(rows.filter((row) => row.photo !== null || row.photoDigest === null))],
  )
  await sql.query(
    `UPDATE person_card c SET title = n.title, department = n.department, office = n.office, phones = n.phones, manager = n.manager,
       hidden = n.hidden, by_hand = ARRAY(SELECT jsonb_array_elements_text(n."byHand"))
     ${recordset('id uuid, title text, department text, office text, phones jsonb, manager text, hidden boolean, "byHand" jsonb')}
     WHERE c.organisation_id = $1 AND c.person_id = n.id`,
    [organisationId, JSON.stringify(rows.filter((row) => row.photo === null && row.photoDigest !== null))],
  )
}

export async function readPhoto(
  sql: Sql,
  organisationId: Id,
  personId: Id,
): Promise<{ type: string; bytes: Buffer } | null> {
  const [row] = await sql.query<{ type: string; bytes: Buffer }>(
    `SELECT photo_type AS type, photo AS bytes FROM person_card
     WHERE organisation_id = $1 AND person_id = $2 AND photo IS NOT NULL AND NOT hidden`,
    [organisationId, personId],
  )
  return row ?? null
}
