/** Where somebody is signed in: each browser with its last use, to be ended by itself, or all others at once. */
import './account.css'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { OwnSession, SessionsEnded } from '../../data/contract.ts'
import { ownSessionsQuery } from '../../data/queries.ts'
import { browserName } from '../../lib/browser-name.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { Shell } from '../shell.tsx'
import { MyMailboxAccess } from './my-mailbox-access.tsx'

export function SessionsScene() {
  return (
    <Shell>
      <main id="content" className="account">
        <Sessions />
        <MyMailboxAccess />
      </main>
    </Shell>
  )
}

export function Sessions() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const asked = useQuery(ownSessionsQuery)
  const [busy, setBusy] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${t('sessions.title')} · Holdfast`
  }, [t])
  if (!asked.data)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  const nameOf = (one: OwnSession): string => browserName(one.userAgent) || t('sessions.unknown')

  async function end(id: string | null) {
    setBusy(id ?? 'all')
    try {
      const path = id === null ? '/me/sessions' : `/me/sessions/${id}`
      const { ended } = await api<SessionsEnded>('DELETE', path)
      toasts.add(t('sessions.ended', { count: ended }), { tone: 'good' })
    } catch (thrown) {
      // It has ended by itself: what was wished is so.
      if (toApiError(thrown).code !== 'not-found') toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey })
    setBusy('')
    heading.current?.focus()
  }
  return (
    <div className="account-in stack">
      <h1 ref={heading} tabIndex={-1}>
        {t('sessions.title')}
      </h1>
      <p>{t('sessions.lead')}</p>
      <ul className="app-list">
        {asked.data.map((one) => (
          <li key={one.id}>
            <div className="grow">
              <strong>{nameOf(one)}</strong> {one.isThis && t('sessions.this')}
              <div className="small muted">
                {t('sessions.since')} <TimeText at={one.createdAt} form="clock" />
              </div>
              <div className="small muted">
                {t('sessions.used')} <TimeText at={one.seenAt} form="clock" />{' '}
                {one.clientIp && t('sessions.from', { place: one.clientIp })}
              </div>
            </div>
            {!one.isThis && (
              <Button
                variant="default"
                className="session-end"
                loading={busy === one.id}
                disabled={busy !== ''}
                aria-label={t('sessions.endNamed', { name: nameOf(one) })}
                onClick={() => void end(one.id)}
              >
                {t('sessions.end')}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {asked.data.length > 1 && (
        <div>
          <Button variant="default" loading={busy === 'all'} disabled={busy !== ''} onClick={() => void end(null)}>
            {t('sessions.endOthers')}
          </Button>
        </div>
      )}
      <p className="muted">{t('sessions.hint')}</p>
    </div>
  )
}
