/** Reading a mailbox: messages by id, lists by filter, threads, and what changed since a point. Live placements only. */
import type { Sql, SqlValue } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { firstIdAt } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface EmailRow {
  copyId: Id
  threadId: Id
  source: number
  folderNo: number
  uid: number
  modseq: number
  createdModseq: number
  flags: number
  keywords: string[] | null
  movedFrom: number | null
  messageId: Id
  direction: number
  envelopeFrom: string
  headerFrom: string | null
  subject: string | null
  messageIdHeader: string | null
  headerDate: Date | null
  size: number
  bodyStore: number
  blobKey: string | null
  prefix: Buffer
}

const EMAIL = `p.copy_id AS "copyId", c.thread_id AS "threadId", c.source, p.folder_no AS "folderNo", p.uid, p.modseq,
  p.created_modseq AS "createdModseq", p.flags, p.keywords, p.moved_from AS "movedFrom", p.message_id AS "messageId",
  m.direction, m.envelope_from AS "envelopeFrom", m.header_from AS "headerFrom", m.subject,
  m.message_id_header AS "messageIdHeader", m.header_date AS "headerDate", m.size, m.body_store AS "bodyStore",
  m.blob_key AS "blobKey", m.prefix`
const COPY_OF = `JOIN copy c ON c.organisation_id = p.organisation_id AND c.copy_id = p.copy_id`
const MESSAGE_OF = `JOIN message m ON m.organisation_id = p.organisation_id AND m.message_id = p.message_id`
const BY_COPY = `FROM folder f JOIN placement p ON p.organisation_id = f.organisation_id AND p.person_id = f.person_id
  AND p.folder_no = f.folder_no`

/** In any order; ids that are not this person's, or not placed any more, are missing. */
export function readEmails(sql: Sql, owner: MailOwner, copyIds: readonly Id[]): Promise<EmailRow[]> {
  return sql.query<EmailRow>(
    `SELECT ${EMAIL} ${BY_COPY} AND p.copy_id = ANY ($3::uuid[]) ${COPY_OF} ${MESSAGE_OF}
     WHERE f.organisation_id = $1 AND f.person_id = $2 AND p.tombstone IS NULL`,
    [owner.organisationId, owner.personId, [...copyIds]],
  )
}

/** A message for download: only with a copy of one's own. The placement may be gone, the right stays. */
export async function readOwnMessage(sql: Sql, owner: MailOwner, messageId: Id): Promise<OwnMessageRow | null> {
  const [row] = await sql.query<OwnMessageRow>(
    `SELECT m.message_id AS "messageId", c.source, m.direction, m.envelope_from AS "envelopeFrom", m.size,
       m.body_store AS "bodyStore", m.blob_key AS "blobKey", m.prefix
     FROM copy c JOIN message m ON m.organisation_id = c.organisation_id AND m.message_id = c.message_id
     WHERE c.organisation_id = $1 AND c.person_id = $2 AND c.message_id = $3 LIMIT 1`,
    [owner.organisationId, owner.personId, messageId],
  )
  return row ?? null
}
export type OwnMessageRow = Pick<
  EmailRow,
  'messageId' | 'source' | 'direction' | 'envelopeFrom' | 'size' | 'bodyStore' | 'blobKey' | 'prefix'
>

/** Conditions the database can answer; `any` stands for those it cannot. */
export type MailFilter =
  | { kind: 'and' | 'or'; of: MailFilter[] }
  | { kind: 'not'; of: MailFilter }
  | { kind: 'any' }
  | { kind: 'folder'; folderNos: readonly number[] }
  /** milliseconds; before is exclusive */
  | { kind: 'before' | 'from'; at: number }
  | { kind: 'flag'; bit: number }
  | { kind: 'keyword'; keyword: string }
  | { kind: 'contains'; field: 'subject' | 'headerFrom'; text: string }
  /** size of the original with its trace headers */
  | { kind: 'minSize'; size: number }

