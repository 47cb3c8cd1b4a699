/** What waits: filter, why, when next; try now or cancel (which names the thing, since it can't be taken back). */
import { Button, Modal, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { QueueItem } from '../../data/contract.ts'
import { queueQuery, routesQuery, sessionQuery } from '../../data/queries.ts'
import { fileSize } from '../../lib/format.ts'
import { errorText, sentence } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { DiskNotice } from './disk-notice.tsx'
import { usePages } from './use-pages.ts'
import { StateWord, Why } from './words.tsx'

const here = getRouteApi('/signed/admin/$org/queue')
const states = [
  'ready',
  'leased',
  'deferred',
  'unsure',
  'delivered',
  'refused',
  'bounced',
  'parked',
  'cancelled',
  'expired',
]
const open = ['ready', 'leased', 'deferred', 'unsure']

export function QueueScene() {
  const { t, i18n } = useTranslation()
  const { org } = here.useParams()
  const search = here.useSearch()
  const navigate = useNavigate()
  const client = useQueryClient()
  const routes = useQuery(routesQuery(org))
  const { data: account } = useQuery(sessionQuery)
  const may = account?.abilities.includes('queue:act') ?? false
  const filter = { state: search.state ?? '', route: search.route ?? '', q: search.q ?? '' }
  const { asked, rows } = usePages(queueQuery(org, filter))
  const [text, setText] = useState(filter.q)
  const [cancelling, setCancelling] = useState<QueueItem | null>(null)
  const go = (change: typeof filter) =>
    void navigate({
      to: '/admin/$org/queue',
      params: { org },
      search: Object.fromEntries(Object.entries(change).filter(([, value]) => value !== '')),
      replace: true,
    })
  const find = useDebouncedCallback((q: string) => go({ ...filter, q }), 300)

  async function act(item: QueueItem, verb: 'retry' | 'cancel') {
    try {
      await api(
        'POST',
        `/organisations/${encodeURIComponent(org)}/queue/${encodeURIComponent(item.deliveryId)}/${verb}`,
      )
      toasts.add(t(verb === 'retry' ? 'queue.retried' : 'queue.cancelled', { recipient: item.recipient }))
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  return (
    <>
      <h1>{t('queue.title')}</h1>
      <DiskNotice />
      <div className="filters">
        <NativeSelect
          label={t('queue.filter')}
          value={filter.state}
          onChange={(event) => go({ ...filter, state: event.currentTarget.value })}
          data={[
            { value: '', label: t('queue.all') },
            ...states.map((value) => ({ value, label: sentence(t, 'delivery', value) })),
          ]}
        />
        <NativeSelect
          label={t('queue.route')}
          value={filter.route}
          onChange={(event) => go({ ...filter, route: event.currentTarget.value })}
          data={[
            { value: '', label: t('queue.allRoutes') },
            ...(routes.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
        <TextInput
          label={t('queue.search')}
          type="search"
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value)
            find(event.currentTarget.value)
          }}
        />
      </div>
      <DataTable
        label={t('queue.title')}
        asked={asked}
        rows={rows}
        rowKey={({ deliveryId }) => deliveryId}
        empty={filter.q || filter.state || filter.route ? t('queue.emptyFilter') : t('queue.empty')}
        columns={[
          { name: t('queue.recipient'), wide: true, cell: (row) => row.recipient },
          {
            name: t('queue.subject'),
            wide: true,
            cell: (row) => (
              <div>
                <Link to="/admin/$org/trace/$message" params={{ org, message: row.messageId }}>
                  {row.subject || t('mail.noSubject')}
                </Link>
                <div className="muted small">{row.from || '<>'}</div>
              </div>
            ),
          },
          {
            name: t('queue.state'),
            wide: true,
            cell: (row) => (
              <div>
                <StateWord state={row.state} />{' '}
                <span className="small">
                  <Why reason={row.reason} />
                </span>
              </div>
            ),
          },
          { name: t('queue.attempts'), figure: true, cell: (row) => row.attempts },
          {
            name: t('queue.next'),
            cell: (row) =>
              open.includes(row.state) ? (
                row.nextAttemptAt ? (
                  <TimeText at={row.nextAttemptAt} form="seconds" />
                ) : (
                  t('queue.whenOpen')
                )
              ) : (
                '–'
              ),
          },
          { name: t('queue.accepted'), cell: (row) => <TimeText at={row.acceptedAt} form="clock" /> },
          { name: t('queue.size'), figure: true, cell: (row) => fileSize(row.size, i18n.language) },
          {
            name: t('parking.actions'),
            cell: (row) =>
              may && open.includes(row.state) ? (
                <div className="line">
                  <Button
                    size="compact-sm"
                    mih="var(--row-act)"
                    className="row-act"
                    variant="default"
                    onClick={() => void act(row, 'retry')}
                  >
                    {t('queue.retry')}
                  </Button>
                  <Button
                    size="compact-sm"
                    mih="var(--row-act)"
                    className="row-act"
                    variant="default"
                    onClick={() => setCancelling(row)}
                  >
                    {t('queue.cancel')}
                  </Button>
                </div>
              ) : null,
          },
        ]}
      />
      <Modal
        opened={cancelling !== null}
        onClose={() => setCancelling(null)}
        title={t('queue.cancelTitle', { recipient: cancelling?.recipient ?? '' })}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <div className="stack">
          <p>{t('queue.cancelText', { subject: cancelling?.subject || t('mail.noSubject') })}</p>
          <div className="line">
            <Button
              color="red"
              onClick={() => {
                if (cancelling) void act(cancelling, 'cancel')
                setCancelling(null)
              }}
            >
              {t('queue.cancel')}
            </Button>
            <Button variant="default" data-autofocus onClick={() => setCancelling(null)}>
              {t('app.back')}
            </Button>
          </div>
        </div>
      </Modal>
    </>
  )
}
