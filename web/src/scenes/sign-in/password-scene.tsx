/** A new password, by choice or because the old one was given by somebody else. */
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { PasswordField } from '../../ui/password-field.tsx'
import { changePassword, signOut } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { sessionQuery } from '../../data/queries.ts'
import { passwordFault, passwordLeast } from '../../lib/password.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { Door } from './door.tsx'

export function PasswordScene() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { data: account } = useQuery(sessionQuery)
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const must = account?.mustChangePassword === true
  const hasCurrent = account?.choosesPassword !== true

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    const wrong = next === current && next ? 'same' : passwordFault(next, again)
    setFault(wrong ? t(`password.${wrong}`, { count: passwordLeast }) : '')
    if (wrong) return
    setBusy(true)
    try {
      await changePassword(current, next)
      toasts.add(t('password.done'), { tone: 'good' })
      await navigate({ to: '/' })
    } catch (thrown) {
      const { code } = toApiError(thrown)
      setFault(code === 'sign-in-failed' ? t('password.wrong') : errorText(t, thrown))
      setBusy(false)
    }
  }
  return (
    <Door title={t('password.title')} {...(must ? { lead: t(hasCurrent ? 'password.must' : 'password.byCode') } : {})}>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <input
          type="text"
          name="username"
          autoComplete="username"
          value={account?.address ?? account?.name ?? ''}
          readOnly
          hidden
        />
        {hasCurrent && (
          <PasswordField
            label={t('password.current')}
            autoComplete="current-password"
            autoFocus
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
        )}
        <PasswordField
          label={t('password.next')}
          description={t('password.hint', { count: passwordLeast })}
          autoComplete="new-password"
          {...(hasCurrent ? {} : { autoFocus: true })}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        <PasswordField
          label={t('password.again')}
          autoComplete="new-password"
          value={again}
          onChange={(event) => setAgain(event.currentTarget.value)}
        />
        {account?.kind === 'person' && (
          <p className="small muted">{t(must ? 'password.appAgain' : 'password.keepsApp')}</p>
        )}
        <Button type="submit" loading={busy} fullWidth>
          {t('password.submit')}
        </Button>
        {must ? (
          <Button variant="subtle" onClick={() => void signOut()}>
            {t('app.signOut')}
          </Button>
        ) : (
          <Button variant="subtle" onClick={() => void navigate({ to: '/' })}>
            {t('app.cancel')}
          </Button>
        )}
      </form>
    </Door>
  )
}
