/** The organisation's own address book, for whoever signs in there. */
import { z } from 'zod'
import { operation } from './operation.ts'
import { id, name, page, pageQuery, text } from './words.ts'

const none = z.strictObject({})
const entryShape = {
  id,
  kind: z.enum(['person', 'list', 'group']),
  name: z.string(),
  /** null: of a group */
  address: z.string().nullable(),
  title: z.string().nullable(),
  department: z.string().nullable(),
  /** changes with the photo, which is at /me/address-book/{entry}/photo; null: there is none */
  photo: z.string().nullable(),
}
const bookEntry = name('BookEntry', z.strictObject(entryShape))
const bookCard = name(
  'BookCard',
  z.strictObject({
    ...entryShape,
    addresses: z.array(z.string()),
    office: z.string().nullable(),
    phones: z.array(z.strictObject({ kind: z.string(), number: z.string() })),
    manager: z.strictObject({ id, name: z.string() }).nullable(),
    /** of a list or group; `others`: addresses that are not in the book; `more`: not all are here */
    members: z.strictObject({ entries: z.array(bookEntry), others: z.array(z.string()), more: z.boolean() }).nullable(),
  }),
)

export const addressBookOperations = {
  searchBook: operation({
    id: 'searchBook',
    method: 'GET',
    path: '/me/address-book',
    ability: 'book:see',
    summary: 'People, lists and groups of my organisation, by beginnings of words and by phone number',
    params: none,
    query: z.strictObject({ ...pageQuery, after: text(1200).optional(), q: text(200).default('') }),
    body: null,
    answer: page('BookPage', bookEntry),
  }),
  getBookCard: operation({
    id: 'getBookCard',
    method: 'GET',
    path: '/me/address-book/:entry',
    ability: 'book:see',
    summary: 'One of them, with what there is to know',
    params: z.strictObject({ entry: id }),
    query: none,
    body: null,
    answer: bookCard,
  }),
}
