/** Table refusal: what was refused in a session, for the organisation it concerned. */
import { int4Array, textArray, timestamptzArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { LAST_ID, type Id } from '../platform/ids.ts'

export interface RefusalRow {
  organisationId: Id
  refusalId: Id
  at: Date
  clientIp: string
  helo: string
  /** protocol and cipher; null: not encrypted */
  tls: string | null
  /** '' is the null sender */
  from: string
  recipient: string
  /** as it was answered, `550 5.1.1 …` */
  reply: string
  /** so often within a few seconds */
  times: number
}

export async function insertRefusals(sql: Sql, rows: readonly RefusalRow[]): Promise<void> {
  await sql.query(
    `INSERT INTO refusal (organisation_id, refusal_id, at, client_ip, helo, tls, envelope_from, recipient, reply, times)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::text[], $10::int4[])`,
    [
      uuidArray(rows.map((row) => row.organisationId)),
      uuidArray(rows.map((row) => row.refusalId)),
      timestamptzArray(rows.map((row) => row.at.getTime())),
      textArray(rows.map((row) => row.clientIp)),
      textArray(rows.map((row) => row.helo)),
      textArray(rows.map((row) => row.tls)),
      textArray(rows.map((row) => row.from)),
      textArray(rows.map((row) => row.recipient)),
      textArray(rows.map((row) => row.reply)),
      int4Array(rows.map((row) => row.times)),
    ],
  )
}

const COLUMNS = `organisation_id AS "organisationId", refusal_id AS "refusalId", at, client_ip AS "clientIp", helo, tls,
  envelope_from AS "from", recipient, reply, times`

/** Newest first, before `after`; `address` (folded): who sent or was to get it, along an index of each. null: all. */
export async function listRefusals(
  sql: Sql,
  ask: { organisationId: Id; address: string | null; after: Id | null; limit: number },
): Promise<RefusalRow[]> {
  const before = ask.after ?? LAST_ID
  if (ask.address === null)
    return sql.query<RefusalRow>(
      `SELECT ${COLUMNS} FROM refusal WHERE organisation_id = $1 AND refusal_id < $2 ORDER BY refusal_id DESC LIMIT $3`,
      [ask.organisationId, before, ask.limit],
    )
  const by = (column: string): string =>
    `(SELECT * FROM refusal WHERE organisation_id = $1 AND lower(${column}) = $4 AND refusal_id < $2
      ORDER BY refusal_id DESC LIMIT $3)`
  return sql.query<RefusalRow>(
    `SELECT ${COLUMNS} FROM (${by('recipient')} UNION ${by('envelope_from')}) AS both_ends
     ORDER BY refusal_id DESC LIMIT $3`,
    [ask.organisationId, before, ask.limit, ask.address],
  )
}

/** At most `limit` that are older than `days`; how many went. */
export async function sweepRefusals(sql: Sql, days: number, limit: number): Promise<number> {
  const rows = await sql.query(
    `DELETE FROM refusal WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM refusal WHERE at < now() - make_interval(days => $1) ORDER BY at LIMIT $2)) RETURNING 1`,
    [days, limit],
  )
  return rows.length
}
