/** Table emergency_code: printed codes, each good for one sign-in. Only hashes are stored. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface NewCode {
  organisationId: Id
  personId: Id
  hash: Buffer
}

/** The letters these codes stand on take the place of the people's earlier ones. */
export async function replaceCodes(sql: Sql, codes: readonly NewCode[]): Promise<void> {
  const people = [...new Set(codes.map(({ personId }) => personId))]
  // Two letters made at once: one of them is the later one.
  await sql.query('SELECT FROM person WHERE person_id = ANY ($1::uuid[]) ORDER BY person_id FOR NO KEY UPDATE', [
    people,
  ])
  await sql.query('DELETE FROM emergency_code WHERE person_id = ANY ($1::uuid[])', [people])
  await sql.query(
    `INSERT INTO emergency_code (organisation_id, person_id, code_hash)
     SELECT c.* FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS c (organisation_id, person_id, code_hash)
     JOIN person USING (organisation_id, person_id)`,
    [
      codes.map(({ organisationId }) => organisationId),
      codes.map(({ personId }) => personId),
      codes.map(({ hash }) => hash),
    ],
  )
}

/** Is it one of the person's that was not used? Takes the same statement for nobody. */
export async function codeIsGood(sql: Sql, personId: Id, hash: Buffer): Promise<boolean> {
  const rows = await sql.query(
    'SELECT FROM emergency_code WHERE person_id = $1 AND code_hash = $2 AND used_at IS NULL',
    [personId, hash],
    'emergency-code-good',
  )
  return rows.length === 1
}

/** Uses it up; how many are left. Null for all but one caller. */
export async function useCode(sql: Sql, personId: Id, hash: Buffer): Promise<number | null> {
  const used = await sql.query(
    'UPDATE emergency_code SET used_at = now() WHERE person_id = $1 AND code_hash = $2 AND used_at IS NULL RETURNING 1',
    [personId, hash],
  )
  if (used.length === 0) return null
  const [row] = await sql.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM emergency_code WHERE person_id = $1 AND used_at IS NULL',
    [personId],
  )
  return row!.n
}

export interface LetterPerson {
  personId: Id
  name: string
  locale: string
  /** as it is shown; what they sign in with */
  address: string
  organisation: string
}

/**
 * Who gets a letter, by name: people who may sign in and have an address. `personIds`: these alone; null: everybody of the
 * organisation, `without`: who has no unused code.
 */
export function letterPeople(
  sql: Sql,
  organisationId: Id,
  { personIds = null, without = false }: { personIds?: readonly Id[] | null; without?: boolean } = {},
): Promise<LetterPerson[]> {
  return sql.query<LetterPerson>(
    `SELECT p.person_id AS "personId", p.name, p.locale, a.display AS address, o.name AS organisation
     FROM person p JOIN organisation o USING (organisation_id) JOIN LATERAL (
       SELECT display FROM address WHERE organisation_id = p.organisation_id AND person_id = p.person_id
       ORDER BY NOT is_primary, address LIMIT 1) a ON true
     WHERE p.organisation_id = $1 AND p.disabled_at IS NULL AND ($2::uuid[] IS NULL OR p.person_id = ANY ($2))
       AND NOT ($3 AND EXISTS (SELECT FROM emergency_code c WHERE c.person_id = p.person_id AND c.used_at IS NULL))
     ORDER BY p.name, p.person_id`,
    [organisationId, personIds, without],
  )
}

export interface CodeStanding {
  people: number
  withCodes: number
  used: number
}

export async function codeStanding(sql: Sql, organisationId: Id): Promise<CodeStanding> {
  const [row] = await sql.query<CodeStanding>(
    `SELECT count(*)::int AS people, count(*) FILTER (WHERE c.unused > 0)::int AS "withCodes",
       coalesce(sum(c.used), 0)::int AS used
     FROM person p LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE used_at IS NULL) AS unused, count(used_at) AS used
       FROM emergency_code WHERE person_id = p.person_id) c ON true
     WHERE p.organisation_id = $1 AND p.disabled_at IS NULL`,
    [organisationId],
  )
  return row!
}
