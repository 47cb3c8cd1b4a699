/** Of a mail system: what people are told of its outage at their private addresses, how far that has come; tell, or don't. */
import { Button, Modal, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { RouteNotices } from '../../data/contract.ts'
import { noticesQuery } from '../../data/queries.ts'
import { number } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { ProgressBar } from '../../ui/progress-bar.tsx'
import { TimeText } from '../../ui/time-text.tsx'

const path = (org: string, route: string) =>
  `/organisations/${encodeURIComponent(org)}/routes/${encodeURIComponent(route)}/notices`

export function Notices({ org, routeId, mayAct }: { org: string; routeId: string; mayAct: boolean }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { data } = useQuery(noticesQuery(org))
  const [telling, setTelling] = useState(false)
  const [fault, setFault] = useState('')
  const one = data?.find((each) => each.routeId === routeId)
  if (!one) return null
  const { outage, people, dueAt, automatic } = one
  const isOpen = outage !== null && outage.overAt === null
  const isTold = outage?.toldAt != null
  const maySuppress = mayAct && (dueAt !== null || (isOpen && isTold && !outage.isDone)) && !outage?.suppressedAt

  async function suppress() {
    setFault('')
    try {
      await api('POST', `${path(org, routeId)}/suppress`)
    } catch (thrown) {
      setFault(errorText(t, thrown))
    }
    await client.invalidateQueries({ queryKey: noticesQuery(org).queryKey })
  }
  return (
    <div className="stack notices">
      <h3>{t('notices.title')}</h3>
      {fault && <Notice>{fault}</Notice>}
      <div className="stack" role="status" aria-live="polite">
        <Plan one={one} />
        {outage && <Told outage={outage} />}
      </div>
      {mayAct && (
        <div className="line">
          {!(isOpen && isTold) && (
            <Button
              variant="default"

              disabled={people === 0 || !one.hasUrl}
              onClick={() => setTelling(true)}
            >
              {t('notices.tell')}
            </Button>
          )}
          {maySuppress && (
            <Button variant="default" onClick={() => void suppress()}>
              {t('notices.suppress')}
            </Button>
          )}
        </div>
      )}
      {!automatic && <p className="muted small">{t('notices.byHandOnly')}</p>}
      {telling && <TellDialog org={org} one={one} close={() => setTelling(false)} />}
    </div>
  )
}

/** How far it has come. */
function Told({ outage }: { outage: NonNullable<RouteNotices['outage']> }) {
  const { t, i18n } = useTranslation()
  const { toldAt, toldBy, told, total, failed, overAt, overTold, suppressedAt } = outage
  const progress = t('notices.progress', { told: number(told, i18n.language), total: number(total, i18n.language) })
  return (
    <>
      {suppressedAt && (
        <p>
          {t('notices.suppressed')} <TimeText at={suppressedAt} form="clock" />
        </p>
      )}
      {toldAt && (
        <>
          <ProgressBar value={told} of={Math.max(1, total)} label={progress} />
          <p className="num">
            {progress}, {t('admin.since')} <TimeText at={toldAt} form="clock" />{' '}
            <span className="muted">
              {t('notices.by', { who: toldBy === null || toldBy === 'engine' ? t('notices.engine') : toldBy })}
            </span>
          </p>
          {failed > 0 && <p>{t('notices.failed', { count: failed })}</p>}
          {overAt && <p>{t('notices.over', { count: overTold })}</p>}
        </>
      )}
    </>
  )
}

/** Who would be told, and when. */
function Plan({ one }: { one: RouteNotices }) {
  const { t } = useTranslation()
  const { people, hasUrl, dueAt, automatic, afterMinutes } = one
  if (!hasUrl) return <p>{t('notices.noUrl')}</p>
  if (people === 0) return <p className="muted">{t('notices.nobody')}</p>
  return (
    <p>
      {t('notices.people', { count: people })}{' '}
      {dueAt ? (
        <strong>
          {t('notices.dueAt')} <TimeText at={dueAt} form="clock" />
        </strong>
      ) : (
        automatic && <span className="muted">{t('notices.after', { count: afterMinutes })}</span>
      )}
    </p>
  )
}

function TellDialog({ org, one, close }: { org: string; one: RouteNotices; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [text, setText] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setBusy(true)
    setFault('')
    try {
      await api('POST', path(org, one.routeId), text.trim() ? { text: text.trim() } : {})
      toasts.add(t('notices.begun', { count: one.people }), { tone: 'good' })
      close()
    } catch (thrown) {
      setFault(errorText(t, thrown))
      setBusy(false)
    }
    await client.invalidateQueries({ queryKey: noticesQuery(org).queryKey })
  }
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={t('notices.tellTitle', { route: one.routeName })}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <p>{t('notices.tellLead', { count: one.people })}</p>
        <Textarea
          label={t('notices.ownText')}
          description={t('notices.ownTextHint')}
          autosize={false}
          rows={4}
          maxLength={2000}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div className="line">
          <Button type="submit" loading={busy}>
            {t('notices.send', { count: one.people })}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
