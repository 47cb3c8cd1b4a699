/** Asking for somebody's mailbox: why, for how long, to read it or to hand it over. The person will read the reason. */
import { Button, Modal, NativeSelect, Textarea } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { Person } from '../../data/contract.ts'
import { stretch } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'

const LEAST_REASON = 20
const MOST_REASON = 1000
const times = [60, 240, 480, 1440, 4320, 10_080]

export function AskMailboxDialog({
  org,
  person,
  close,
}: {
  org: string
  person: Pick<Person, 'id' | 'name'>
  close: () => void
}) {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const [reason, setReason] = useState('')
  const [purpose, setPurpose] = useState<'read' | 'handOver'>('read')
  const [minutes, setMinutes] = useState(times[0]!)
  const [fault, setFault] = useState('')
  const [missing, setMissing] = useState('')
  const [busy, setBusy] = useState(false)
  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setFault('')
    setMissing('')
    if (reason.trim().length < LEAST_REASON) return setMissing(t('access.reasonMissing', { count: LEAST_REASON }))
    setBusy(true)
    try {
      const body = { person: person.id, purpose, reason: reason.trim(), minutes }
      await api('POST', `/organisations/${encodeURIComponent(org)}/mailbox-access`, body)
      toasts.add(t('access.askDone'), { tone: 'good' })
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
      title={<span style={{ overflowWrap: 'anywhere' }}>{t('access.askTitle', { name: person.name })}</span>}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <p>{t('access.askText', { name: person.name })}</p>
        <Textarea
          data-autofocus
          label={t('access.reason')}
          description={t('access.reasonHint', { name: person.name })}
          error={missing}
          rows={3}
          maxLength={MOST_REASON}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <NativeSelect
          label={t('access.purpose')}
          value={purpose}
          onChange={(event) => setPurpose(event.currentTarget.value === 'handOver' ? 'handOver' : 'read')}
          data={[
            { value: 'read', label: t('access.purposeRead') },
            { value: 'handOver', label: t('access.purposeHandOver') },
          ]}
        />
        <NativeSelect
          label={t('access.time')}
          description={t('access.timeHint')}
          value={String(minutes)}
          onChange={(event) => setMinutes(Number(event.currentTarget.value))}
          data={times.map((one) => ({ value: String(one), label: stretch(one * 60_000, i18n.language) }))}
        />
        <div className="line">
          <Button type="submit" loading={busy}>
            {t('access.ask')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
