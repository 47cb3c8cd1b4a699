/** Table refusal: what was refused in a session, for the organisation it concerned; NIL_ID: it concerned nobody's here. */
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
  /** `connect`, the command, or `message`: at its end */
  during: string
  /** '' is the null sender; null: nothing was said of one */
  from: string | null
  /** null: it was about none */
  recipient: string | null
  /** the address that tried to sign in, or has */
  signIn: string | null
  /** of the message's header, where as much was read */
  messageIdHeader: string | null
  /** as it was answered, `550 5.1.1 …` */
  reply: string
  /** so often within a few seconds */
  times: number
}

export async function insertRefusals(sql: Sql, rows: readonly RefusalRow[]): Promise<void> {
  await sql.query(
    `INSERT INTO refusal (organisation_id, refusal_id, at, client_ip, helo, tls, during, envelope_from, recipient, sign_in,
       message_id, reply, times)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int4[])`,
    [
      uuidArray(rows.map((row) => row.organisationId)),
      uuidArray(rows.map((row) => row.refusalId)),
      timestamptzArray(rows.map((row) => row.at.getTime())),
      textArray(rows.map((row) => row.clientIp)),
      textArray(rows.map((row) => row.helo)),
      textArray(rows.map((row) => row.tls)),
      textArray(rows.map((row) => row.during)),
      textArray(rows.map((row) => row.from)),
      textArray(rows.map((row) => row.recipient)),
      textArray(rows.map((row) => row.signIn)),
      textArray(rows.map((row) => row.messageIdHeader)),
      textArray(rows.map((row) => row.reply)),
      int4Array(rows.map((row) => row.times)),
    ],
  )
}

const COLUMNS = `organisation_id AS "organisationId", refusal_id AS "refusalId", at, client_ip AS "clientIp", helo, tls, during,
  envelope_from AS "from", recipient, sign_in AS "signIn", message_id AS "messageIdHeader", reply, times`

/** What somebody may have in hand of a refusal. */
export type RefusalKey =
  /** folded: who sent, was to get it, or tried to sign in; or a Message-ID */
  { by: 'address'; text: string; messageId: string } | { by: 'client'; text: string } | { by: 'id'; text: Id }

const WHERE = {
  address: ['lower(recipient) = $4', 'lower(envelope_from) = $4', 'lower(sign_in) = $4', 'message_id = $5'],
  client: ['client_ip = $4'],
  id: ['refusal_id = $4::uuid'],
} as const

/** Newest first, before `after`, along an index for each way of finding them. `key` null: all. */
export async function listRefusals(
  sql: Sql,
  ask: { organisationId: Id; key: RefusalKey | null; after: Id | null; limit: number },
): Promise<RefusalRow[]> {
  const { key } = ask
  const values: (string | number)[] = [ask.organisationId, ask.after ?? LAST_ID, ask.limit]
  const ways = key === null ? ['true'] : WHERE[key.by]
  if (key !== null) values.push(key.text)
  if (key?.by === 'address') values.push(key.messageId)
  const all = ways.map(
    (way) => `(SELECT * FROM refusal WHERE organisation_id = $1 AND ${way} AND refusal_id < $2
      ORDER BY refusal_id DESC LIMIT $3)`,
  )
  return sql.query<RefusalRow>(
    `SELECT ${COLUMNS} FROM (${all.join(' UNION ')}) AS every_way ORDER BY refusal_id DESC LIMIT $3`,
    values,
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
