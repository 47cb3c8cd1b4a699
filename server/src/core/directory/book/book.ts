/** Looking into the organisation's address book. Whoever asks sees their own organisation's, and only that. */
import { BookKind, wordOf } from '../../../platform/codes.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { isId, type Id } from '../../../platform/ids.ts'
import * as store from '../../../store/address-book.ts'
import { readPhoto } from '../../../store/cards.ts'
import { foldAddress } from '../fold.ts'
import { questionOf } from './words.ts'

export interface BookEntry {
  id: Id
  kind: keyof typeof BookKind
  name: string
  /** null: of a group */
  address: string | null
  title: string | null
  department: string | null
  /** changes with the photo; null: there is none */
  photo: string | null
}

export interface BookPage {
  items: BookEntry[]
  /** what to ask behind; null: that was all */
  next: string | null
}

export interface BookCard extends BookEntry {
  addresses: string[]
  office: string | null
  phones: { kind: string; number: string }[]
  manager: { id: Id; name: string } | null
  /** of a list or group: who is in it, people of the book and other addresses; `more`: not all are shown */
  members: { entries: BookEntry[]; others: string[]; more: boolean } | null
}

const MOST_MEMBERS = 500

const entryOf = ({ id, kind, name, address, title, department, photo }: store.FoundEntry): BookEntry => ({
  id,
  kind: wordOf(BookKind, kind),
  name,
  address,
  title,
  department,
  photo: photo?.slice(0, 16) ?? null,
})

const keyOf = ({ sort, id }: store.FoundEntry): string => Buffer.from(`${id}${sort}`).toString('base64url')

/** null: not a key of this list. */
export function placeOf(key: string): { sort: string; id: Id } | null {
  const text = Buffer.from(key, 'base64url').toString()
  const [id, sort] = [text.slice(0, 36), text.slice(36)]
  return isId(id) && !sort.includes('\0') && !sort.includes('\ufffd') ? { id, sort } : null
}

/** By the beginnings of words; an empty question finds everybody. */
export async function findInBook(
  sql: Sql,
  organisationId: Id,
  wish: { text: string; after: { sort: string; id: Id } | null; limit: number },
): Promise<BookPage> {
  const query = questionOf(wish.text)
  // Nothing but marks was typed: that is nobody's name.
  if (query === null && wish.text.trim() !== '') return { items: [], next: null }
  const rows = await store.searchBook(sql, organisationId, { query, after: wish.after, limit: wish.limit + 1 })
  const shown = rows.slice(0, wish.limit)
  return { items: shown.map(entryOf), next: rows.length > wish.limit ? keyOf(shown.at(-1)!) : null }
}

async function membersOf(sql: Sql, organisationId: Id, row: store.EntryDetails): Promise<BookCard['members']> {
  if (row.kind === BookKind.person) return null
  const list = row.kind === BookKind.list ? await store.listMembers(sql, organisationId, row.id) : null
  const groups = row.kind === BookKind.group ? [row.id] : (list?.groups ?? [])
  const ofGroups = await store.groupMembers(sql, organisationId, groups, MOST_MEMBERS + 1)
  const written = new Map((list?.members ?? []).map((address) => [foldAddress(address) ?? address, address]))
  const known = await store.entriesByAddress(sql, organisationId, [...written.keys()])
  const here = new Map([...ofGroups, ...known].map((entry) => [entry.id, entry]))
  // Who is hidden is not named here either.
  const people = await store.peoplesAddresses(sql, organisationId, [...written.keys()])
  const lists = new Set(known.flatMap(({ address }) => (address === null ? [] : [foldAddress(address) ?? address])))
  const others = [...written].filter(([one]) => !people.has(one) && !lists.has(one)).map(([, address]) => address)
  const entries = [...here.values()].sort((a, b) => (a.sort < b.sort ? -1 : 1))
  return {
    entries: entries.slice(0, MOST_MEMBERS).map(entryOf),
    others: others.slice(0, MOST_MEMBERS),
    more: entries.length > MOST_MEMBERS || others.length > MOST_MEMBERS,
  }
}

/** null: nobody there, or not shown. */
export async function cardInBook(sql: Sql, organisationId: Id, id: Id): Promise<BookCard | null> {
  const row = await store.readEntry(sql, organisationId, id)
  if (row === null) return null
  const [manager] = row.manager === null ? [] : await store.entriesByAddress(sql, organisationId, [row.manager])
  return {
    ...entryOf(row),
    addresses: row.addresses,
    office: row.office,
    phones: row.phones,
    manager: manager ? { id: manager.id, name: manager.name } : null,
    members: await membersOf(sql, organisationId, row),
  }
}

/** null: there is none, or they are not shown. */
export const bookPhoto = (sql: Sql, organisationId: Id, id: Id): Promise<{ type: string; bytes: Buffer } | null> =>
  readPhoto(sql, organisationId, id)
