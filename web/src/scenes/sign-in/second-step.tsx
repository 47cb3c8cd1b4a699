/** After the right password, where two-step sign-in is on: the code of the authenticator app, or a passkey. */
import { Button, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { signInSecondByPasskey } from '../../actions/passkey.ts'
import { signInSecond } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { Door } from './door.tsx'
import { PasskeyWay } from './passkey-way.tsx'

/** `ways`: which there are, as the server says them (`app`, `passkey`, or both). */
export function SecondStep({ ways = 'app', back, done }: { ways?: string; back: () => void; done?: () => void }) {
  const { t } = useTranslation()
  const [code, setCode] = useState('')
  const [isMissing, setMissing] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setMissing(code.trim() === '')
    if (code.trim() === '') return field.current?.focus()
    setBusy(true)
    setFailed(null)
    try {
      await signInSecond(code)
      done?.()
    } catch (thrown) {
      setFailed(thrown)
      setBusy(false)
      field.current?.focus()
      field.current?.select()
    }
  }
  function words(): string {
    const { code: fault } = toApiError(failed)
    if (fault === 'sign-in-failed' || fault === 'bad-request') return t('secondStep.wrong')
    if (fault === 'sign-in-slow-down' || fault === 'rate-limited') return t('secondStep.slow')
    if (fault === 'signed-out') return t('secondStep.over')
    return fault === 'offline' ? t('signIn.away') : errorText(t, failed)
  }
  const hasApp = ways.includes('app')
  const hasPasskey = ways.includes('passkey')
  const lead = hasPasskey ? (hasApp ? 'secondStep.leadBoth' : 'secondStep.leadPasskey') : 'secondStep.lead'
  return (
    <Door title={t('secondStep.title')} lead={t(lead)}>
      {hasPasskey && (
        <PasskeyWay
          label={t('passkey.use')}
          isFirst={!hasApp}
          over={t('secondStep.over')}
          go={async () => {
            await signInSecondByPasskey()
            done?.()
          }}
        />
      )}
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {failed !== null && <Notice tone="bad">{words()}</Notice>}
        {hasApp && (
          <>
            <TextInput
              ref={field}
              label={t('secondStep.code')}
              description={t('secondStep.hint')}
              name="code"
              autoComplete="one-time-code"
              inputMode="numeric"
              autoFocus
              maxLength={40}
              value={code}
              error={isMissing && t('secondStep.missing')}
              onChange={(event) => setCode(event.currentTarget.value)}
            />
            <Button type="submit" loading={busy} fullWidth>
              {t('secondStep.submit')}
            </Button>
          </>
        )}
        <Button variant="default" fullWidth onClick={back}>
          {t('secondStep.back')}
        </Button>
        <p className="muted">{t(hasPasskey ? 'secondStep.lostPasskey' : 'secondStep.lost')}</p>
      </form>
    </Door>
  )
}
