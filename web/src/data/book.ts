/** The organisation's address book. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { formatAddress } from '../lib/address.ts'
import { api, query } from './api.ts'
import type { BookCard, BookEntry, BookPage } from './contract.ts'

export const bookSearch = (q: string) => ({
  queryKey: ['book', 'search', q],
  queryFn: ({ signal, pageParam }: { signal: AbortSignal; pageParam: string | null }) =>
    api<BookPage>('GET', `/me/address-book${query({ q, after: pageParam, limit: 50 })}`, undefined, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (last: BookPage) => last.next,
  placeholderData: keepPreviousData,
})
/** The first few, while somebody types. */
export const bookOffers = (q: string) =>
  queryOptions({
    queryKey: ['book', 'offers', q],
    queryFn: async ({ signal }) =>
      (await api<BookPage>('GET', `/me/address-book${query({ q, limit: 8 })}`, undefined, signal)).items,
    staleTime: 60_000,
    retry: false,
  })
export const bookCardQuery = (id: string) =>
  queryOptions({
    queryKey: ['book', 'card', id],
    queryFn: ({ signal }) => api<BookCard>('GET', `/me/address-book/${encodeURIComponent(id)}`, undefined, signal),
    staleTime: 60_000,
  })

export const photoOf = ({ id, photo }: Pick<BookEntry, 'id' | 'photo'>): string | null =>
  photo === null ? null : `/api/v1/me/address-book/${encodeURIComponent(id)}/photo?${photo}`

/** As written in an address field. */
export const addressOf = ({ name, address }: Pick<BookEntry, 'name' | 'address'>): string | null =>
  address === null ? null : formatAddress({ name, email: address })

/** A person's or list's address; of a group those of its people. */
export async function addressesOf(entry: BookEntry): Promise<string[]> {
  const own = addressOf(entry)
  if (own !== null) return [own]
  const card = await api<BookCard>('GET', `/me/address-book/${encodeURIComponent(entry.id)}`)
  return (card.members?.entries ?? []).flatMap((one) => addressOf(one) ?? [])
}
