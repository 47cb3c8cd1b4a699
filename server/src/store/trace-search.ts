/**
 * Finding messages, from the newest to the oldest. Addresses, Message-IDs and subjects have no index: one would cost every
 * message that is accepted, for what an admin asks now and then. So what is asked is looked for in stretches of the
 * primary key, each of a bounded number of messages; who asks goes on from one to the next as long as it seems worth it.
 */
import type { Sql, SqlValue } from '../platform/db/database.ts'
import { LAST_ID, type Id } from '../platform/ids.ts'
import { TRACE_MESSAGE, type TraceMessageRow } from './trace.ts'

/** What a question can be about: any of them may fit; none for the newest messages. */
export interface TraceQuestion {
  /** folded */
  address?: string
  /** without angle brackets */
  messageIdHeader?: string
  subject?: string
  /** by which the next server knows it */
  remoteId?: string
}

/** Messages of one organisation from `to` (not itself) back to `from`. */
export interface Stretch {
  organisationId: Id
  /** null: to the first there is */
  from: Id | null
  /** null: from the newest */
  to: Id | null
}

/** The key `many` messages further back; null: so many there are not. */
export async function furtherBack(sql: Sql, organisationId: Id, to: Id | null, many: number): Promise<Id | null> {
  const [row] = await sql.query<{ id: Id }>(
    `SELECT message_id AS id FROM message WHERE organisation_id = $1 AND message_id < $2
     ORDER BY message_id DESC OFFSET $3 LIMIT 1`,
    [organisationId, to ?? LAST_ID, many - 1],
  )
  return row?.id ?? null
}

export function searchStretch(
  sql: Sql,
  { organisationId, from, to }: Stretch,
  ask: TraceQuestion,
  limit: number,
): Promise<TraceMessageRow[]> {
  const values: SqlValue[] = [organisationId, to ?? LAST_ID, limit]
  const bind = (value: SqlValue): string => `$${values.push(value)}`
  const part = (column: string): string =>
    `${column} < $2${from === null ? '' : ` AND ${column} >= ${bind(from)}::uuid`}`
  const either: string[] = []
  if (ask.address !== undefined) {
    const address = bind(ask.address)
    either.push(
      `m.message_id IN (SELECT d.message_id FROM delivery d WHERE d.organisation_id = $1 AND ${part('d.message_id')}
         AND (lower(d.recipient) = ${address} OR lower(d.via) = ${address})) AND m.direction <> 5`,
      `lower(m.envelope_from) = ${address}`,
      `lower(m.header_from) LIKE '%' || ${bind(ask.address.replace(/[\\%_]/g, '\\$&'))} || '%'`,
    )
  }
  if (ask.messageIdHeader !== undefined)
    either.push(`m.message_id_header IN (${bind(ask.messageIdHeader)}, ${bind(`<${ask.messageIdHeader}>`)})`)
  if (ask.remoteId !== undefined)
    either.push(`m.message_id IN (SELECT d.message_id FROM delivery d JOIN attempt a USING (organisation_id, delivery_id)
      WHERE d.organisation_id = $1 AND ${part('d.message_id')} AND a.remote_id = ${bind(ask.remoteId)})`)
  if (ask.subject !== undefined) either.push(`m.subject ILIKE ${bind(`%${ask.subject.replace(/[\\%_]/g, '\\$&')}%`)}`)
  const where = [`m.organisation_id = $1`, `m.direction <> 4`, part('m.message_id')]
  if (either.length > 0) where.push(`(${either.join(' OR ')})`)
  return sql.query<TraceMessageRow>(
    `SELECT ${TRACE_MESSAGE} FROM message m WHERE ${where.join(' AND ')} ORDER BY m.message_id DESC LIMIT $3`,
    values,
  )
}

/** The message of this id, or of the delivery of this id. */
export function messageNamed(sql: Sql, organisationId: Id, id: Id): Promise<TraceMessageRow[]> {
  return sql.query<TraceMessageRow>(
    `SELECT ${TRACE_MESSAGE} FROM message m WHERE m.organisation_id = $1 AND m.direction <> 4 AND m.message_id = ANY (ARRAY[$2::uuid,
       (SELECT message_id FROM delivery WHERE organisation_id = $1 AND delivery_id = $2)])
     ORDER BY m.message_id DESC`,
    [organisationId, id],
  )
}
