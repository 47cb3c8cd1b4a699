/**
 * Searching a mailbox. What the database can answer is asked of it; conditions on what only the message itself tells
 * (To, Cc, Bcc, attachments, preview) are judged here over the candidates it leaves. There is no index of bodies.
 */
import { idTime } from '../../platform/ids.ts'
import type { Sql } from '../../platform/db/database.ts'
import { headerText, lastHeader } from '../../protocols/mime/index.ts'
import {
  countEmails,
  listEmails,
  readEmails,
  type EmailRow,
  type ListedEmail,
  type MailFilter,
  type MailList,
} from '../../store/mailbox-read.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { fromStored } from './keywords.ts'
import type { MessageView } from './message-view.ts'

/** Conditions on the message itself. */
export type DeepFilter =
  | { kind: 'text'; field: 'text' | 'to' | 'cc' | 'bcc'; text: string }
  | { kind: 'hasAttachment' }
  | { kind: 'header'; name: string; text: string | null }
  | { kind: 'maxSize'; size: number }

export type EmailFilter =
  | DeepFilter
  | Exclude<MailFilter, { kind: 'and' | 'or' | 'not' }>
  | { kind: 'and' | 'or'; of: EmailFilter[] }
  | { kind: 'not'; of: EmailFilter }

/** Most messages looked into for one search; above it the search says so instead of answering in part. */
export const MOST_LOOKED_INTO = 20_000
const PAGE = 200

const isDeep = (filter: EmailFilter): boolean => {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.of.some(isDeep)
    case 'not':
      return isDeep(filter.of)
    case 'text':
    case 'hasAttachment':
    case 'header':
    case 'maxSize':
      return true
    default:
      return false
  }
}

/** The filter with every deep condition left out: what it lets through holds everything that the whole filter does. */
function shallow(filter: EmailFilter): MailFilter {
  if (!isDeep(filter)) return filter as MailFilter
  if (filter.kind === 'and') return { kind: 'and', of: filter.of.map(shallow) }
  return { kind: 'any' }
}

interface Looked {
  row: EmailRow
  header: (name: string) => string | null
  preview: string
  hasAttachment: boolean
  size: number
}

const has = (text: string | null, wanted: string): boolean =>
  text !== null && text.toLowerCase().includes(wanted.toLowerCase())

function matches(filter: EmailFilter, it: Looked): boolean {
  const { row } = it
  switch (filter.kind) {
    case 'and':
      return filter.of.every((one) => matches(one, it))
    case 'or':
      return filter.of.some((one) => matches(one, it))
    case 'not':
      return !matches(filter.of, it)
    case 'any':
      return true
    case 'folder':
      return filter.folderNos.includes(row.folderNo)
    case 'before':
      return idTime(row.copyId) < filter.at
    case 'from':
      return idTime(row.copyId) >= filter.at
    case 'flag':
      return (row.flags & filter.bit) !== 0
    case 'keyword':
      return fromStored(row).includes(filter.keyword)
    case 'contains':
      return has(filter.field === 'subject' ? row.subject : row.headerFrom, filter.text)
    case 'minSize':
      return it.size >= filter.size
    case 'maxSize':
      return it.size < filter.size
    case 'hasAttachment':
      return it.hasAttachment
    case 'header': {
      const value = it.header(filter.name)
      return filter.text === null ? value !== null : has(value, filter.text)
    }
    case 'text':
      if (filter.field !== 'text') return has(it.header(filter.field), filter.text)
      return (
        ['from', 'to', 'cc', 'bcc', 'subject'].some((name) => has(it.header(name), filter.text)) ||
        has(it.preview, filter.text)
      )
  }
}

export interface SearchDeps {
  sql: Sql
  view: MessageView
}

export interface SearchResult {
  emails: ListedEmail[]
  /** of all that match; null when it was not asked for */
  total: number | null
}

/** `limit` null: all of them. Throws the signal's reason when it is aborted. Returns null when more messages would have to be looked into than we do. */
export async function searchEmails(
  deps: SearchDeps,
  owner: MailOwner,
  list: Omit<MailList, 'filter'> & { filter: EmailFilter },
  wish: { total: boolean; signal?: AbortSignal },
): Promise<SearchResult | null> {
  const { sql } = deps
  const filter = shallow(list.filter)
  if (!isDeep(list.filter)) {
    const emails = await listEmails(sql, owner, { ...list, filter })
    return { emails, total: wish.total ? await countEmails(sql, owner, filter) : null }
  }
  const candidates = await listEmails(sql, owner, { filter, sort: list.sort, limit: MOST_LOOKED_INTO + 1, offset: 0 })
  if (candidates.length > MOST_LOOKED_INTO) return null
  const found: ListedEmail[] = []
  const enough = wish.total || list.limit === null ? Infinity : list.offset + list.limit
  for (let at = 0; at < candidates.length && found.length < enough; at += PAGE) {
    const page = candidates.slice(at, at + PAGE)
    const rows = new Map(
      (
        await readEmails(
          sql,
          owner,
          page.map(({ copyId }) => copyId),
        )
      ).map((row) => [row.copyId, row]),
    )
    for (const email of page) {
      // Thousands of bodies are looked into: not for somebody who has typed on or gone away.
      wish.signal?.throwIfAborted()
      const row = rows.get(email.copyId)
      if (row && matches(list.filter, await look(deps, owner, row))) found.push(email)
    }
  }
  const end = list.limit === null ? undefined : list.offset + list.limit
  return { emails: found.slice(list.offset, end), total: wish.total ? found.length : null }
}

async function look({ view }: SearchDeps, owner: MailOwner, row: EmailRow): Promise<Looked> {
  const message = { ...row, organisationId: owner.organisationId }
  const { structure, preview, hasAttachment } = await view.digest(message, false)
  const header = (name: string): string | null => {
    const raw = lastHeader(structure.root.headers, name)
    return raw === null ? null : headerText(raw)
  }
  return { row, header, preview, hasAttachment, size: view.size(message) }
}
