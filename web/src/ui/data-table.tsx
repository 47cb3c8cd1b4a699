/**
 * A table that becomes a list of cards on a phone: each cell carries its column's name there, so nothing has to be
 * scrolled sideways. The five states are inside; more rows come with a button (and its focus stays).
 */
import { Button, Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { EmptyState, ErrorState } from './states.tsx'

export interface Column<T> {
  name: string
  cell: (row: T) => ReactNode
  /** figures stand at the end of their cell */
  figure?: boolean
  wide?: boolean
}
interface Asked {
  isPending: boolean
  error: unknown
  refetch: () => unknown
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => unknown
}

export function DataTable<T>({
  label,
  columns,
  rows,
  rowKey,
  asked,
  empty,
  unfinished,
}: {
  label: string
  columns: Column<T>[]
  rows: T[]
  rowKey: (row: T) => string
  asked: Asked
  empty: ReactNode
  /** said where the search for rows stopped before its end; then the button goes on with it */
  unfinished?: ReactNode
}) {
  const { t } = useTranslation()
  if (asked.isPending)
    return (
      <div className="stack" role="status" aria-label={t('app.loading')}>
        {Array.from({ length: 5 }, (_, at) => (
          <Skeleton key={at} height={44} />
        ))}
      </div>
    )
  if (asked.error && rows.length === 0) return <ErrorState error={asked.error} retry={() => void asked.refetch()} />
  const isUnfinished = asked.hasNextPage && unfinished !== undefined && unfinished !== null
  const more = asked.hasNextPage && (
    <div>
      {isUnfinished && <p role="status">{unfinished}</p>}
      <Button variant="default" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
        {t(isUnfinished ? 'app.searchOn' : 'app.more')}
      </Button>
    </div>
  )
  if (rows.length === 0) return isUnfinished ? <div className="stack">{more}</div> : <EmptyState>{empty}</EmptyState>
  return (
    <div className="stack">
      {asked.error ? <div className="offline-bar">{t('state.offlineBar')}</div> : null}
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ name, figure }) => (
              <th key={name} scope="col" className={figure ? 'figure' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ name, cell, figure, wide }) => (
                <td
                  key={name}
                  data-name={name}
                  className={[figure && 'figure num', wide && 'wide'].filter(Boolean).join(' ') || undefined}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more}
    </div>
  )
}
