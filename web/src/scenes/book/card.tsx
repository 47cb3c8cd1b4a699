/** What there is to know of one entry of the address book. */
import { IconPencil } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { addressOf } from '../../data/book.ts'
import type { BookCard } from '../../data/contract.ts'
import { sentence } from '../../lib/sentence.ts'
import { Row } from './book-scene.tsx'
import { Face } from './face.tsx'

const lineNames = { title: 'book.job', department: 'book.department', office: 'book.office' } as const

/** Only what a number may hold. */
const telOf = (number: string): string => `tel:${number.replace(/[^+\d]/g, '')}`

export function Card({ card, open }: { card: BookCard; open: (id: string) => void }) {
  const { t } = useTranslation()
  const lines = (['title', 'department', 'office'] as const).filter((key) => card[key] !== null)
  const to = addressOf(card) ?? (card.members?.entries ?? []).flatMap((one) => addressOf(one) ?? []).join(', ')
  const members = card.members
  return (
    <div className="book-card stack">
      <div className="book-card-head">
        <Face entry={card} size={72} />
        <h2>{card.name}</h2>
      </div>
      {to !== '' && (
        <div>
          <Link to="/mail/$folder" params={{ folder: 'm1' }} search={{ compose: 'new', to }} className="book-write">
            <IconPencil size={18} aria-hidden="true" /> {t('book.write')}
          </Link>
        </div>
      )}
      <dl>
        {lines.map((key) => (
          <Line key={key} name={t(lineNames[key])}>
            {card[key]}
          </Line>
        ))}
        {card.addresses.length > 0 && (
          <Line name={t('book.addresses', { count: card.addresses.length })}>
            {card.addresses.map((address) => (
              <div key={address}>{address}</div>
            ))}
          </Line>
        )}
        {card.phones.map(({ kind, number }) => (
          <Line key={`${kind} ${number}`} name={sentence(t, 'bookPhone', kind)}>
            <a href={telOf(number)}>{number}</a>
          </Line>
        ))}
        {card.manager && (
          <Line name={t('book.manager')}>
            <button type="button" className="link" onClick={() => open(card.manager!.id)}>
              {card.manager.name}
            </button>
          </Line>
        )}
      </dl>
      {members && (
        <section aria-label={t('book.members')} className="stack">
          <h3>{t('book.members')}</h3>
          {members.entries.length + members.others.length === 0 && <p className="muted">{t('book.noMembers')}</p>}
          {members.entries.length > 0 && (
            <ul className="book-list">
              {members.entries.map((entry) => (
                <li key={entry.id}>
                  <Row entry={entry} open={() => open(entry.id)} />
                </li>
              ))}
            </ul>
          )}
          {members.others.map((address) => (
            <div key={address}>{address}</div>
          ))}
          {members.more && <p className="muted">{t('book.moreMembers')}</p>}
        </section>
      )}
    </div>
  )
}

function Line({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}
