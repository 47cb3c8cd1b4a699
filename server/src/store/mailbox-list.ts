/**
 * Lists of a mailbox: by filter, in an order, whole or one message per thread. Live placements only.
 *
 * What is asked most (newest or oldest first, by conditions on the placement alone) goes along the index of each folder
 * and stops when the page is full; a thread's earlier messages are asked of the index of threads. Any other order must
 * read all that matches; it is sorted, collapsed and counted in the database, and only the page leaves it.
 */
import type { Sql, SqlValue } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { conditionOf, folderCondition, needsMessage, type MailFilter } from './mailbox-filter.ts'
import type { MailOwner } from './mailbox.ts'

export type MailSort = 'receivedAt' | 'size' | 'from' | 'subject' | 'sentAt'
const ORDER: Record<MailSort, string> = {
  receivedAt: 'p.copy_id',
  size: 'p.size',
  from: 'lower(m.header_from)',
  subject: 'lower(m.subject)',
  sentAt: 'm.header_date',
}

export interface ListedEmail {
  copyId: Id
  threadId: Id
}

export interface MailList {
  filter: MailFilter
  sort: readonly { by: MailSort; ascending: boolean }[]
  /** of each thread only the first in this order (RFC 8621 section 4.4.3) */
  collapse: boolean
}

export interface MailPage {
  limit: number | null
  offset: number
  /** counted from this message of the list, which is the first; null: from the beginning */
  from: Id | null
  /** from there towards the beginning */
  backwards?: boolean
}

const MESSAGE_OF = `JOIN message m ON m.organisation_id = p.organisation_id AND m.message_id = p.message_id`
const OWN = `p.organisation_id = $1 AND p.person_id = $2 AND p.tombstone IS NULL`

/** Whether the list is in the order of ids and asks nothing of the messages: then it is read along indexes. */
export const isKeyed = ({ filter, sort }: Pick<MailList, 'filter' | 'sort'>): boolean =>
  sort[0]?.by === 'receivedAt' && !needsMessage(filter)

const isAscending = (list: MailList): boolean => list.sort[0]!.ascending

/** Nothing of its thread comes before it in the list. */
function isFirst(list: MailList, values: SqlValue[]): string {
  return `NOT EXISTS (SELECT FROM placement q WHERE q.organisation_id = $1 AND q.person_id = $2 AND q.tombstone IS NULL
    AND q.thread_id = p.thread_id AND q.copy_id ${isAscending(list) ? '<' : '>'} p.copy_id
    AND ${conditionOf(list.filter, values, 'q')})`
}

/** Along the index of each folder, merged. */
function listKeyed(sql: Sql, owner: MailOwner, list: MailList, page: MailPage): Promise<ListedEmail[]> {
  const values: SqlValue[] = [owner.organisationId, owner.personId]
  const rises = isAscending(list) !== (page.backwards ?? false)
  const order = `p.copy_id ${rises ? 'ASC' : 'DESC'}`
  const offset = Math.trunc(page.offset)
  const where = [OWN, 'p.folder_no = f.folder_no', conditionOf(list.filter, values)]
  if (page.from !== null) where.push(`p.copy_id ${rises ? '>=' : '<='} $${values.push(page.from)}::uuid`)
  if (list.collapse) where.push(isFirst(list, values))
  const upTo = (n: number): string => (page.limit === null ? '' : `LIMIT ${Math.trunc(page.limit) + n}`)
  return sql.query<ListedEmail>(
    `SELECT p."copyId", p."threadId" FROM folder f CROSS JOIN LATERAL (
       SELECT p.copy_id AS "copyId", p.thread_id AS "threadId", p.copy_id FROM placement p WHERE ${where.join(' AND ')}
       ORDER BY ${order} ${upTo(offset)}) p
     WHERE f.organisation_id = $1 AND f.person_id = $2 AND ${folderCondition(list.filter, values)}
     ORDER BY ${order} ${upTo(0)} OFFSET ${offset}`,
    values,
  )
}

