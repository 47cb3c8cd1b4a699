/** The parking lot: never a silent drop. Each row is looked at by somebody: seen, delivered again, given to whose it is, or dropped by name. */
import { Button, Modal } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { ParkedItem } from '../../data/contract.ts'
import { parkingQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { AssignDialog, isAssignable } from './assign-dialog.tsx'
import { usePages } from './use-pages.ts'
import { Why } from './words.tsx'

const here = getRouteApi('/signed/admin/$org/parking')

export function ParkingScene() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const client = useQueryClient()
  const { data: account } = useQuery(sessionQuery)
  const may = account?.abilities.includes('parking:act') ?? false
  const { asked, rows } = usePages(parkingQuery(org))
  const [dropping, setDropping] = useState<ParkedItem | null>(null)
  const [assigning, setAssigning] = useState<ParkedItem | null>(null)

  async function act(item: ParkedItem, verb: 'seen' | 'release' | 'drop') {
    try {
      await api(
        'POST',
        `/organisations/${encodeURIComponent(org)}/parking/${encodeURIComponent(item.deliveryId)}/${verb}`,
      )
      toasts.add(t(`parking.${verb}Done`, { recipient: item.recipient }))
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  return (
    <>
      <h1>{t('admin.parking')}</h1>
      <p className="muted">{t('parking.lead')}</p>
      <DataTable
        label={t('admin.parking')}
        asked={asked}
        rows={rows}
        rowKey={({ deliveryId }) => deliveryId}
        empty={t('parking.empty')}
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
          { name: t('queue.why'), wide: true, cell: (row) => <WhyParked row={row} /> },
          { name: t('parking.since'), cell: (row) => <TimeText at={row.parkedAt} form="clock" /> },
          { name: t('parking.seenBy'), cell: (row) => row.seenBy ?? '–' },
          {
            name: t('parking.actions'),
            cell: (row) =>
              may ? (
                <div className="line">
                  {!row.seenAt && (
                    <Button
                      size="compact-sm"
                      mih="var(--row-act)"
                      className="row-act"
                      variant="default"
                      onClick={() => void act(row, 'seen')}
                    >
                      {t('parking.seen')}
                    </Button>
                  )}
                  {isAssignable(row) && (
                    <Button
                      size="compact-sm"
                      mih="var(--row-act)"
                      className="row-act parking-assign"
                      variant="default"
                      onClick={() => setAssigning(row)}
                    >
                      {t('parking.assign')}
                    </Button>
                  )}
                  <Button
                    size="compact-sm"
                    mih="var(--row-act)"
                    className="row-act"
                    variant="default"
                    onClick={() => void act(row, 'release')}
                  >
                    {t('parking.release')}
                  </Button>
                  <Button
                    size="compact-sm"
                    mih="var(--row-act)"
                    className="row-act"
                    variant="default"
                    onClick={() => setDropping(row)}
                  >
                    {t('parking.drop')}
                  </Button>
                </div>
              ) : null,
          },
        ]}
      />
      {assigning && <AssignDialog org={org} item={assigning} close={() => setAssigning(null)} />}
      <Modal
        opened={dropping !== null}
        onClose={() => setDropping(null)}
        title={t('parking.dropTitle', { recipient: dropping?.recipient ?? '' })}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <div className="stack">
          <p>
            {t('parking.dropText', { subject: dropping?.subject || t('mail.noSubject'), from: dropping?.from || '<>' })}
          </p>
          <div className="line">
            <Button
              color="red"
              onClick={() => {
                if (dropping) void act(dropping, 'drop')
                setDropping(null)
              }}
            >
              {t('parking.drop')}
            </Button>
            <Button variant="default" data-autofocus onClick={() => setDropping(null)}>
              {t('app.back')}
            </Button>
          </div>
        </div>
      </Modal>
    </>
  )
}

/** Why it is here, why the last attempt failed, and the primary's own words: what an admin needs to decide. */
function WhyParked({ row }: { row: ParkedItem }) {
  const { t } = useTranslation()
  const last = row.lastAttempt
  return (
    <div className="stack stack-tight">
      <Why reason={row.reason} />
      {last && last.reason !== row.reason && (
        <span>
          <span className="muted">{t('parking.lastTry')}</span> <Why reason={last.reason} />
        </span>
      )}
      {last?.reply && (
        <span>
          <span className="muted small">{t('app.label', { label: t('parking.lastReply') })}</span>{' '}
          <span className="mono">{last.reply}</span>
        </span>
      )}
    </div>
  )
}
