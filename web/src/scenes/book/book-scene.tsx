/** The address book: who works here, found by name, department or number; a card with what there is to know. */
import './book.css'
import { Button, Modal, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { bookCardQuery, bookSearch } from '../../data/book.ts'
import type { BookCard, BookEntry } from '../../data/contract.ts'
import { EmptyState, ErrorState, LoadingState } from '../../ui/states.tsx'
import { Shell } from '../shell.tsx'
import { Card } from './card.tsx'
import { Face } from './face.tsx'

const here = getRouteApi('/signed/address-book')

export function BookScene() {
  const { q = '', id } = here.useSearch()
  const navigate = useNavigate()
  const go = (search: { q?: string; id?: string }, replace = false) =>
    void navigate({ to: '/address-book', search, replace })
  const base = q === '' ? {} : { q }
  return (
    <Shell>
      <main id="content" tabIndex={-1} className="book">
        <Book
          q={q}
          id={id ?? null}
          find={(text) => go(text === '' ? {} : { q: text }, true)}
          open={(entry) => go(entry === null ? base : { ...base, id: entry })}
        />
      </main>
    </Shell>
  )
}

export function Book({
  q,
  id,
  find,
  open,
}: {
  q: string
  id: string | null
  find: (q: string) => void
  open: (id: string | null) => void
}) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState(q)
  const findSoon = useDebouncedCallback((text: string) => find(text.trim()), 200)
  const found = useInfiniteQuery(bookSearch(q))
  const rows = (found.data?.pages ?? []).flatMap(({ items }) => items)
  useEffect(() => {
    document.title = `${t('book.title')} · Holdfast`
  }, [t])
  return (
    <div className="book-in stack">
      <h1>{t('book.title')}</h1>
      <TextInput
        type="search"
        label={t('book.search')}
        description={t('book.searchHint')}
        value={typed}
        maxLength={200}
        autoFocus
        onChange={(event) => {
          setTyped(event.currentTarget.value)
          findSoon(event.currentTarget.value)
        }}
      />
      <p className="hidden" role="status">
        {found.data && !found.isFetching ? t('book.found', { count: rows.length }) : ''}
      </p>
      {found.error && !found.data ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : !found.data ? (
        <LoadingState />
      ) : rows.length === 0 ? (
        <EmptyState>{q === '' ? t('book.empty') : t('book.none', { q })}</EmptyState>
      ) : (
        <ul className="book-list">
          {rows.map((entry) => (
            <li key={entry.id}>
              <Row entry={entry} open={() => open(entry.id)} />
            </li>
          ))}
        </ul>
      )}
      {found.hasNextPage && (
        <div>
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            {t('app.more')}
          </Button>
        </div>
      )}
      <Modal
        opened={id !== null}
        onClose={() => open(null)}
        title={t('book.card')}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        {id !== null && <CardOf id={id} open={open} />}
      </Modal>
    </div>
  )
}

export function Row({ entry, open }: { entry: BookEntry; open: () => void }) {
  const { t } = useTranslation()
  const kind = entry.kind === 'person' ? null : t(entry.kind === 'list' ? 'book.list' : 'book.group')
  const second = [kind, entry.title, entry.department, entry.address].filter(Boolean).join(' · ')
  return (
    <button type="button" className="book-row" onClick={open}>
      <Face entry={entry} size={36} />
      <span className="book-row-text">
        <span className="cut">{entry.name}</span>
        <span className="cut small muted">{second}</span>
      </span>
    </button>
  )
}

function CardOf({ id, open }: { id: string; open: (id: string) => void }) {
  const asked = useQuery(bookCardQuery(id))
  const card: BookCard | undefined = asked.data
  if (!card)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  return <Card card={card} open={open} />
}
