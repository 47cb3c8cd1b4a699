/** Keeping the address book with what it is made of: in the transaction that changes people, lists or groups. */
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { bookCollections, bookPeople, writeBook, type BookRow, type BookSource } from '../../../store/address-book.ts'
import { foldText, wordsOf } from './words.ts'

const BATCH = 5000

const rowOf = (source: BookSource): BookRow => ({
  id: source.id,
  kind: source.kind,
  name: source.name,
  sort: foldText(source.name).trim().slice(0, 200),
  words: wordsOf(source),
})

/** Of people who were made, changed or removed. */
export async function refreshPeople(sql: Sql, organisationId: Id, people: readonly Id[]): Promise<void> {
  for (let at = 0; at < people.length; at += BATCH) {
    const some = people.slice(at, at + BATCH)
    const rows = await bookPeople(sql, organisationId, some)
    await writeBook(sql, organisationId, { people: some }, rows.map(rowOf))
  }
}

/** Of lists and groups, whichever changed: there are few. */
export async function refreshCollections(sql: Sql, organisationId: Id): Promise<void> {
  await writeBook(sql, organisationId, 'collections', (await bookCollections(sql, organisationId)).map(rowOf))
}
