/**
 * Whose is it? One field for the address of the person. What is wrong stands at the field in plain words, and the field
 * keeps what was entered; when somebody else was quicker, it says so.
 */
import { Button, Modal, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { ParkedAssigned, ParkedItem } from '../../data/contract.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'

/** Mail for an address that nobody knows is the only kind that can be somebody else's. */
export const isAssignable = (item: Pick<ParkedItem, 'reason'>): boolean => item.reason === 'unknown-recipient-parked'

const done = {
  queued: 'parking.assignQueued',
  waits: 'parking.assignWaits',
  already: 'parking.assignAlready',
} as const

export function AssignDialog({ org, item, close }: { org: string; item: ParkedItem; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const field = useRef<HTMLInputElement>(null)
  const [address, setAddress] = useState('')
  const [wrong, setWrong] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)

  function say(text: string) {
    setWrong(text)
    field.current?.focus()
  }

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    const wanted = address.trim()
    setFault('')
    if (!wanted) return say(t('parking.assignMissing'))
    setBusy(true)
    try {
      const path = `/organisations/${encodeURIComponent(org)}/parking/${encodeURIComponent(item.deliveryId)}/assign`
      const assigned = await api<ParkedAssigned>('POST', path, { address: wanted })
      toasts.add(t(done[assigned.outcome], { address: assigned.address }), { tone: 'good' })
      close()
    } catch (thrown) {
      const { code } = toApiError(thrown)
      if (code === 'unknown-recipient') say(t('parking.assignNobody', { address: wanted }))
      else if (code === 'address-syntax-recipient') say(t('error.address-syntax-recipient'))
      else setFault(code === 'conflict' ? t('parking.assignConflict') : errorText(t, thrown))
      setBusy(false)
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  return (
    <Modal
      opened
      onClose={close}
      title={
        <span style={{ overflowWrap: 'anywhere' }}>{t('parking.assignTitle', { recipient: item.recipient })}</span>
      }
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <p style={{ overflowWrap: 'anywhere' }}>
          {t('parking.assignText', { subject: item.subject || t('mail.noSubject'), from: item.from || '<>' })}
        </p>
        <TextInput
          ref={field}
          data-autofocus
          label={t('parking.assignAddress')}
          description={t('parking.assignHint')}
          type="email"
          autoComplete="off"
          maxLength={320}
          value={address}
          error={wrong}
          errorProps={{ role: 'alert' }}
          onChange={(event) => {
            setAddress(event.currentTarget.value)
            setWrong('')
          }}
        />
        <div className="line">
          <Button type="submit" loading={busy}>
            {t('parking.assignConfirm')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
