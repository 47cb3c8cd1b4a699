/**
 * "I can't reach my mail": two taps for somebody who has no way to sign in, or does not know that they could. What is
 * answered is the same whatever the address is, and says what to do next.
 */
import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { reportReach } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'

/** `name`: what stands in the sign-in field already. */
export function CantReach({ name }: { name: string }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const [address, setAddress] = useState<string | null>(null)
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const value = address ?? name

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setMissing(!value.trim())
    if (!value.trim()) return
    setBusy(true)
    setFailed(null)
    try {
      await reportReach(value.trim())
      setDone(true)
    } catch (thrown) {
      setFailed(thrown)
    }
    setBusy(false)
  }
  if (done)
    return (
      <Notice tone="good">
        <strong>{t('cantReach.thanks')}</strong> {t('cantReach.next')}
      </Notice>
    )
  if (!open)
    return (
      <Button variant="subtle" fullWidth aria-expanded={false} onClick={() => setOpen(true)}>
        {t('cantReach.open')}
      </Button>
    )
  const code = failed ? toApiError(failed).code : ''
  return (
    <form
      className="stack cant-reach"
      onSubmit={(event) => void submit(event)}
      noValidate
      aria-label={t('cantReach.open')}
    >
      <p className="muted">{t('cantReach.lead')}</p>
      {failed !== null && <Notice tone="warn">{code === 'offline' ? t('signIn.away') : errorText(t, failed)}</Notice>}
      <TextInput
        label={t('cantReach.address')}
        type="email"
        inputMode="email"
        autoComplete="email"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        maxLength={254}
        value={value}
        error={missing && !value.trim() && t('signIn.nameMissing')}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={busy} fullWidth>
        {t('cantReach.send')}
      </Button>
    </form>
  )
}
