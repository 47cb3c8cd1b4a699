/**
 * On the page of people: who would have no way in on the worst day, and asking people for a private address beforehand. Beginning
 * says first how many mails that is; the standing stays on the page while people are asked.
 */
import { Button, Modal, NumberInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { WaysBack } from '../../data/contract.ts'
import { sessionQuery, waysBackQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { TimeText } from '../../ui/time-text.tsx'

export function WaysBackPanel({ org }: { org: string }) {
  const { t } = useTranslation()
  const { data } = useQuery<WaysBack>(waysBackQuery(org))
  const { data: account } = useQuery(sessionQuery)
  const client = useQueryClient()
  const [asks, setAsks] = useState(false)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  if (!data || data.people === 0) return null
  const { people, none, password, withCodes, withContact, campaign } = data
  const mayAct = account?.abilities.includes('people:act') ?? false
  const isOpen = campaign !== null && campaign.stoppedAt === null
  async function stop() {
    setBusy(true)
    setFault('')
    try {
      await api<WaysBack>('DELETE', `/organisations/${encodeURIComponent(org)}/ways-back/campaign`)
    } catch (thrown) {
      setFault(errorText(t, thrown))
    }
    setBusy(false)
    await client.invalidateQueries({ queryKey: waysBackQuery(org).queryKey })
  }
  return (
    <section className="stack" aria-labelledby="ways-back-title">
      <h2 id="ways-back-title">{t('waysBack.title')}</h2>
      <ul className="ways">
        <li>{none === 0 ? t('waysBack.noneZero') : t('waysBack.none', { count: none, people })}</li>
        <li>{t('waysBack.password', { count: password })}</li>
        <li>
          {t('waysBack.codes', { count: withCodes })}{' '}
          {withCodes < people && t('signInHelp.all', { command: 'holdfast admin letters --without --out FILE' })}
        </li>
        <li>{t('waysBack.contact', { count: withContact })}</li>
      </ul>
      {isOpen && (
        <p>
          {t('waysBack.asking', { days: campaign.everyDays, times: campaign.times, who: campaign.startedBy })}{' '}
          <TimeText at={campaign.startedAt} form="clock" />. {t('waysBack.asked', { count: campaign.asked })}{' '}
          {campaign.left > 0 && t('waysBack.left', { count: campaign.left })}{' '}
          {campaign.exhausted > 0 && t('waysBack.exhausted', { count: campaign.exhausted })}{' '}
          {campaign.unreachable > 0 && t('waysBack.unreachable', { count: campaign.unreachable })}
        </p>
      )}
      {fault && <Notice>{fault}</Notice>}
      {mayAct && (
        <div>
          {isOpen ? (
            <Button variant="default" loading={busy} onClick={() => void stop()}>
              {t('waysBack.stop')}
            </Button>
          ) : (
            withContact < people && (
              <Button variant="default" className="ways-back-begin" onClick={() => setAsks(true)}>
                {t('waysBack.begin')}
              </Button>
            )
          )}
        </div>
      )}
      {asks && <AskDialog org={org} count={people - withContact} close={() => setAsks(false)} />}
    </section>
  )
}

function AskDialog({ org, count, close }: { org: string; count: number; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [everyDays, setEveryDays] = useState<number | string>(7)
  const [times, setTimes] = useState<number | string>(4)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  async function begin(event: SyntheticEvent) {
    event.preventDefault()
    setBusy(true)
    setFault('')
    try {
      const body = { everyDays: Number(everyDays), times: Number(times) }
      await api<WaysBack>('POST', `/organisations/${encodeURIComponent(org)}/ways-back/campaign`, body)
      await client.invalidateQueries({ queryKey: waysBackQuery(org).queryKey })
      close()
    } catch (thrown) {
      setFault(errorText(t, thrown))
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={close} title={t('waysBack.begin')} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <form className="stack" onSubmit={(event) => void begin(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <p>{t('waysBack.lead', { count })}</p>
        <NumberInput
          data-autofocus
          label={t('waysBack.every')}
          min={2}
          max={90}
          allowDecimal={false}
          value={everyDays}
          onChange={setEveryDays}
        />
        <NumberInput
          label={t('waysBack.times')}
          min={1}
          max={12}
          allowDecimal={false}
          value={times}
          onChange={setTimes}
        />
        <Button type="submit" loading={busy}>
          {t('waysBack.ask')}
        </Button>
      </form>
    </Modal>
  )
}