const like = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`
const CONTAINS = { subject: 'm.subject', headerFrom: 'm.header_from' } as const

function where(filter: MailFilter, values: SqlValue[]): string {
  const value = (v: SqlValue): string => `$${values.push(v)}`
  switch (filter.kind) {
    case 'and':
    case 'or': {
      if (filter.of.length === 0) return filter.kind === 'and' ? 'true' : 'false'
      return `(${filter.of.map((one) => where(one, values)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`
    }
    case 'not':
      return `NOT coalesce(${where(filter.of, values)}, false)`
    case 'any':
      return 'true'
    case 'folder':
      return `p.folder_no = ANY (${value([...filter.folderNos])}::int[])`
    case 'before':
      return `p.copy_id < ${value(firstIdAt(filter.at))}::uuid`
    case 'from':
      return `p.copy_id >= ${value(firstIdAt(filter.at))}::uuid`
    case 'flag':
      return `(p.flags & ${value(filter.bit)}::int) <> 0`
    case 'keyword':
      return `coalesce(${value(filter.keyword)}::text = ANY (p.keywords), false)`
    case 'contains':
      return `coalesce(${CONTAINS[filter.field]} ILIKE ${value(like(filter.text))}, false)`
    case 'minSize':
      return `p.size >= ${value(filter.size)}::bigint`
  }
}

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

const MESSAGE_FIELDS = ['contains']
const needsMessage = (filter: MailFilter): boolean =>
  filter.kind === 'and' || filter.kind === 'or'
    ? filter.of.some(needsMessage)
    : filter.kind === 'not'
      ? needsMessage(filter.of)
      : MESSAGE_FIELDS.includes(filter.kind)

export interface MailList {
  filter: MailFilter
  sort: { by: MailSort; ascending: boolean }[]
  limit: number | null
  offset: number
}

function fromWhere(list: MailList, values: SqlValue[]): string {
  const message =
    needsMessage(list.filter) || list.sort.some(({ by }) => by !== 'receivedAt' && by !== 'size') ? MESSAGE_OF : ''
  return `FROM placement p ${COPY_OF} ${message} WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.tombstone IS NULL
    AND ${where(list.filter, values)}`
}

/** The last criterion is always the id, so that the order is total. */
export function listEmails(sql: Sql, owner: MailOwner, list: MailList): Promise<ListedEmail[]> {
  const values: SqlValue[] = [owner.organisationId, owner.personId]
  const body = fromWhere(list, values)
  const order = list.sort.map(
    ({ by, ascending }) => `${ORDER[by]} ${ascending ? 'ASC NULLS FIRST' : 'DESC NULLS LAST'}`,
  )
  if (!list.sort.some(({ by }) => by === 'receivedAt'))
    order.push(`p.copy_id ${list.sort[0]?.ascending ? 'ASC' : 'DESC'}`)
  const limit = list.limit === null ? '' : `LIMIT ${Math.trunc(list.limit)}`
  return sql.query<ListedEmail>(
    `SELECT p.copy_id AS "copyId", c.thread_id AS "threadId" ${body} ORDER BY ${order.join(', ')} ${limit} OFFSET ${Math.trunc(list.offset)}`,
    values,
  )
}

export async function countEmails(sql: Sql, owner: MailOwner, filter: MailFilter): Promise<number> {
  const values: SqlValue[] = [owner.organisationId, owner.personId]
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*) AS n ${fromWhere({ filter, sort: [], limit: null, offset: 0 }, values)}`,
    values,
  )
  return row!.n
}

/** The messages of threads, oldest first (RFC 8621 section 3). */
export function readThreads(sql: Sql, owner: MailOwner, threadIds: readonly Id[]): Promise<ListedEmail[]> {
  return sql.query<ListedEmail>(
    `SELECT p.copy_id AS "copyId", c.thread_id AS "threadId" FROM placement p ${COPY_OF}
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.tombstone IS NULL AND c.thread_id = ANY ($3::uuid[])
     ORDER BY p.copy_id`,
    [owner.organisationId, owner.personId, [...threadIds]],
  )
}

export interface ThreadCount {
  folderNo: number
  totalThreads: number
  unreadThreads: number
}

/** RFC 8621 section 2: a thread is unread in a mailbox when any of its messages, wherever it is, is unread. `mask`: seen and draft. */
export function countThreads(sql: Sql, owner: MailOwner, mask: number): Promise<ThreadCount[]> {
  return sql.query<ThreadCount>(
    `WITH live AS (SELECT p.folder_no, c.thread_id, (p.flags & $3) = 0 AS unread FROM placement p ${COPY_OF}
       WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.tombstone IS NULL),
     thread AS (SELECT thread_id, bool_or(unread) AS unread FROM live GROUP BY thread_id)
     SELECT folder_no AS "folderNo", count(DISTINCT thread_id) AS "totalThreads",
       count(DISTINCT thread_id) FILTER (WHERE thread.unread) AS "unreadThreads"
     FROM live JOIN thread USING (thread_id) GROUP BY folder_no`,
    [owner.organisationId, owner.personId, mask],
  )
}

/** Messages neither seen nor draft, by folder (RFC 8621 section 2, unreadEmails): the counter counts drafts too. */
export function countUnseenDrafts(
  sql: Sql,
  owner: MailOwner,
  wish: { folderNos: readonly number[]; seen: number; draft: number },
): Promise<{ folderNo: number; n: number }[]> {
  return sql.query<{ folderNo: number; n: number }>(
    `SELECT folder_no AS "folderNo", count(*) AS n FROM placement
     WHERE organisation_id = $1 AND person_id = $2 AND folder_no = ANY ($3::int[]) AND tombstone IS NULL
       AND (flags & $4) = 0 AND (flags & $5) <> 0 GROUP BY folder_no`,
    [owner.organisationId, owner.personId, [...wish.folderNos], wish.seen, wish.draft],
  )
}
