/** The mail calls that the scenes use (RFC 8621), each one request. */
import { fromCall, jmap, JmapError } from './client.ts'
import { shownEmail, shownRow } from './shown.ts'
import type { Email, EmailRow, GetResult, Identity, Mailbox, QueryResult, SetResult } from './types.ts'

export const rowProperties = [
  'id',
  'threadId',
  'mailboxIds',
  'keywords',
  'from',
  'to',
  'subject',
  'receivedAt',
  'preview',
  'hasAttachment',
  'size',
]
const bodyProperties = ['partId', 'blobId', 'size', 'name', 'type', 'charset', 'disposition', 'cid']
const fullProperties = [
  ...rowProperties,
  'blobId',
  'messageId',
  'inReplyTo',
  'references',
  'cc',
  'bcc',
  'replyTo',
  'sender',
  'sentAt',
  'headers',
  'textBody',
  'htmlBody',
  'attachments',
  'bodyValues',
]

export interface ListOf {
  /** null: all folders */
  folder: string | null
  /** folders left out when all are searched */
  without?: string[]
  text: string
}
export interface ListPage {
  rows: EmailRow[]
  position: number
  total: number
}
export const pageSize = 60

export async function mailboxes(): Promise<Mailbox[]> {
  const { list } = await jmap.one<GetResult<Mailbox>>('Mailbox/get', { ids: null })
  return list
}

export async function listPage(of: ListOf, position: number, signal?: AbortSignal): Promise<ListPage> {
  const filter: Record<string, unknown> = {}
  if (of.folder) filter['inMailbox'] = of.folder
  else if (of.without?.length) filter['inMailboxOtherThan'] = of.without
  if (of.text) filter['text'] = of.text
  const [found, got] = (await jmap.run(
    [
      [
        'Email/query',
        {
          filter,
          sort: [{ property: 'receivedAt', isAscending: false }],
          position,
          limit: pageSize,
          calculateTotal: true,
        },
      ],
      ['Email/get', { '#ids': fromCall(0, 'Email/query', '/ids'), 'properties': rowProperties }],
    ],
    signal,
  )) as [QueryResult, GetResult<EmailRow>]
  const byId = new Map(got.list.map((row) => [row.id, shownRow(row)]))
  // An email that went away between the two calls is in neither list.
  const rows = found.ids.flatMap((id) => byId.get(id) ?? [])
  return { rows, position, total: found.total ?? position + rows.length }
}

export async function email(id: string, signal?: AbortSignal): Promise<Email | null> {
  const { list } = await jmap.one<GetResult<Email>>(
    'Email/get',
    {
      ids: [id],
      properties: fullProperties,
      bodyProperties,
      fetchTextBodyValues: true,
      fetchHTMLBodyValues: true,
      maxBodyValueBytes: 2_000_000,
    },
    signal,
  )
  return list[0] ? shownEmail(list[0]) : null
}

export async function identities(): Promise<Identity[]> {
  const { list } = await jmap.one<GetResult<Identity>>('Identity/get', { ids: null })
  return list
}

/** Throws for the first thing the server refused, so that an optimistic change can be taken back. */
export function checkSet(result: SetResult): SetResult {
  for (const failed of [result.notCreated, result.notUpdated, result.notDestroyed]) {
    const first = failed ? Object.values(failed)[0] : undefined
    // What is already gone is what the person wanted.
    if (first && !(failed === result.notDestroyed && first.type === 'notFound'))
      throw new JmapError(first.type, first.description ?? undefined)
  }
  return result
}

export async function setEmails(args: {
  update?: Record<string, Record<string, unknown>>
  destroy?: string[]
}): Promise<void> {
  const updates = Object.entries(args.update ?? {})
  const destroys = args.destroy ?? []
  // RFC 8620 section 2 lets a server cap objects in one set (at least 500).
  for (let at = 0; at < Math.max(updates.length, destroys.length); at += 400)
    checkSet(
      await jmap.one<SetResult>('Email/set', {
        ...(updates.length > at ? { update: Object.fromEntries(updates.slice(at, at + 400)) } : {}),
        ...(destroys.length > at ? { destroy: destroys.slice(at, at + 400) } : {}),
      }),
    )
}
