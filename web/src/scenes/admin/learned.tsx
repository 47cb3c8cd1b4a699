/** Addresses that are known without being listed: who is there and who is not, who said so and when; and forgetting it. */
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { KnownRecipient } from '../../data/contract.ts'
import { knownDomainsQuery, knownQuery, sessionQuery } from '../../data/queries.ts'
import { number, stretch } from '../../lib/format.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { ForgetDialog, type Forgetting } from './forget-dialog.tsx'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/learned')

export function LearnedScene() {
  const { org } = here.useParams()
  return <LearnedList key={org} org={org} />
}

export function LearnedList({ org }: { org: string }) {
  const { t, i18n } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const may = account?.abilities.includes('people:act') ?? false
  const [text, setText] = useState('')
  const [q] = useDebouncedValue(text.trim(), 300)
  const [domain, setDomain] = useState('')
  const [forgetting, setForgetting] = useState<Forgetting | null>(null)
  const { data: domains = [] } = useQuery(knownDomainsQuery(org))
  const { asked, rows } = usePages(knownQuery(org, { q, domain }))
  const chosen = domains.find((one) => one.domain === domain)
  return (
    <>
      <h1>{t('admin.learned')}</h1>
      <p className="muted">{t('learned.lead')}</p>
      <div className="filters">
        <TextInput
          label={t('learned.search')}
          type="search"
          value={text}
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <NativeSelect
          label={t('learned.domain')}
          value={domain}
          onChange={(event) => setDomain(event.currentTarget.value)}
          data={[
            { value: '', label: t('learned.allDomains') },
            ...domains.map((one) => ({
              value: one.domain,
              label: t('learned.domainChoice', {
                domain: one.domain,
                total: number(one.known + one.refused, i18n.language),
              }),
            })),
          ]}
        />
        {may && chosen && (
          <div>
            <Button
              variant="default"

              onClick={() => setForgetting({ domain, count: chosen.known + chosen.refused })}
            >
              {t('learned.forgetDomain')}
            </Button>
          </div>
        )}
      </div>
      <DataTable
        label={t('admin.learned')}
        asked={asked}
        rows={rows}
        rowKey={({ address }) => address}
        empty={q || domain ? t('learned.emptySearch') : t('learned.empty')}
        columns={[
          { name: t('learned.address'), wide: true, cell: (row) => row.address },
          { name: t('learned.said'), wide: true, cell: (row) => <Said row={row} /> },
          { name: t('learned.seen'), cell: (row) => <Seen at={row.seenAt} /> },
          { name: t('learned.first'), cell: (row) => <TimeText at={row.firstSeenAt} form="clock" /> },
          { name: t('learned.route'), cell: (row) => row.route ?? '–' },
          {
            name: t('learned.actions'),
            cell: (row) =>
              may ? (
                <Button
                  size="compact-sm"
                  mih="var(--row-act)"
                  className="row-act"
                  variant="default"
                  onClick={() => setForgetting({ address: row.address })}
                >
                  {t('learned.forget')}
                </Button>
              ) : null,
          },
        ]}
      />
      <ForgetDialog
        org={org}
        what={forgetting}
        close={() => setForgetting(null)}
        done={() => {
          if (forgetting && 'domain' in forgetting) setDomain('')
        }}
      />
    </>
  )
}

function Said({ row }: { row: KnownRecipient }) {
  const { t } = useTranslation()
  return (
    <div>
      <span className={`state-word state-${row.known ? 'good' : 'bad'}`}>
        {t(row.known ? 'learned.there' : 'learned.notThere')}
      </span>{' '}
      <span className="small">
        {t(!row.known ? 'learned.byRefusal' : row.source === 'delivered' ? 'learned.byDelivery' : 'learned.byCallout')}
      </span>
    </div>
  )
}

/** When it was said, in the viewer's zone, and how long ago that is. */
function Seen({ at }: { at: string }) {
  const { t, i18n } = useTranslation()
  const age = stretch(Date.now() - Date.parse(at), i18n.language)
  return (
    <div>
      <TimeText at={at} form="clock" />
      <div className="muted small nowrap">{t('learned.ago', { time: age })}</div>
    </div>
  )
}
