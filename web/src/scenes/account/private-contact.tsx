/**
 * How a person is reached when mail is down: which ways back in they have, that none hangs on their mailbox at work, and the
 * private address and telephone: given, confirmed by a code, removed. They are never shown in full, not here either.
 */
import './account.css'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { privateContactQuery, sessionQuery } from '../../data/queries.ts'
import { Notice } from '../../ui/notice.tsx'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { Shell } from '../shell.tsx'
import { ContactCode, ContactForm, kinds } from './private-contact-forms.tsx'
import { WaysBack } from './ways-back.tsx'

export function PrivateContactScene() {
  return (
    <Shell>
      <main id="content" className="account">
        <PrivateContactPage />
      </main>
    </Shell>
  )
}

export function PrivateContactPage() {
  const { t } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const asked = useQuery(privateContactQuery)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${t('privateContact.title')} · Holdfast`
  }, [t])
  if (!asked.data)
    return asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <LoadingState />
  const contact = asked.data
  const signInName = account?.address ?? account?.name ?? ''
  const done = () => heading.current?.focus()
  return (
    <div className="account-in stack">
      <h1>{t('privateContact.title')}</h1>
      <p>{t('privateContact.lead')}</p>
      <section className="stack" aria-labelledby="ways-back">
        <h2 id="ways-back" ref={heading} tabIndex={-1}>
          {t('privateContact.ways')}
        </h2>
        <WaysBack contact={contact} />
      </section>
      {contact.declared !== null && contact.address.given === null && (
        <Notice tone="plain">{t('privateContact.declared', { address: contact.declared })}</Notice>
      )}
      {kinds.map((kind) => {
        const { waiting } = contact[kind]
        return waiting !== null && <ContactCode key={kind} kind={kind} waiting={waiting} done={done} />
      })}
      <ContactForm kind="address" place={contact.address} signInName={signInName} done={done} />
      {(contact.mayPhone || contact.phone.given !== null) && (
        <ContactForm kind="phone" place={contact.phone} signInName={signInName} done={done} />
      )}
    </div>
  )
}
