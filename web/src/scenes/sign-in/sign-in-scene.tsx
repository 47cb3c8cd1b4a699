/**
 * Sign-in: works without the primary, its directory and a mailbox for a reset link. Says apart what a person can do
 * something about: a wrong password, too many tries, no answer.
 */
import { Button, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { PasswordField } from '../../ui/password-field.tsx'
import { signInByPasskey } from '../../actions/passkey.ts'
import { signIn } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { CantReach } from './cant-reach.tsx'
import { Door } from './door.tsx'
import { Forgotten } from './forgotten.tsx'
import { PasskeyWay } from './passkey-way.tsx'
import { ProviderWay } from './provider-way.tsx'
import { SecondStep } from './second-step.tsx'

/** The picture on a letter brings the address along, behind the number sign: it is sent to nobody. */
function nameFromLetter(): string {
  if (!window.location.pathname.endsWith('/sign-in')) return ''
  try {
    return decodeURIComponent(window.location.hash.slice(1)).slice(0, 254)
  } catch {
    return ''
  }
}

export function SignInScene() {
  const { t } = useTranslation()
  const [name, setName] = useState(nameFromLetter)
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState({ name: false, password: false })
  const [failed, setFailed] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [ways, setWays] = useState<string | null>(null)
  const passwordField = useRef<HTMLInputElement>(null)

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    const lacks = { name: !name.trim(), password: !password }
    setMissing(lacks)
    if (lacks.name || lacks.password) return
    setBusy(true)
    setFailed(null)
    try {
      await signIn(name, password)
    } catch (thrown) {
      setBusy(false)
      const { code, detail } = toApiError(thrown)
      if (code === 'second-factor-needed') return setWays(detail ?? 'app')
      setFailed(thrown)
      passwordField.current?.focus()
      passwordField.current?.select()
    }
  }
  if (ways !== null)
    return (
      <SecondStep
        ways={ways}
        back={() => {
          setWays(null)
          setPassword('')
        }}
      />
    )
  const code = failed ? toApiError(failed).code : ''
  const text =
    code === 'sign-in-failed' || code === 'signed-out' || code === 'bad-request'
      ? t('signIn.wrong')
      : code === 'sign-in-slow-down' || code === 'rate-limited'
        ? t('signIn.slow')
        : code === 'offline'
          ? t('signIn.away')
          : errorText(t, failed)
  return (
    <Door title={t('signIn.title')} lead={t('signIn.lead')}>
      {/* The fields keep their names so that password managers find them. */}
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {failed !== null && <Notice tone={code === 'offline' ? 'warn' : 'bad'}>{text}</Notice>}
        <TextInput
          label={t('signIn.name')}
          description={t('signIn.nameHint')}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          inputMode="email"
          autoFocus
          value={name}
          error={missing.name && t('signIn.nameMissing')}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordField
          ref={passwordField}
          label={t('signIn.password')}
          description={t('signIn.passwordHint')}
          name="password"
          autoComplete="current-password"
          value={password}
          error={missing.password && t('signIn.passwordMissing')}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" loading={busy} fullWidth>
          {t('signIn.submit')}
        </Button>
      </form>
      <ProviderWay name={name} />
      <PasskeyWay label={t('passkey.signIn')} go={signInByPasskey} />
      <Forgotten name={name} />
      <CantReach name={name} />
    </Door>
  )
}