const orderOf = (sort: MailList['sort']): string => {
  const order = sort.map(({ by, ascending }) => `${ORDER[by]} ${ascending ? 'ASC NULLS FIRST' : 'DESC NULLS LAST'}`)
  // The last criterion is always the id, so that the order is total.
  if (!sort.some(({ by }) => by === 'receivedAt')) order.push(`p.copy_id ${sort[0]?.ascending ? 'ASC' : 'DESC'}`)
  return order.join(', ')
}

function fromWhere(list: Omit<MailList, 'collapse'>, values: SqlValue[]): string {
  const message = needsMessage(list.filter) || list.sort.some(({ by }) => by !== 'receivedAt' && by !== 'size')
  return `FROM placement p ${message ? MESSAGE_OF : ''} WHERE ${OWN} AND ${conditionOf(list.filter, values)}`
}

/** The list with the place (`at`, from 1) of each of its messages, as the inside of a WITH. */
function ranked(list: MailList, values: SqlValue[]): string {
  const all = `SELECT p.copy_id, p.thread_id, row_number() OVER (ORDER BY ${orderOf(list.sort)}) AS at ${fromWhere(list, values)}`
  if (!list.collapse) return `list AS (${all})`
  return `every AS (${all}), list AS (SELECT copy_id, thread_id, row_number() OVER (ORDER BY at) AS at
    FROM (SELECT DISTINCT ON (thread_id) * FROM every ORDER BY thread_id, at) first)`
}

export function listEmails(sql: Sql, owner: MailOwner, list: MailList, page: MailPage): Promise<ListedEmail[]> {
  if (isKeyed(list)) return listKeyed(sql, owner, list, page)
  if (page.from !== null) throw new TypeError('only a list in the order of ids begins at one')
  const values: SqlValue[] = [owner.organisationId, owner.personId]
  const limit = page.limit === null ? '' : `LIMIT ${Math.trunc(page.limit)}`
  const tail = `${limit} OFFSET ${Math.trunc(page.offset)}`
  return sql.query<ListedEmail>(
    list.collapse
      ? `WITH ${ranked(list, values)} SELECT copy_id AS "copyId", thread_id AS "threadId" FROM list ORDER BY at ${tail}`
      : `SELECT p.copy_id AS "copyId", p.thread_id AS "threadId" ${fromWhere(list, values)} ORDER BY ${orderOf(list.sort)} ${tail}`,
    values,
  )
}

export async function countEmails(
  sql: Sql,
  owner: MailOwner,
  { filter, collapse }: Pick<MailList, 'filter' | 'collapse'>,
): Promise<number> {
  const values: SqlValue[] = [owner.organisationId, owner.personId]
  const [row] = await sql.query<{ n: number }>(
    `SELECT ${collapse ? 'count(DISTINCT p.thread_id)' : 'count(*)'} AS n ${fromWhere({ filter, sort: [] }, values)}`,
    values,
  )
  return row!.n
}

/** How many messages of the list come before this one; null: it is not in the list. */
export async function positionOf(sql: Sql, owner: MailOwner, list: MailList, copyId: Id): Promise<number | null> {
  const values: SqlValue[] = [owner.organisationId, owner.personId, copyId]
  if (!isKeyed(list)) {
    const [row] = await sql.query<{ at: number }>(
      `WITH ${ranked(list, values)} SELECT at FROM list WHERE copy_id = $3`,
      values,
    )
    return row ? row.at - 1 : null
  }
  // Each thread that has a message before it is shown before it, once.
  const before = `SELECT ${list.collapse ? 'count(DISTINCT p.thread_id)' : 'count(*)'}
    FROM folder f JOIN placement p ON p.folder_no = f.folder_no AND ${OWN} AND p.copy_id ${isAscending(list) ? '<' : '>'} $3::uuid
    WHERE f.organisation_id = $1 AND f.person_id = $2 AND ${folderCondition(list.filter, values)} AND ${conditionOf(list.filter, values)}`
  const [row] = await sql.query<{ n: number }>(
    `SELECT (${before}) AS n FROM folder f JOIN placement p ON p.folder_no = f.folder_no AND p.copy_id = $3::uuid AND ${OWN}
     WHERE f.organisation_id = $1 AND f.person_id = $2 AND ${conditionOf(list.filter, values)}
       ${list.collapse ? `AND ${isFirst(list, values)}` : ''}`,
    values,
  )
  return row?.n ?? null
}
