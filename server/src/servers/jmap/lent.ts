/**
 * In somebody else's mailbox that was opened to who is signed in: the first call opens it, which its owner hears of; what is
 * listed, read, searched for or downloaded is written down before it is shown. Nothing of it can be changed or sent: the account
 * is read only, which dispatch.ts and routes.ts see to.
 */
import { MOST_READ_AT_ONCE, type Lent, type Reading } from '../../core/four-eyes/index.ts'
import { isObject, MethodError, type Arguments } from '../../protocols/jmap/index.ts'
import type { JmapDeps } from './call.ts'

/** What a list of messages shows; with anything else a message is read. */
const LISTED = new Set([
  ...['id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt', 'sentAt', 'subject', 'hasAttachment'],
  ...['from', 'to', 'cc', 'bcc', 'sender', 'replyTo', 'messageId', 'inReplyTo', 'references', 'preview'],
])

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

function isWhole(args: Arguments): boolean {
  if (
    args['fetchTextBodyValues'] === true ||
    args['fetchHTMLBodyValues'] === true ||
    args['fetchAllBodyValues'] === true
  )
    return true
  return !Array.isArray(args['properties']) || texts(args['properties']).some((property) => !LISTED.has(property))
}

/** What a filter asks for in words, beside folders and keywords; it may be nested as deep as filters may. */
const WORDS = ['text', 'from', 'to', 'cc', 'bcc', 'subject', 'body', 'header']
const DEEPEST = 30
const LONGEST_SEARCH = 2000

function wordsOf(filter: unknown, depth = 0): [string, unknown][] {
  if (!isObject(filter)) return []
  if (depth > DEEPEST) throw new MethodError('unsupportedFilter', 'the filter is nested too deep')
  const { operator, conditions } = filter as { operator?: unknown; conditions?: unknown }
  if (operator !== undefined)
    return Array.isArray(conditions) ? conditions.flatMap((one) => wordsOf(one, depth + 1)) : []
  return Object.entries(filter).filter(([key]) => WORDS.includes(key))
}

/** As it stands in the audit, whole. Null: it asks for no words. */
function searchOf(filter: unknown): string | null {
  const words = wordsOf(filter)
  if (words.length === 0) return null
  const search = JSON.stringify(words)
  if (search.length > LONGEST_SEARCH) throw new MethodError('unsupportedFilter', 'here a search is shorter')
  return search
}

/** Null: nothing of a message is shown. `created`: what a client may say in place of an id (call.ts, realId). */
export function readingOf(name: string, args: Arguments, created: ReadonlyMap<string, string>): Reading | null {
  if (name === 'Email/get') {
    const emails = texts(args['ids']).map((id) => (id.startsWith('#') ? (created.get(id.slice(1)) ?? id) : id))
    if (!isWhole(args)) return { what: 'list', emails }
    if (emails.length > MOST_READ_AT_ONCE)
      throw new MethodError('requestTooLarge', `of this mailbox ${MOST_READ_AT_ONCE} messages at once are read`)
    return { what: 'read', emails }
  }
  const search = name === 'Email/query' ? searchOf(args['filter']) : null
  return search === null ? null : { what: 'search', filter: search }
}

type Deps = Pick<JmapDeps, 'fourEyes' | 'noteReading'>
type WithCreated = Deps & { createdIds: ReadonlyMap<string, string> }

/** Throws accountNotFound where it is open no more. */
export async function enterLent(deps: WithCreated, lent: Lent, name: string, args: Arguments): Promise<void> {
  // What waits to be sent, and under which names, is not the mail that was asked for.
  if (!/^(?:Mailbox|Email|Thread)\//.test(name))
    throw new MethodError('accountNotSupportedByMethod', 'this mailbox is open to you for reading its mail')
  const reading = readingOf(name, args, deps.createdIds)
  if (!(await deps.fourEyes.opening(lent))) throw new MethodError('accountNotFound', 'there is no such account for you')
  if (reading) await deps.noteReading(lent, reading)
}

/** The same for a file; null where it is open no more, or is no part of a message. */
export async function enterDownload(deps: Deps, lent: Lent, messageId: string | null): Promise<boolean> {
  if (messageId === null || !(await deps.fourEyes.opening(lent))) return false
  await deps.noteReading(lent, { what: 'download', messageId })
  return true
}
