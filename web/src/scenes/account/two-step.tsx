/** Two-step sign-in: turned on by a right code of an authenticator app, turned off by the password. The secret is shown once. */
import './account.css'
import { Button, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import qrcode from 'qrcode-generator'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { SecondFactorOffer } from '../../data/contract.ts'
import { secondFactorQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { PasswordField } from '../../ui/password-field.tsx'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { Shell } from '../shell.tsx'
import { Passkeys } from './passkeys.tsx'

export function TwoStepScene() {
  return (
    <Shell>
      <main id="content" className="account">
        <TwoStep />
        <div className="account-in stack">
          <Passkeys />
        </div>
      </main>
    </Shell>
  )
}

/** Dark on white in every theme: cameras read it. */
function Picture({ uri, label }: { uri: string; label: string }) {
  const code = qrcode(0, 'M')
  code.addData(uri)
  code.make()
  const side = code.getModuleCount()
  const all = Array.from({ length: side * side }, (_, at) => [Math.floor(at / side), at % side] as const)
  const dark = all.filter(([row, column]) => code.isDark(row, column))
  return (
    <svg
      role="img"
      aria-label={label}
      width={220}
      viewBox={`-4 -4 ${side + 8} ${side + 8}`}
      shapeRendering="crispEdges"
    >
      <rect x={-4} y={-4} width={side + 8} height={side + 8} fill="#fff" />
      <path d={dark.map(([row, column]) => `M${column} ${row}h1v1h-1z`).join('')} fill="#000" />
    </svg>
  )
}

/** `isPart`: below another heading, and what is said of the account's other ways is not news there. */
export function TwoStep({ isPart = false }: { isPart?: boolean }) {
  const { t } = useTranslation()
  const asked = useQuery(secondFactorQuery)
  const client = useQueryClient()
  const [offer, setOffer] = useState<SecondFactorOffer | null>(null)
  const [current, setCurrent] = useState('')
  const [code, setCode] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  if (!asked.data)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  const { since } = asked.data

  async function run(event: SyntheticEvent, wrong: string, work: () => Promise<void>) {
    event.preventDefault()
    setBusy(true)
    setFault('')
    try {
      await work()
      setCurrent('')
      setCode('')
      await asked.refetch()
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey })
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'sign-in-failed' ? wrong : errorText(t, thrown))
    }
    setBusy(false)
  }
  const withPassword = (event: SyntheticEvent) =>
    run(event, t('twoStep.wrong'), async () => {
      if (since === null) setOffer(await api<SecondFactorOffer>('POST', '/me/second-factor', { current }))
      else await api('POST', '/me/second-factor/end', { current })
    })
  const withCode = (event: SyntheticEvent) =>
    run(event, t('twoStep.codeWrong'), async () => {
      await api('POST', '/me/second-factor/confirm', { code })
      setOffer(null)
    })
  return (
    <div className={isPart ? 'stack' : 'account-in stack'}>
      {isPart ? <h2>{t('factorSetup.app')}</h2> : <h1>{t('twoStep.title')}</h1>}
      <p>{t('twoStep.lead')}</p>
      <p className="muted">{t('twoStep.clients')}</p>
      {since !== null && (
        <Notice tone="good">
          {t('twoStep.on')} <TimeText at={since} />
        </Notice>
      )}
      {offer && since === null ? (
        <form className="card stack" onSubmit={(event) => void withCode(event)} noValidate>
          <p>{t('twoStep.scan')}</p>
          <Picture uri={offer.uri} label={t('twoStep.picture')} />
          <p>
            {t('twoStep.secret')}{' '}
            <code style={{ overflowWrap: 'anywhere' }}>{offer.secret.replaceAll(/(.{4})/g, '$1 ')}</code>
          </p>
          <TextInput
            label={t('twoStep.code')}
            autoComplete="one-time-code"
            inputMode="numeric"
            autoFocus
            maxLength={40}
            value={code}
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          {fault && <Notice>{fault}</Notice>}
          <Button type="submit" loading={busy}>
            {t('twoStep.confirm')}
          </Button>
        </form>
      ) : (
        <form className="card stack" onSubmit={(event) => void withPassword(event)} noValidate>
          {since !== null && <p>{t('twoStep.endText')}</p>}
          <PasswordField
            label={t('twoStep.current')}
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
          {fault && <Notice>{fault}</Notice>}
          <Button type="submit" loading={busy}>
            {t(since === null ? 'twoStep.begin' : 'twoStep.end')}
          </Button>
        </form>
      )}
    </div>
  )
}
