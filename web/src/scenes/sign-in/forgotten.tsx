/**
 * "I do not know my password": a link to a private address, where one was given beforehand. The answer is the same whoever it is,
 * and says the other ways in, for nobody here knows whether a link came.
 */
import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { askForLink } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'

/** `name`: what stands in the sign-in field already. */
export function Forgotten({ name }: { name: string }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const [own, setOwn] = useState<string | null>(null)
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const value = own ?? name

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setMissing(!value.trim())
    if (!value.trim()) return
    setBusy(true)
    setFailed(null)
    try {
      await askForLink(value.trim())
      setDone(true)
    } catch (thrown) {
      setFailed(thrown)
    }
    setBusy(false)
  }
  if (done)
    return (
      <Notice tone="plain">
        <strong>{t('forgotten.sent')}</strong> {t('forgotten.else')}
      </Notice>
    )
  if (!open)
    return (
      <Button variant="subtle" fullWidth className="forgotten-open" aria-expanded={false} onClick={() => setOpen(true)}>
        {t('forgotten.open')}
      </Button>
    )
  const code = failed ? toApiError(failed).code : ''
  return (
    <form
      className="stack forgotten"
      onSubmit={(event) => void submit(event)}
      noValidate
      aria-label={t('forgotten.open')}
    >
      <p className="muted">{t('forgotten.lead')}</p>
      {failed !== null && (
        <Notice tone="warn">
          {code === 'offline' ? t('signIn.away') : code === 'rate-limited' ? t('signIn.slow') : errorText(t, failed)}
        </Notice>
      )}
      <TextInput
        label={t('signIn.name')}
        inputMode="email"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        maxLength={254}
        value={value}
        error={missing && !value.trim() && t('signIn.nameMissing')}
        onChange={(event) => setOwn(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={busy} fullWidth>
        {t('forgotten.send')}
      </Button>
    </form>
  )
}
