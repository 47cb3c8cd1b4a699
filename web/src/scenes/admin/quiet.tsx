/** Quiet times: which there are, which is open, what is held until when; let go early, keep open for longer, set, remove. */
import { Button, Modal, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { HeldItem, QuietWindow } from '../../data/contract.ts'
import { heldQuery, quietQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { QuietDialog } from './quiet-dialog.tsx'
import { QuietWeek } from './quiet-week.tsx'
import { whenText, whomText } from './quiet-words.ts'
import { usePages } from './use-pages.ts'

const here = getRouteApi('/signed/admin/$org/quiet')
type Asked = { what: 'edit' | 'release' | 'extend' | 'remove'; window: QuietWindow } | { what: 'add' }

export function QuietScene() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const client = useQueryClient()
  const { data: account } = useQuery(sessionQuery)
  const mayAct = account?.abilities.includes('quiet:act') ?? false
  const isOperator = account?.kind === 'operator'
  const { data: windows, error, refetch, dataUpdatedAt } = useQuery(quietQuery(org))
  const { asked, rows } = usePages(heldQuery(org))
  const [dialog, setDialog] = useState<Asked | null>(null)
  const close = () => setDialog(null)
  const path = `/organisations/${encodeURIComponent(org)}`

  async function act(verb: 'POST' | 'DELETE', rest: string, done: string, body?: object) {
    close()
    try {
      await api(verb, path + rest, body)
      toasts.add(done, { tone: 'good' })
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  const of = ({ id }: QuietWindow): string => `/quiet/${encodeURIComponent(id)}`
  const letGo = (item: HeldItem) =>
    act(
      'POST',
      `/quiet-held/${encodeURIComponent(item.deliveryId)}/release`,
      t('quiet.letGoDone', { recipient: item.recipient }),
    )
  return (
    <>
      <div className="line">
        <h1 className="grow">{t('admin.quiet')}</h1>
        {mayAct && <Button onClick={() => setDialog({ what: 'add' })}>{t('quiet.add')}</Button>}
      </div>
      <p className="muted">{t('quiet.lead')}</p>
      {!windows ? (
        error ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : (
          <LoadingState />
        )
      ) : windows.length === 0 ? (
        <EmptyState>{t('quiet.empty')}</EmptyState>
      ) : (
        <>
          <div className="routes" aria-label={t('quiet.list')} role="list">
            {windows.map((window) => (
              <WindowCard
                key={window.id}
                window={window}
                may={mayAct && (isOperator || !window.provider)}
                ask={(what) => setDialog({ what, window })}
              />
            ))}
          </div>
          <QuietWeek windows={windows} now={dataUpdatedAt} />
          <h2>{t('quiet.heldNow')}</h2>
          <DataTable
            label={t('quiet.heldNow')}
            asked={asked}
            rows={rows}
            rowKey={({ deliveryId }) => deliveryId}
            empty={t('quiet.heldEmpty')}
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
              { name: t('queue.accepted'), cell: (row) => <TimeText at={row.acceptedAt} form="clock" /> },
              { name: t('quiet.heldBy'), cell: (row) => row.window },
              { name: t('quiet.until'), cell: (row) => <TimeText at={row.until} form="clock" /> },
              {
                name: t('quiet.actions'),
                cell: (row) =>
                  mayAct ? (
                    <Button
                      size="compact-sm"
                      mih="var(--row-act)"
                      className="row-act"
                      variant="default"
                      onClick={() => void letGo(row)}
                    >
                      {t('quiet.letGo')}
                    </Button>
                  ) : null,
              },
            ]}
          />
        </>
      )}
      {dialog?.what === 'add' && <QuietDialog org={org} window={null} close={close} />}
      {dialog?.what === 'edit' && <QuietDialog org={org} window={dialog.window} close={close} />}
      {dialog?.what === 'release' && (
        <Confirm
          title={t('quiet.releaseTitle', { name: dialog.window.name })}
          text={t('quiet.releaseText', { count: dialog.window.held })}
          verb={t('quiet.release')}
          close={close}
          go={() => void act('POST', `${of(dialog.window)}/release`, t('quiet.released', { name: dialog.window.name }))}
        />
      )}
      {dialog?.what === 'remove' && (
        <Confirm
          title={t('quiet.removeTitle', { name: dialog.window.name })}
          text={t('quiet.removeText')}
          verb={t('quiet.remove')}
          close={close}
          go={() => void act('DELETE', of(dialog.window), t('quiet.removed', { name: dialog.window.name }))}
        />
      )}
      {dialog?.what === 'extend' && (
        <Extend
          window={dialog.window}
          close={close}
          go={(until) =>
            void act('POST', `${of(dialog.window)}/extend`, t('quiet.extendedDone', { name: dialog.window.name }), {
              until,
            })
          }
        />
      )}
    </>
  )
}

function WindowCard({
  window,
  may,
  ask,
}: {
  window: QuietWindow
  may: boolean
  ask: (what: 'edit' | 'release' | 'extend' | 'remove') => void
}) {
  const { t, i18n } = useTranslation()
  const { plan, open } = window
  return (
    <section className={`card route mode-${open ? 'quiet' : 'normal'}`} aria-label={window.name} role="listitem">
      <div>
        <h2>{window.name}</h2>
        <p className="muted">
          {whomText(t, window)}
          {window.provider && ` · ${t('quiet.provider')}`}
        </p>
      </div>
      {plan ? (
        <p>
          {whenText(t, plan, i18n.language)} <span className="muted">{plan.zone}</span>
        </p>
      ) : (
        <p>{t('quiet.notValid')}</p>
      )}
      {plan?.modes === 'stay' && <p className="muted">{t('quiet.modesStay')}</p>}
      {plan?.modes === 'emergency' && <p className="muted">{t('quiet.modesEmergency')}</p>}
      <p>
        <Standing window={window} />
        {window.held > 0 && <> · {t('quiet.held', { count: window.held })}</>}
      </p>
      {may && (
        <div className="line">
          {open && (
            <Button variant="default" onClick={() => ask('release')}>
              {t('quiet.release')}
            </Button>
          )}
          <Button variant="default" onClick={() => ask('extend')}>
            {t(open ? 'quiet.extend' : 'quiet.extendOpen')}
          </Button>
          <Button variant="default" onClick={() => ask('edit')}>
            {t('quiet.edit')}
          </Button>
          <Button variant="default" onClick={() => ask('remove')}>
            {t('quiet.remove')}
          </Button>
        </div>
      )}
    </section>
  )
}

function Standing({ window: { open, extendedUntil, releasedUntil, next } }: { window: QuietWindow }) {
  const { t } = useTranslation()
  if (open)
    return (
      <strong>
        {t('quiet.openUntil')} <TimeText at={open.until} form="clock" />
        {extendedUntil && ` (${t('quiet.extended')})`}
      </strong>
    )
  if (releasedUntil)
    return (
      <>
        {t('quiet.releasedUntil')} <TimeText at={releasedUntil} form="clock" />
      </>
    )
  return next ? (
    <>
      {t('quiet.next')} <TimeText at={next.from} form="clock" /> – <TimeText at={next.until} form="clock" />
    </>
  ) : (
    <span className="muted">{t('quiet.never')}</span>
  )
}

function Confirm(props: { title: string; text: string; verb: string; close: () => void; go: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={props.close} title={props.title} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <div className="stack">
        <p>{props.text}</p>
        <div className="line">
          <Button onClick={props.go}>{props.verb}</Button>
          <Button variant="default" data-autofocus onClick={props.close}>
            {t('app.back')}
          </Button>
        </div>
      </div>
    </Modal>
  )
}

function Extend({ window, close, go }: { window: QuietWindow; close: () => void; go: (until: string) => void }) {
  const { t } = useTranslation()
  const [until, setUntil] = useState('')
  return (
    <Modal
      opened
      onClose={close}
      title={t('quiet.extendTitle', { name: window.name })}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (until) go(new Date(until).toISOString())
        }}
      >
        <TextInput
          type="datetime-local"
          label={t('quiet.extendUntil')}
          required
          value={until}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        <div className="line">
          <Button type="submit">{t(window.open ? 'quiet.extend' : 'quiet.extendOpen')}</Button>
          <Button variant="default" onClick={close}>
            {t('app.back')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
