/** Alarms: what needs a person, those that stand first. A letter's link leads here and shows; only the buttons act. */
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { Alarm } from '../../data/contract.ts'
import { alarmsQuery, sessionQuery } from '../../data/queries.ts'
import { engineText } from '../../lib/engine-text.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/alarms')

export function AlarmsScene() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const client = useQueryClient()
  const { data: account } = useQuery(sessionQuery)
  const may = account?.abilities.includes('board:pin') ?? false
  const { asked, rows } = usePages(alarmsQuery(org))

  async function act(alarm: Alarm, verb: 'acknowledge' | 'answer') {
    try {
      await api('POST', `/organisations/${encodeURIComponent(org)}/alarms/${encodeURIComponent(alarm.id)}/${verb}`)
      toasts.add(t(`alarms.${verb}Done`))
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  return (
    <>
      <h1>{t('admin.alarms')}</h1>
      <p className="muted">{t('alarms.lead')}</p>
      <DataTable
        label={t('admin.alarms')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={t('alarms.empty')}
        columns={[
          { name: t('alarms.what'), wide: true, cell: (row) => <What alarm={row} /> },
          { name: t('alarms.since'), cell: (row) => <TimeText at={row.openedAt} form="clock" /> },
          {
            name: t('alarms.over'),
            cell: (row) =>
              row.endedAt ? <TimeText at={row.endedAt} form="clock" /> : <strong>{t('alarms.stands')}</strong>,
          },
          { name: t('alarms.seenBy'), cell: (row) => row.acknowledgedBy || '–' },
          {
            name: t('alarms.actions'),
            cell: (row) =>
              may && row.endedAt === null ? (
                <div className="line">
                  {row.answerable && (
                    <Button
                      size="compact-sm"
                      mih="var(--row-act)"
                      className="row-act"
                      onClick={() => void act(row, 'answer')}
                    >
                      {row.kind === 'ask-home' ? t('alarms.goHome') : t('alarms.goAway')}
                    </Button>
                  )}
                  {row.acknowledgedAt === null && (
                    <Button
                      size="compact-sm"
                      mih="var(--row-act)"
                      className="row-act"
                      variant="default"
                      onClick={() => void act(row, 'acknowledge')}
                    >
                      {t('alarms.seen')}
                    </Button>
                  )}
                </div>
              ) : null,
          },
        ]}
      />
    </>
  )
}

/** What it is, about which route, and the evidence. */
function What({ alarm }: { alarm: Alarm }) {
  const { t, i18n } = useTranslation()
  const { kind, routeName, probe, source, detail } = alarm
  const about = [routeName, source, probe].filter((word) => word !== '').join(', ')
  return (
    <div className="stack stack-tight">
      <strong>{t(`alarms.kind.${kind}`)}</strong>
      {about !== '' && <span>{about}</span>}
      {detail !== '' && <span className="muted small">{engineText(t, detail, i18n.language)}</span>}
    </div>
  )
}
