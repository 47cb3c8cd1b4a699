/**
 * The search for a message, from the newest to the oldest, for a bounded time: then it says how far back it came, and the
 * next page goes on from there. What was not found is never said to be nowhere before all of it was looked at.
 */
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { idTime, isId } from '../../platform/ids.ts'
import { furtherBack, messageNamed, searchStretch, type TraceQuestion } from '../../store/trace-search.ts'
import type { TraceMessageRow } from '../../store/trace.ts'
import { foldAddress } from '../directory/index.ts'
import type { Page } from './views.ts'

export interface FoundPage extends Page<TraceMessageRow> {
  /** milliseconds: the time was over here, and `next` goes on; null: the page is full, or everything was looked at */
  searchedTo: number | null
}

/** A page waits no longer, and it is far below the limit of one statement. */
export const SEARCH_MS = 2000
/** Messages of one stretch: some ten milliseconds where they are in memory, about a second where none is. */
const STRETCH = 5000

export interface TraceSearch {
  organisationId: Id
  q: string
  /** `next` of the page before */
  after: Id | null
  limit: number
  forMs?: number
  stretch?: number
}

/** What somebody pastes into the search: an id, a Message-ID, an address, another server's queue id, else part of a subject. */
export function questionOf(q: string): { id: Id } | TraceQuestion {
  const text = q.trim()
  if (text === '') return {}
  if (isId(text.toLowerCase())) return { id: text.toLowerCase() }
  const bare = text.replace(/^<|>$/g, '')
  if (text.startsWith('<')) return { messageIdHeader: bare, address: foldAddress(bare) ?? bare.toLowerCase() }
  if (text.includes('@')) return { address: foldAddress(text) ?? text.toLowerCase(), messageIdHeader: bare }
  return { subject: text, messageIdHeader: bare, ...(/^\S{4,100}$/.test(text) ? { remoteId: text } : {}) }
}

export async function searchTrace(sql: Sql, search: TraceSearch): Promise<FoundPage> {
  const { organisationId, limit, forMs = SEARCH_MS, stretch = STRETCH } = search
  const ask = questionOf(search.q)
  if ('id' in ask) return { items: await messageNamed(sql, organisationId, ask.id), next: null, searchedTo: null }
  const found: TraceMessageRow[] = []
  const began = performance.now()
  for (let to = search.after; ;) {
    const from = await furtherBack(sql, organisationId, to, stretch)
    // One more than is shown, to know whether there is a next page.
    found.push(...(await searchStretch(sql, { organisationId, from, to }, ask, limit + 1 - found.length)))
    if (found.length > limit) {
      const items = found.slice(0, limit)
      return { items, next: items.at(-1)!.messageId, searchedTo: null }
    }
    if (from === null) return { items: found, next: null, searchedTo: null }
    if (performance.now() - began >= forMs) return { items: found, next: from, searchedTo: idTime(from) }
    to = from
  }
}
