/** One's own passkeys: what each is, adding one with the password, removing one with it. */
import './account.css'
import { Button, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { addPasskey, removePasskey } from '../../actions/passkey.ts'
import { toApiError } from '../../data/api.ts'
import type { Passkey } from '../../data/contract.ts'
import { passkeysQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { knowsPasskeys, PasskeyError } from '../../lib/webauthn.ts'
import { Notice } from '../../ui/notice.tsx'
import { PasswordField } from '../../ui/password-field.tsx'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'

export function Passkeys() {
  const { t } = useTranslation()
  const asked = useQuery(passkeysQuery)
  const [removing, setRemoving] = useState<string | null>(null)
  if (!asked.data)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  const { items, most, origin } = asked.data
  return (
    <section className="stack" aria-labelledby="passkeys">
      <h2 id="passkeys">{t('passkey.title')}</h2>
      <p>{t('passkey.lead')}</p>
      {items.length === 0 ? (
        <p className="muted">{t('passkey.none')}</p>
      ) : (
        <ul className="app-list">
          {items.map((one) => (
            <li key={one.id}>
              <div className="grow">
                <strong>{one.name}</strong>
                <div>
                  {t(one.isForeign ? 'passkey.foreign' : one.isBackedUp ? 'passkey.backedUp' : 'passkey.notBackedUp')}
                </div>
                <div className="small muted">
                  {t('passkey.made')} <TimeText at={one.createdAt} />
                </div>
                <div className="small muted">
                  {one.lastUsedAt ? (
                    <>
                      {t('passkey.used')} <TimeText at={one.lastUsedAt} form="clock" />
                    </>
                  ) : (
                    t('passkey.never')
                  )}
                </div>
              </div>
              {removing === one.id ? (
                <Remove one={one} done={() => setRemoving(null)} />
              ) : (
                <Button
                  variant="default"
                  aria-label={t('passkey.removeNamed', { name: one.name })}
                  onClick={() => setRemoving(one.id)}
                >
                  {t('passkey.remove')}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {origin === null ? (
        <Notice tone="plain">{t('passkey.nowhere')}</Notice>
      ) : origin !== location.origin ? (
        <Notice tone="plain">{t('passkey.here', { origin })}</Notice>
      ) : !knowsPasskeys() ? (
        <Notice tone="plain">{t('passkey.unsupported')}</Notice>
      ) : items.length >= most ? (
        <Notice tone="plain">{t('passkey.full')}</Notice>
      ) : (
        <Add />
      )}
    </section>
  )
}

/** Whether a second factor is lacking changes with the list. */
function useRenew() {
  const client = useQueryClient()
  return async () => {
    await client.invalidateQueries({ queryKey: passkeysQuery.queryKey })
    await client.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }
}

function Add() {
  const { t } = useTranslation()
  const renew = useRenew()
  const [name, setName] = useState('')
  const [current, setCurrent] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setFault('')
    if (!name.trim() || !current) return setFault(t('passkey.missing'))
    setBusy(true)
    try {
      await addPasskey(name.trim(), current)
      toasts.add(t('passkey.added'), { tone: 'good' })
      setName('')
      setCurrent('')
      await renew()
    } catch (thrown) {
      if (thrown instanceof PasskeyError) setFault(t(thrown.isKnown ? 'passkey.known' : 'passkey.notMade'))
      else setFault(toApiError(thrown).code === 'sign-in-failed' ? t('passkey.wrong') : errorText(t, thrown))
    }
    setBusy(false)
  }
  return (
    <form className="card stack" onSubmit={(event) => void submit(event)} noValidate aria-label={t('passkey.add')}>
      <TextInput
        label={t('passkey.name')}
        description={t('passkey.nameHint')}
        autoComplete="off"
        maxLength={60}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <PasswordField
        label={t('passkey.current')}
        autoComplete="current-password"
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      {fault && <Notice>{fault}</Notice>}
      {busy && <p role="status">{t('passkey.adding')}</p>}
      <Button type="submit" loading={busy}>
        {t('passkey.add')}
      </Button>
    </form>
  )
}

function Remove({ one, done }: { one: Passkey; done: () => void }) {
  const { t } = useTranslation()
  const renew = useRenew()
  const [current, setCurrent] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setBusy(true)
    setFault('')
    try {
      await removePasskey(one.id, current)
      toasts.add(t('passkey.removed'), { tone: 'good' })
      await renew()
      done()
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'sign-in-failed' ? t('passkey.wrong') : errorText(t, thrown))
      setBusy(false)
    }
  }
  return (
    <form className="card stack" onSubmit={(event) => void submit(event)} noValidate>
      <p>{t('passkey.removeText', { name: one.name })}</p>
      <PasswordField
        label={t('passkey.current')}
        autoComplete="current-password"
        autoFocus
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      {fault && <Notice>{fault}</Notice>}
      <div className="line">
        <Button type="submit" color="red" loading={busy}>
          {t('passkey.remove')}
        </Button>
        <Button variant="default" onClick={done}>
          {t('passkey.cancel')}
        </Button>
      </div>
    </form>
  )
}
