/** Finding a message by whatever somebody has in hand: an address, a Message-ID, our number, a delivery; and what was refused. */
import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { refusalsQuery, sessionQuery, strayRefusalsQuery, traceSearchQuery } from '../../data/queries.ts'
import { fileSize, longTime } from '../../lib/format.ts'
import { sentence } from '../../lib/sentence.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { Refused } from './refused.tsx'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/trace')

export function TraceSearchScene() {
  const { t, i18n } = useTranslation()
  const { org } = here.useParams()
  const { q = '' } = here.useSearch()
  const navigate = useNavigate()
  const [text, setText] = useState(q)
  const { asked, rows } = usePages(traceSearchQuery(org, q))
  const { data: account } = useQuery(sessionQuery)
  const searchedTo = asked.data?.pages.at(-1)?.searchedTo
  return (
    <>
      <h1>{t('admin.trace')}</h1>
      <p className="muted">{t('trace.lead')}</p>
      <form
        role="search"
        className="filters"
        onSubmit={(event) => {
          event.preventDefault()
          void navigate({ to: '/admin/$org/trace', params: { org }, search: text.trim() ? { q: text.trim() } : {} })
        }}
      >
        <TextInput
          label={t('trace.search')}
          type="search"
          value={text}
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div>
          <Button type="submit">{t('trace.submit')}</Button>
        </div>
      </form>
      <DataTable
        label={t('admin.trace')}
        asked={asked}
        rows={rows}
        rowKey={({ messageId }) => messageId}
        empty={t('trace.empty', { text: q })}
        unfinished={searchedTo ? t('trace.searchedTo', { time: longTime(searchedTo, i18n.language) }) : null}
        columns={[
          { name: t('trace.accepted'), cell: (row) => <TimeText at={row.acceptedAt} form="seconds" /> },
          {
            name: t('queue.subject'),
            wide: true,
            cell: (row) => (
              <Link to="/admin/$org/trace/$message" params={{ org, message: row.messageId }}>
                {row.subject || t('mail.noSubject')}
              </Link>
            ),
          },
          { name: t('trace.from'), wide: true, cell: (row) => row.from || '<>' },
          {
            name: t('trace.recipients'),
            wide: true,
            cell: (row) =>
              row.recipients.slice(0, 3).join(', ') +
              (row.recipients.length > 3 ? ` +${row.recipients.length - 3}` : ''),
          },
          { name: t('trace.direction'), cell: (row) => sentence(t, 'trace', row.direction) },
          { name: t('queue.size'), figure: true, cell: (row) => fileSize(row.size, i18n.language) },
        ]}
      />
      <Refused list={refusalsQuery(org, q)} title={t('refusals.title')} lead={t('refusals.lead')} q={q} />
      {account?.kind === 'operator' && (
        <Refused list={strayRefusalsQuery(q)} title={t('refusals.strays')} lead={t('refusals.straysLead')} q={q} />
      )}
    </>
  )
}
