/**
 * A person's app passwords: one made for each device, shown once, listed with when and from where it was used last, revoked
 * one by one. What was made stays on the page until the person says that it was typed in, and is kept nowhere else.
 */
import './account.css'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AppPasswordMade } from '../../data/contract.ts'
import { appPasswordsQuery, sessionQuery } from '../../data/queries.ts'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Shell } from '../shell.tsx'
import { AppPasswordForm } from './app-password-form.tsx'
import { AppPasswordList } from './app-password-list.tsx'
import { MadeAppPassword } from './made-app-password.tsx'

export function AppPasswordsScene() {
  return (
    <Shell>
      <main id="content" className="account">
        <AppPasswords />
      </main>
    </Shell>
  )
}

export function AppPasswords() {
  const { t } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const asked = useQuery(appPasswordsQuery)
  const [made, setMade] = useState<AppPasswordMade | null>(null)
  const list = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${t('appPasswords.title')} · Holdfast`
  }, [t])
  if (!asked.data)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  const { items, most } = asked.data
  const signInName = account?.address ?? account?.name ?? ''
  return (
    <div className="account-in stack">
      <h1>{t('appPasswords.title')}</h1>
      <p>{t('appPasswords.lead')}</p>
      <p className="muted">{t('appPasswords.keep')}</p>
      {asked.error ? <div className="offline-bar">{t('state.offlineBar')}</div> : null}
      {made ? (
        <MadeAppPassword
          made={made}
          signInName={signInName}
          done={() => {
            setMade(null)
            list.current?.focus()
          }}
        />
      ) : items.length >= most ? (
        <Notice tone="plain">{t('appPasswords.full', { count: most })}</Notice>
      ) : (
        <AppPasswordForm signInName={signInName} made={setMade} />
      )}
      <section className="stack" aria-labelledby="app-password-list">
        <h2 id="app-password-list" ref={list} tabIndex={-1}>
          {t('appPasswords.list')}
        </h2>
        <AppPasswordList items={items} revoked={() => list.current?.focus()} />
      </section>
    </div>
  )
}
