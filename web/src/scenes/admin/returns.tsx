/** The ways home: a bar per return, and its ledger with the proof of every attempt. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { ledgerQuery, returnsQuery, routesQuery } from '../../data/queries.ts'
import { proofText } from '../../lib/engine-text.ts'
import { number } from '../../lib/format.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { ProgressBar } from '../../ui/progress-bar.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { returnText } from './progress-text.ts'
import { usePages } from './use-pages.ts'
import { StateWord } from './words.tsx'

const returnsHere = getRouteApi('/signed/admin/$org/returns')
const ledgerHere = getRouteApi('/signed/admin/$org/returns/$event')

export function ReturnsScene() {
  const { t, i18n } = useTranslation()
  const { org } = returnsHere.useParams()
  const { asked, rows } = usePages(returnsQuery(org))
  return (
    <>
      <h1>{t('admin.returns')}</h1>
      <DataTable
        label={t('admin.returns')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={t('returns.empty')}
        columns={[
          {
            name: t('queue.route'),
            wide: true,
            cell: (row) => (
              <Link to="/admin/$org/returns/$event" params={{ org, event: row.id }}>
                {row.routeName}
              </Link>
            ),
          },
          { name: t('returns.started'), cell: (row) => <TimeText at={row.startedAt} form="seconds" /> },
          { name: t('returns.returning'), cell: (row) => <TimeText at={row.returningAt} form="seconds" /> },
          {
            name: t('returns.ended'),
            cell: (row) => (row.endedAt ? <TimeText at={row.endedAt} form="seconds" /> : t('returns.running')),
          },
          {
            name: t('returns.done'),
            wide: true,
            cell: (row) => {
              const { label, done } = returnText(t, row, i18n.language)
              return (
                <div>
                  <ProgressBar value={done} of={row.total} label={label} />
                  <span className="small num">{label}</span>
                </div>
              )
            },
          },
          { name: t('returns.pending'), figure: true, cell: (row) => number(row.pending, i18n.language) },
          { name: t('returns.unsure'), figure: true, cell: (row) => number(row.unsure, i18n.language) },
        ]}
      />
    </>
  )
}

export function LedgerScene() {
  const { t } = useTranslation()
  const { org, event } = ledgerHere.useParams()
  const { asked, rows } = usePages(ledgerQuery(org, event))
  const returns = usePages(returnsQuery(org))
  const routes = useQuery(routesQuery(org))
  const name =
    returns.rows.find(({ id }) => id === event)?.routeName ??
    routes.data?.find(({ returnEvent }) => returnEvent?.id === event)?.name ??
    '…'
  return (
    <>
      <p>
        <Link to="/admin/$org/returns" params={{ org }}>
          ← {t('admin.returns')}
        </Link>
      </p>
      <h1>{t('returns.ledgerTitle', { route: name })}</h1>
      <p className="muted">{t('returns.ledgerLead')}</p>
      <DataTable
        label={t('trace.ledger')}
        asked={asked}
        rows={rows}
        rowKey={({ ledgerId }) => ledgerId}
        empty={t('returns.ledgerEmpty')}
        columns={[
          { name: t('returns.at'), cell: (row) => <TimeText at={row.at} form="seconds" /> },
          {
            name: t('queue.recipient'),
            wide: true,
            cell: (row) => (
              <div>
                {row.recipient}
                {row.person && <div className="muted small">{row.person}</div>}
              </div>
            ),
          },
          { name: t('queue.subject'), wide: true, cell: (row) => row.subject || t('mail.noSubject') },
          { name: t('returns.outcome'), cell: (row) => <StateWord state={row.outcome} /> },
          { name: t('returns.attempt'), figure: true, cell: (row) => row.attemptNo },
          {
            name: t('returns.proof'),
            wide: true,
            cell: (row) => <span className="mono">{proofText(t, row.proof, row.person)}</span>,
          },
        ]}
      />
    </>
  )
}
