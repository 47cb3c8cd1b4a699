/** Who asked for whose mailbox, why, and what became of it; the second person decides here, and what is open is ended here. */
import { Button, Modal, Textarea } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState, type SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { MailboxAccess } from '../../data/contract.ts'
import { mailboxAccessQuery } from '../../data/queries.ts'
import { stretch } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Notice } from '../../ui/notice.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/access')
export const accessState = {
  asked: 'access.asked',
  open: 'access.open',
  declined: 'access.declined',
  withdrawn: 'access.withdrawn',
  lapsed: 'access.lapsed',
  expired: 'access.expired',
  ended: 'access.ended',
} as const
type Act = 'approve' | 'decline' | 'end'

export function AccessScene() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const { asked, rows } = usePages(mailboxAccessQuery(org))
  const [acting, setActing] = useState<{ row: MailboxAccess; act: Act } | null>(null)
  const button = (row: MailboxAccess, act: Act, label: string) => (
    <Button variant="default" size="compact-sm" className={`access-${act}`} onClick={() => setActing({ row, act })}>
      {label}
    </Button>
  )
  return (
    <>
      <h1>{t('admin.access')}</h1>
      <p className="muted">{t('access.lead')}</p>
      <DataTable
        label={t('admin.access')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={t('access.empty')}
        columns={[
          {
            name: t('access.mailbox'),
            cell: (row) => (
              <div>
                <strong>{row.mailboxName}</strong>
                {row.purpose === 'handOver' && <div className="muted small">{t('access.handOver')}</div>}
              </div>
            ),
          },
          {
            name: t('access.why'),
            wide: true,
            cell: (row) => (
              <div>
                <div style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}>{row.reason}</div>
                <div className="muted small">
                  {t('access.askedBy', { name: row.askerName })} <TimeText at={row.askedAt} form="clock" />
                </div>
              </div>
            ),
          },
          { name: t('access.state'), cell: (row) => <Standing row={row} /> },
          {
            name: t('access.acts'),
            cell: (row) => (
              <div className="line">
                {row.mayDecide && button(row, 'approve', t('access.approve'))}
                {row.mayDecide && button(row, 'decline', t('access.decline'))}
                {row.mayEnd && button(row, 'end', t(row.state === 'asked' ? 'access.withdraw' : 'access.end'))}
              </div>
            ),
          },
        ]}
      />
      {acting && <DecideDialog org={org} {...acting} close={() => setActing(null)} />}
    </>
  )
}

function Standing({ row }: { row: MailboxAccess }) {
  const { t } = useTranslation()
  return (
    <div>
      <div>{t(accessState[row.state])}</div>
      <div className="muted small">
        {row.state === 'asked' && (
          <>
            {t('access.answerBy')} <TimeText at={row.answerBy} form="clock" />
          </>
        )}
        {row.state === 'open' && (
          <>
            {t('access.until')} <TimeText at={row.expiresAt} form="clock" />
          </>
        )}
        {row.decidedBy && <div>{t('access.decidedBy', { name: row.decidedBy })}</div>}
        {row.note && <div>{row.note}</div>}
        {row.expiresAt && <div>{t(row.openedAt ? 'access.wasOpened' : 'access.notOpened')}</div>}
        {row.delayBasis && (
          <div>
            {t('access.toldAt')} <TimeText at={row.tellAt} form="clock" />: {row.delayBasis}
          </div>
        )}
      </div>
    </div>
  )
}

function DecideDialog({ org, row, act, close }: { org: string; row: MailboxAccess; act: Act; close: () => void }) {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const [note, setNote] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const time = stretch(row.minutes * 60_000, i18n.language)
  const says = { asker: row.askerName, name: row.mailboxName, time }
  const isHandOver = row.purpose === 'handOver'
  const title =
    act === 'approve'
      ? t('access.approveTitle', { name: row.mailboxName })
      : act === 'decline'
        ? t('access.declineTitle', { name: row.mailboxName })
        : t('access.endTitle', { name: row.mailboxName })
  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setBusy(true)
    setFault('')
    try {
      const path = `/organisations/${encodeURIComponent(org)}/mailbox-access/${encodeURIComponent(row.id)}/${act}`
      await api('POST', path, act === 'end' ? undefined : { note: note.trim() })
      toasts.add(
        t(act === 'approve' ? 'access.approved' : act === 'decline' ? 'access.declinedDone' : 'access.endedDone'),
        {
          tone: 'good',
        },
      )
      close()
    } catch (thrown) {
      setFault(errorText(t, thrown))
      setBusy(false)
    }
    await client.invalidateQueries({ queryKey: ['org', org, 'mailbox-access'] })
  }
  return (
    <Modal
      opened
      onClose={close}
      title={<span style={{ overflowWrap: 'anywhere' }}>{title}</span>}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        {act === 'approve' && <p>{t(isHandOver ? 'access.approveHandOver' : 'access.approveText', says)}</p>}
        {act === 'decline' && <p>{t('access.declineText', says)}</p>}
        {act === 'end' && <p>{t(row.state === 'asked' ? 'access.withdrawText' : 'access.endText', says)}</p>}
        <blockquote className="access-reason">{row.reason}</blockquote>
        {act === 'approve' && <Notice tone="warn">{t('access.answerable')}</Notice>}
        {act !== 'end' && (
          <Textarea
            label={t('access.note')}
            description={t('access.noteHint')}
            rows={2}
            maxLength={500}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
          />
        )}
        <div className="line">
          <Button type="submit" loading={busy} {...(act === 'approve' ? {} : { color: 'red' })}>
            {t(
              act === 'approve'
                ? 'access.approve'
                : act === 'decline'
                  ? 'access.decline'
                  : row.state === 'asked'
                    ? 'access.withdraw'
                    : 'access.end',
            )}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
