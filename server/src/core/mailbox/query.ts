/**
 * Searching a mailbox. What the database can answer is asked of it; conditions on what only the message itself tells
 * (To, Cc, Bcc, attachments, preview) are judged here over the candidates it leaves. There is no index of bodies.
 */
import { idTime, isId, type Id } from '../../platform/ids.ts'
import type { Sql } from '../../platform/db/database.ts'
import { headerText, lastHeader } from '../../protocols/mime/index.ts'
import { countEmails, isKeyed, listEmails, positionOf, type MailList, type MailPage } from '../../store/mailbox-list.ts'
import type { MailFilter } from '../../store/mailbox-filter.ts'
import { readEmails, type EmailRow } from '../../store/mailbox-read.ts'
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

/** Which part of the list is wanted (RFC 8620 section 5.5). */
export interface SearchPage {
  /** of its first message; negative: counted from the end */
  position: number
  /** a message of the list: the page begins `anchorOffset` behind it, whatever `position` says */
  anchor: Id | null
  anchorOffset: number
  limit: number
  total: boolean
}

export interface SearchResult {
  ids: Id[]
  position: number
  /** of all that match; null when it was not asked for */
  total: number | null
}

/** The anchor is not in the list; more messages would have to be looked into than we do. */
export type NoSearch = 'anchor-not-found' | 'too-many'

export type MailSearch = Omit<MailList, 'filter'> & { filter: EmailFilter }

/** Throws the signal's reason when it is aborted. */
export function searchEmails(
  deps: SearchDeps,
  owner: MailOwner,
  search: MailSearch,
  page: SearchPage,
  signal?: AbortSignal,
): Promise<SearchResult | NoSearch> {
  if (isDeep(search.filter)) return searchInside(deps, owner, search, page, signal)
  return searchByFacts(deps.sql, owner, { ...search, filter: shallow(search.filter) }, page)
}

/** What the database alone can answer: only the page is read into memory. */
async function searchByFacts(
  sql: Sql,
  owner: MailOwner,
  list: MailList,
  page: SearchPage,
): Promise<SearchResult | NoSearch> {
  const total = page.total || (page.anchor === null && page.position < 0) ? await countEmails(sql, owner, list) : null
  const read = async (part: MailPage): Promise<Id[]> =>
    (await listEmails(sql, owner, list, part)).map(({ copyId }) => copyId)
  const found = (ids: Id[], position: number): SearchResult => ({ ids, position, total: page.total ? total : null })
  if (page.anchor === null) {
    const position = page.position < 0 ? Math.max(0, total! + page.position) : page.position
    return found(await read({ limit: page.limit, offset: position, from: null }), position)
  }
  if (!isId(page.anchor)) return 'anchor-not-found'
  const at = await positionOf(sql, owner, list, page.anchor)
  if (at === null) return 'anchor-not-found'
  const position = Math.max(0, at + page.anchorOffset)
  const { limit } = page
  if (!isKeyed(list) || position === 0) return found(await read({ limit, offset: position, from: null }), position)
  if (position >= at) return found(await read({ limit, offset: position - at, from: page.anchor }), position)
  // Back to where the page begins, then on: what lies before it is not passed.
  const back = await read({ limit: at - position + 1, offset: 0, from: page.anchor, backwards: true })
  return found(await read({ limit, offset: 0, from: back.at(-1) ?? page.anchor }), position)
}

/** What only the messages themselves tell: every candidate is looked into, until there are enough. */
async function searchInside(
  deps: SearchDeps,
  owner: MailOwner,
  search: MailSearch,
  page: SearchPage,
  signal?: AbortSignal,
): Promise<SearchResult | NoSearch> {
  const { sql } = deps
  // Not collapsed: a thread's first candidate may be none of those that match.
  const list = { filter: shallow(search.filter), sort: search.sort, collapse: false }
  const candidates = await listEmails(sql, owner, list, { limit: MOST_LOOKED_INTO + 1, offset: 0, from: null })
  if (candidates.length > MOST_LOOKED_INTO) return 'too-many'
  const found: Id[] = []
  const threads = new Set<Id>()
  const needsAll = page.total || page.anchor !== null || page.position < 0
  const enough = needsAll ? Infinity : page.position + page.limit
  for (let at = 0; at < candidates.length && found.length < enough; at += PAGE) {
    const some = candidates.slice(at, at + PAGE)
    const ids = some.map(({ copyId }) => copyId)
    const rows = new Map((await readEmails(sql, owner, ids)).map((row) => [row.copyId, row]))
    for (const { copyId, threadId } of some) {
      // Thousands of bodies are looked into: not for somebody who has typed on or gone away.
      signal?.throwIfAborted()
      const row = rows.get(copyId)
      if (!row || (search.collapse && threads.has(threadId))) continue
      if (!matches(search.filter, await look(deps, owner, row))) continue
      found.push(copyId)
      threads.add(threadId)
    }
  }
  const anchorAt = page.anchor === null ? 0 : found.indexOf(page.anchor)
  if (anchorAt < 0) return 'anchor-not-found'
  const start =
    page.anchor !== null
      ? anchorAt + page.anchorOffset
      : page.position < 0
        ? found.length + page.position
        : page.position
  const position = Math.max(0, start)
  return { ids: found.slice(position, position + page.limit), position, total: page.total ? found.length : null }
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
