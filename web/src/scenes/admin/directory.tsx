/** Where lists of people come from, when the last one came, and what each list changed or would change. */
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { DirectoryRun, DirectorySource } from '../../data/contract.ts'
import { directoryRunsQuery, directorySourcesQuery } from '../../data/queries.ts'
import { stretch } from '../../lib/format.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { RunDialog } from './directory-run.tsx'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/directory')

export function DirectoryScene() {
  const { org } = here.useParams()
  return <DirectoryLists key={org} org={org} />
}

export function DirectoryLists({ org }: { org: string }) {
  const { t } = useTranslation()
  const sources = useQuery(directorySourcesQuery(org))
  const { asked, rows } = usePages(directoryRunsQuery(org))
  const [shown, setShown] = useState<string | null>(null)
  const once = { hasNextPage: false, isFetchingNextPage: false, fetchNextPage: () => undefined }
  return (
    <>
      <h1>{t('admin.directory')}</h1>
      <p className="muted">{t('directory.lead')}</p>
      <h2>{t('directory.sources')}</h2>
      <DataTable
        label={t('directory.sources')}
        asked={{ ...sources, ...once }}
        rows={sources.data ?? []}
        rowKey={({ id }) => id}
        empty={t('directory.noSources')}
        columns={[
          { name: t('directory.source'), cell: (row) => <strong>{row.name}</strong> },
          { name: t('directory.last'), wide: true, cell: (row) => <Last row={row} /> },
          { name: t('directory.next'), cell: (row) => <Next row={row} /> },
          { name: t('directory.standing'), wide: true, cell: (row) => <Standing row={row} /> },
        ]}
      />
      <h2>{t('directory.runs')}</h2>
      <DataTable
        label={t('directory.runs')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={t('directory.noRuns')}
        columns={[
          { name: t('directory.at'), cell: (row) => <TimeText at={row.startedAt} form="clock" /> },
          { name: t('directory.source'), cell: (row) => row.source },
          { name: t('directory.state'), wide: true, cell: (row) => <State run={row} /> },
          {
            name: t('directory.would'),
            wide: true,
            cell: ({ state, counts }) => (state === 'failed' ? '–' : t('directory.counts', { ...counts })),
          },
          {
            name: t('directory.actions'),
            cell: (row) => (
              <Button
                size="compact-sm"
                mih="var(--row-act)"
                className="row-act"
                variant="default"
                aria-label={t('directory.lookAt', { source: row.source })}
                onClick={() => setShown(row.id)}
              >
                {t('directory.look')}
              </Button>
            ),
          },
        ]}
      />
      <RunDialog org={org} id={shown} close={() => setShown(null)} />
    </>
  )
}

function Last({ row: { listedAt } }: { row: DirectorySource }) {
  const { t, i18n } = useTranslation()
  if (listedAt === null) return <>{t('directory.never')}</>
  return (
    <div>
      <TimeText at={listedAt} form="clock" />
      <div className="muted small nowrap">
        {t('directory.ago', { time: stretch(Date.now() - Date.parse(listedAt), i18n.language) })}
      </div>
    </div>
  )
}

const Next = ({ row: { dueAt } }: { row: DirectorySource }) => {
  const { t } = useTranslation()
  return dueAt === null ? <>{t('directory.byHand')}</> : <TimeText at={dueAt} form="clock" />
}

function Standing({ row }: { row: DirectorySource }) {
  const { t } = useTranslation()
  if (row.failures > 0)
    return (
      <div>
        <span className="state-word state-bad">{t('directory.silent')}</span>
        <div className="small">
          {t('directory.failed', { count: row.failures })}: {row.failedWhy}
        </div>
      </div>
    )
  if (row.waitingRunId !== null) return <span className="state-word state-bad">{t('directory.waits')}</span>
  if (row.isRefused)
    return (
      <div>
        <span className="state-word state-bad">{t('directory.states.refused')}</span>
        <div className="small">{t('directory.stillRefused')}</div>
      </div>
    )
  return <span className="state-word state-good">{t('directory.well')}</span>
}

/** In a word, and why, as the server says it. */
export function State({ run }: { run: Pick<DirectoryRun, 'state' | 'why'> }) {
  const { t } = useTranslation()
  return (
    <div>
      <span className={`state-word state-${run.state === 'applied' ? 'good' : 'bad'}`}>
        {t(`directory.states.${run.state}`)}
      </span>
      {run.why !== '' && <div className="small">{run.why}</div>}
    </div>
  )
}
