/**
 * What a person does to messages: at once on the page, then on the server, with a way back. If the server refuses, the
 * lists are asked again, so that the page never shows what is not so.
 */
import type { InfiniteData } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import type { Email, EmailRow, Keywords, Mailbox } from '../data/jmap/types.ts'
import { setEmails } from '../data/jmap/mail.ts'
import type { ListOf, ListPage } from '../data/jmap/mail.ts'
import { queryClient } from '../data/queries.ts'
import { errorText } from '../lib/sentence.ts'
import { toasts } from '../lib/undo.ts'

export type Change = { keywords: Record<string, boolean> } | { folder: string }

/** The row after the change; pure. A keyword that is false is removed (RFC 8621 section 4.1.1: true is the only value). */
export function changed<T extends EmailRow>(row: T, change: Change): T {
  if ('folder' in change) return { ...row, mailboxIds: { [change.folder]: true } }
  const keywords: Keywords = { ...row.keywords }
  for (const [name, on] of Object.entries(change.keywords)) {
    if (on) keywords[name] = true
    else Reflect.deleteProperty(keywords, name)
  }
  return { ...row, keywords }
}

/** The patch of RFC 8620 section 5.3 that takes a message from `before` to `after`. */
export function patchOf(before: EmailRow, after: EmailRow): Record<string, unknown> {
  const patch: Record<string, unknown> = {}
  for (const group of ['keywords', 'mailboxIds'] as const)
    for (const name of new Set([...Object.keys(before[group]), ...Object.keys(after[group])]))
      if (Boolean(before[group][name]) !== Boolean(after[group][name]))
        patch[`${group}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`] = after[group][name] ? true : null
  return patch
}

type Pages = InfiniteData<ListPage, number>
const lists = () => queryClient.getQueryCache().findAll({ queryKey: ['mail', 'list'] })

function known(ids: string[]): EmailRow[] {
  const rows = new Map<string, EmailRow>()
  for (const { state } of lists())
    for (const page of (state.data as Pages | undefined)?.pages ?? [])
      for (const row of page.rows) if (ids.includes(row.id)) rows.set(row.id, row)
  for (const id of ids) {
    const open = queryClient.getQueryData<Email | null>(['email', id])
    if (open && !rows.has(id)) rows.set(id, open)
  }
  return [...rows.values()]
}

/** Shows the rows as `next` says: in every list that has them, in the folders' counts, and in the reader. */
function show(next: Map<string, EmailRow | null>): void {
  for (const { queryKey } of lists()) {
    const { folder } = queryKey[2] as ListOf
    queryClient.setQueryData<Pages>(queryKey, (data) => {
      if (!data) return data
      let gone = 0
      const pages = data.pages.map((page) => ({
        ...page,
        rows: page.rows.flatMap((row) => {
          const after = next.has(row.id) ? next.get(row.id) : row
          if (after && (folder === null || after.mailboxIds[folder])) return [after]
          gone++
          return []
        }),
      }))
      return { ...data, pages: pages.map((page) => ({ ...page, total: Math.max(0, page.total - gone) })) }
    })
  }
  for (const [id, row] of next)
    if (row)
      queryClient.setQueryData<Email | null>(
        ['email', id],
        (open) => open && { ...open, keywords: row.keywords, mailboxIds: row.mailboxIds },
      )
}

function count(before: EmailRow[], after: Map<string, EmailRow | null>): void {
  queryClient.setQueryData<Mailbox[]>(['mail', 'folders'], (folders) =>
    folders?.map((folder) => {
      let { totalEmails, unreadEmails } = folder
      for (const row of before) {
        const then = after.get(row.id)
        const was = row.mailboxIds[folder.id] ? 1 : 0
        const is = then?.mailboxIds[folder.id] ? 1 : 0
        totalEmails += is - was
        unreadEmails += (then && !then.keywords['$seen'] ? is : 0) - (row.keywords['$seen'] ? 0 : was)
      }
      return { ...folder, totalEmails: Math.max(0, totalEmails), unreadEmails: Math.max(0, unreadEmails) }
    }),
  )
}

export const lookAgain = () => queryClient.invalidateQueries({ queryKey: ['mail'] })

async function apply(before: EmailRow[], after: EmailRow[]): Promise<void> {
  const next = new Map(after.map((row) => [row.id, row]))
  // An answer that is under way would show the old state again.
  await queryClient.cancelQueries({ queryKey: ['mail'] })
  show(next)
  count(before, next)
  const update: Record<string, Record<string, unknown>> = {}
  for (const row of before) {
    const patch = patchOf(row, next.get(row.id) ?? row)
    if (Object.keys(patch).length) update[row.id] = patch
  }
  if (Object.keys(update).length) await setEmails({ update })
}

/** `said`: the sentence of the toast with its undo; without it the change is silent (reading marks as read). */
export async function changeMail(t: TFunction, ids: string[], change: Change, said?: string): Promise<void> {
  const before = known(ids)
  const after = before.map((row) => changed(row, change))
  try {
    await apply(before, after)
    if (said)
      toasts.add(said, {
        undo: async () => {
          try {
            await apply(after, before)
          } catch (thrown) {
            toasts.add(errorText(t, thrown), { tone: 'bad' })
          }
          await lookAgain()
        },
      })
  } catch (thrown) {
    if (said) toasts.add(`${t('mail.failed')} ${errorText(t, thrown)}`, { tone: 'bad' })
  } finally {
    void lookAgain()
  }
}

export async function deleteForEver(t: TFunction, ids: string[]): Promise<void> {
  const before = known(ids)
  const next = new Map<string, EmailRow | null>(before.map((row) => [row.id, null]))
  show(next)
  count(before, next)
  try {
    await setEmails({ destroy: ids })
    toasts.add(t('mail.foreverDone', { count: ids.length }))
  } catch (thrown) {
    toasts.add(`${t('mail.failed')} ${errorText(t, thrown)}`, { tone: 'bad' })
  } finally {
    void lookAgain()
  }
}
