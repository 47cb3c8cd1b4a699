/**
 * The list of messages: virtual (only what is seen is in the page), the row with the cursor visible, one tab stop
 * (arrows and j/k move inside). It is a listbox for readers who listen; each option reads as one sentence.
 */
import { IconArrowBackUp, IconArrowForwardUp, IconCheck, IconPaperclip, IconStarFilled } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { laterQuery } from '../../data/queries.ts'
import type { EmailRow, Mailbox } from '../../data/jmap/types.ts'
import { shownName } from '../../lib/address.ts'
import { TimeText } from '../../ui/time-text.tsx'
import { folderName } from './folders.tsx'

interface ListProps {
  rows: EmailRow[]
  total: number
  label: string
  cursor: string | null
  open: string | null
  selected: ReadonlySet<string>
  /** shown on each row when more than one folder is searched */
  folders: Mailbox[] | null
  outgoing: boolean
  choose: (row: EmailRow) => void
  point: (id: string) => void
  toggle: (id: string) => void
  more: () => void
}

export function MailList(props: ListProps) {
  const { rows, total, cursor, more } = props
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 84,
    overscan: 8,
    getItemKey: (at) => rows[at]?.id ?? at,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (rows.length < total && last >= rows.length - 12) more()
  }, [last, rows.length, total, more])
  const at = cursor === null ? -1 : rows.findIndex(({ id }) => id === cursor)
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' })
    // Only when the cursor moves: new mail above must not scroll the list.
  }, [cursor])

  const step = (by: number) => {
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))]
    if (next) props.point(next.id)
  }
  return (
    <div
      ref={scroller}
      className="mail-list"
      role="listbox"
      aria-label={props.label}
      aria-multiselectable="true"
      tabIndex={0}
      aria-activedescendant={at >= 0 ? `row-${cursor}` : undefined}
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown') step(1)
        else if (event.key === 'ArrowUp') step(-1)
        else if (event.key === 'Home') step(-rows.length)
        else if (event.key === 'End') step(rows.length)
        else return
        event.preventDefault()
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const row = rows[item.index]
          return (
            row && (
              <div
                key={item.key}
                data-index={item.index}
                ref={virtual.measureElement}
                className="mail-slot"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Row {...props} row={row} place={item.index + 1} />
              </div>
            )
          )
        })}
      </div>
    </div>
  )
}

function Row({
  row,
  cursor,
  open,
  selected,
  folders,
  outgoing,
  choose,
  toggle,
  place,
  total,
}: ListProps & { row: EmailRow; place: number }) {
  const { t } = useTranslation()
  const isDraft = row.keywords['$draft'] === true
  const waiting = useQuery({ ...laterQuery, enabled: isDraft }).data?.some(({ emailId }) => emailId === row.id)
  const unread = !row.keywords['$seen']
  const subject = row.subject || t('mail.noSubject')
  const names = outgoing
    ? t('mail.to', { names: (row.to ?? []).map(shownName).join(', ') || '–' })
    : shownName(row.from?.[0]) || t('mail.noSender')
  const state = [
    'mail-row',
    unread && 'unread',
    row.id === open && 'open',
    row.id === cursor && 'cursor',
    selected.has(row.id) && 'selected',
  ]
    .filter(Boolean)
    .join(' ')
  return (
    <div
      id={`row-${row.id}`}
      role="option"
      aria-selected={selected.has(row.id) || row.id === open}
      aria-posinset={place}
      aria-setsize={total}
      className={state}
      onClick={() => choose(row)}
    >
      {/* For the pointer; with the keyboard it is x, and aria-selected says it. */}
      <span
        className="mail-check"
        aria-hidden="true"
        title={t('mail.select')}
        onClick={(event) => {
          event.stopPropagation()
          toggle(row.id)
        }}
      >
        <span className={selected.has(row.id) ? 'mail-box on' : 'mail-box'}>
          {selected.has(row.id) && <IconCheck size={14} stroke={3} />}
        </span>
      </span>
      <div className="mail-row-text">
        <div className="mail-row-top">
          {unread && <span className="mail-dot" role="img" aria-label={t('mail.unread')} />}
          <span className="mail-from cut">{names}</span>
          {isDraft && <span className="mail-tag">{waiting ? t('later.list') : t('mail.draft')}</span>}
          {row.keywords['$answered'] && <IconArrowBackUp size={15} role="img" aria-label={t('mail.answered')} />}
          {row.keywords['$forwarded'] && <IconArrowForwardUp size={15} role="img" aria-label={t('mail.forwarded')} />}
          {row.hasAttachment && <IconPaperclip size={15} role="img" aria-label={t('mail.attachment')} />}
          {row.keywords['$flagged'] && (
            <IconStarFilled size={15} className="mail-star" role="img" aria-label={t('mail.flagged')} />
          )}
          <span className="mail-when">
            <TimeText at={row.receivedAt} />
          </span>
        </div>
        <div className="mail-subject cut">{subject}</div>
        <div className="mail-preview">
          <span className="cut">{row.preview || '\u00a0'}</span>
          {folders && (
            <span className="mail-tag">
              {folderName(
                t,
                folders.find(({ id }) => row.mailboxIds[id]),
              )}
            </span>
          )}
        </div>
      </div>
    </div>
  )
}
