/**
 * A field of addresses that offers who is in the address book while somebody types: the combobox pattern of the ARIA
 * Authoring Practices (list autocomplete with manual selection). Without an answer of the address book it is a plain field.
 */
import { TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useId, useState, type KeyboardEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { addressesOf, bookOffers } from '../../data/book.ts'
import type { BookEntry } from '../../data/contract.ts'
import { isEmail } from '../../lib/address.ts'
import { lastPiece, withLast } from '../../lib/last-address.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Face } from '../book/face.tsx'

const LEAST_TYPED = 2

export function AddressField({
  id,
  value,
  change,
  error,
  readOnly,
  autoFocus,
  placeholder,
  onBlur,
}: {
  id: string
  value: string
  change: (value: string) => void
  error: string | false
  readOnly: boolean
  autoFocus: boolean
  placeholder: string
  onBlur: () => void
}) {
  const { t } = useTranslation()
  const listId = useId()
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const { piece } = lastPiece(value)
  const [asked] = useDebouncedValue(piece, 150)
  const wants = open && !readOnly && piece.length >= LEAST_TYPED && !isEmail(piece)
  const found = useQuery({ ...bookOffers(asked), enabled: wants && asked.length >= LEAST_TYPED })
  const offers = wants && asked.length >= LEAST_TYPED ? (found.data ?? []) : []
  const shown = offers.length > 0
  const current = shown ? offers[at] : undefined

  function close(): void {
    setOpen(false)
    setAt(-1)
  }
  function choose(entry: BookEntry): void {
    close()
    addressesOf(entry).then(
      (addresses) => {
        if (addresses.length > 0) change(withLast(value, addresses))
      },
      (thrown: unknown) => toasts.add(errorText(t, thrown), { tone: 'bad' }),
    )
  }
  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      setOpen(true)
      if (!shown) return
      event.preventDefault()
      const by = event.key === 'ArrowDown' ? 1 : -1
      // One place more than there are offers: the field itself.
      setAt(((at + 1 + by + offers.length + 1) % (offers.length + 1)) - 1)
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey && current) {
      event.preventDefault()
      choose(current)
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault()
      event.stopPropagation()
      close()
    }
  }
  return (
    <div className="book-field">
      <TextInput
        id={id}
        value={value}
        readOnly={readOnly}
        onChange={(event) => {
          setOpen(true)
          setAt(-1)
          change(event.currentTarget.value)
        }}
        onKeyDown={onKeyDown}
        onBlur={() => {
          close()
          onBlur()
        }}
        error={error}
        autoFocus={autoFocus}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        inputMode="email"
        placeholder={placeholder}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={shown}
        aria-controls={listId}
        aria-activedescendant={current ? `${listId}-${at}` : undefined}
      />
      <ul id={listId} role="listbox" aria-label={t('book.offers')} className="book-offers" hidden={!shown}>
        {offers.map((entry, place) => (
          <li
            key={entry.id}
            id={`${listId}-${place}`}
            role="option"
            aria-selected={place === at}
            className={place === at ? 'book-offer active' : 'book-offer'}
            // The field keeps the focus.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => choose(entry)}
          >
            <Face entry={entry} size={28} />
            <span className="book-offer-text">
              <span className="cut">{entry.name}</span>
              <span className="cut small muted">
                {[entry.address ?? t('book.group'), entry.department].filter(Boolean).join(' · ')}
              </span>
            </span>
          </li>
        ))}
      </ul>
      <span className="hidden" role="status">
        {shown ? t('book.offered', { count: offers.length }) : ''}
      </span>
    </div>
  )
}
