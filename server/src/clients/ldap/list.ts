/**
 * Every entry below one base that a filter finds, page by page (the control of RFC 2696), or none at all: a search that ends
 * early, for whatever reason, throws, for half a list would look like a list in which people are missing.
 *
 * The library's own paging is not used: it takes an empty page for the end although its cookie says that more comes, and
 * passes over a size limit. Referrals are not followed, and a list with references in it is not whole.
 */
import { Control, FilterParser, MessageResponseStatus, PagedResultsControl, SearchRequest } from 'ldapts'
import type { Client, SearchResponse } from 'ldapts'
import type { Clock } from '../../platform/clock.ts'
import { resultOf, wordsOf } from './answer.ts'
import { asSearchAccount, type LdapDirectory } from './ask.ts'
import type { LdapServer } from './dial.ts'
import { rangeOf } from './range.ts'

/** Attributes by their names in lower case; values as bytes, for an objectGUID is no text. */
export interface FoundEntry {
  dn: string
  values: Map<string, Buffer[]>
}

export interface ListQuestion {
  filter: string
  attributes: string[]
  /** Active Directory: its references to the other partitions, which hold no people, are not wanted */
  isActiveDirectory: boolean
  limits?: ListLimits
}

export interface ListLimits {
  page: number
  entries: number
  /** of one attribute of one entry */
  values: number
  bytes: number
}

export const LIST_LIMITS: ListLimits = { page: 500, entries: 200_000, values: 100_000, bytes: 1_000_000_000 }

/** LDAP_SERVER_DOMAIN_SCOPE_OID: no references to other partitions. */
const DOMAIN_SCOPE = '1.2.840.113556.1.4.1339'

/** What the library keeps to itself: one request, and the whole of its answer with the controls. */
interface Wire {
  _nextMessageId(): number
  _send(request: SearchRequest): Promise<SearchResponse | undefined>
}

interface Search {
  base: string
  scope: 'sub' | 'base'
  filter: string
  attributes: string[]
  controls: Control[]
}

async function send(client: Client, { base, scope, filter, attributes, controls }: Search): Promise<SearchResponse> {
  const wire = client as unknown as Wire
  const response = await wire._send(
    new SearchRequest({
      messageId: wire._nextMessageId(),
      baseDN: base,
      scope,
      derefAliases: 'never',
      filter: FilterParser.parseString(filter),
      attributes,
      controls,
    }),
  )
  if (response === undefined) throw new Error('it closed the connection')
  if (response.status !== MessageResponseStatus.Success)
    throw Object.assign(new Error(response.errorMessage || `result ${response.status}`), { code: response.status })
  if (response.searchReferences.length > 0)
    throw new Error('a part of the list is on another server, which is not asked')
  return response
}

/** The rest of an attribute that comes in pieces (MS-ADTS 3.1.1.3.1.3.3), until the server says that it was the last. */
async function wholeAttribute(
  client: Client,
  dn: string,
  name: string,
  values: Buffer[],
  limits: ListLimits,
): Promise<void> {
  for (;;) {
    const wanted = `${name};range=${values.length}-*`
    const response = await send(client, {
      base: dn,
      scope: 'base',
      filter: '(objectClass=*)',
      attributes: [wanted],
      controls: [],
    })
    const piece = response.searchEntries[0]?.attributes.find(({ type }) => rangeOf(type)?.name === name)
    const range = piece && rangeOf(piece.type)
    if (!piece || range?.from !== values.length || piece.parsedBuffers.length === 0)
      throw new Error(`the values of ${name} end early`)
    values.push(...piece.parsedBuffers)
    if (values.length > limits.values) throw new Error(`an entry has more than ${limits.values} values of ${name}`)
    if (range.isLast) return
  }
}

async function found(
  client: Client,
  one: SearchResponse['searchEntries'][number],
  limits: ListLimits,
): Promise<FoundEntry> {
  const entry: FoundEntry = { dn: one.name, values: new Map() }
  for (const { type, parsedBuffers } of one.attributes) {
    const range = rangeOf(type)
    const name = range?.name ?? type.toLowerCase()
    // Beside its pieces Active Directory names the attribute itself, without values.
    if (parsedBuffers.length === 0) continue
    if (parsedBuffers.length > limits.values)
      throw new Error(`an entry has more than ${limits.values} values of ${name}`)
    if (range && range.from !== 0) throw new Error(`the values of ${name} begin in their middle`)
    const values = [...parsedBuffers]
    entry.values.set(name, values)
    if (range && !range.isLast) await wholeAttribute(client, one.name, name, values, limits)
  }
  return entry
}

async function everyPage(
  client: Client,
  base: string,
  question: ListQuestion,
  limits: ListLimits,
): Promise<FoundEntry[]> {
  const entries: FoundEntry[] = []
  const { filter, attributes } = question
  let cookie: Buffer | undefined
  // Empty pages are no end, but a server that sends nothing else is no directory.
  for (let emptyPages = 0; emptyPages < 1_000;) {
    const paging = new PagedResultsControl({ value: { size: limits.page, ...(cookie ? { cookie } : {}) } })
    const controls = question.isActiveDirectory ? [paging, new Control(DOMAIN_SCOPE)] : [paging]
    const response = await send(client, { base, scope: 'sub', filter, attributes, controls })
    if (response.searchEntries.length === 0) emptyPages++
    if (entries.length + response.searchEntries.length > limits.entries)
      throw new Error(`the list has more than ${limits.entries} entries`)
    for (const one of response.searchEntries) entries.push(await found(client, one, limits))
    const answered = response.controls?.find((control) => control instanceof PagedResultsControl)
    cookie = answered?.value?.cookie
    if (!cookie?.length) return entries
  }
  throw new Error('the list does not end')
}

/** Throws with a sentence that holds no password; then nothing of the list may be used. */
export function listEntries(
  clock: Clock,
  server: LdapServer,
  directory: Omit<LdapDirectory, 'filter'>,
  question: ListQuestion,
  signal: AbortSignal,
): Promise<FoundEntry[]> {
  const limits = question.limits ?? LIST_LIMITS
  return asSearchAccount(clock, server, directory, { signal, mostBytes: limits.bytes }, async (client) => {
    try {
      return await everyPage(client, directory.baseDn, question, limits)
    } catch (error) {
      const code = resultOf(error)
      const why = code === null ? '' : ` (result ${code})`
      throw new Error(`the list could not be read to its end: ${wordsOf(error)}${why}`, { cause: error })
    }
  })
}
