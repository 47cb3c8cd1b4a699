/** Giving a private address and removing it, each with the password once more; and the code that was sent there. */
import { Button, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { PrivateContact } from '../../data/contract.ts'
import { privateContactQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { PasswordField } from '../../ui/password-field.tsx'

const PATH = '/me/private-contact'

/** Posts and shows what stands then; false where it was refused, which is said in `fault`. */
function usePost() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  async function post(path: string, body: object): Promise<boolean> {
    setFault('')
    setBusy(true)
    try {
      client.setQueryData(privateContactQuery.queryKey, await api<PrivateContact>('POST', path, body))
      return true
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'sign-in-failed' ? t('privateContact.wrong') : errorText(t, thrown))
      return false
    } finally {
      setBusy(false)
    }
  }
  return { post, fault, busy }
}

export function ContactForm(props: { contact: PrivateContact; signInName: string; done: () => void }) {
  const { contact, signInName, done } = props
  const { t } = useTranslation()
  const { post, fault, busy } = usePost()
  const [address, setAddress] = useState('')
  const [current, setCurrent] = useState('')
  const [isTried, setTried] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const isMissing = !/^[^\s@]+@[^\s@]+$/.test(address.trim())
  const hasOne = contact.address !== null || contact.waiting !== null

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setTried(true)
    if (isMissing) return field.current?.focus()
    if (!(await post(PATH, { current, address: address.trim() }))) return
    setAddress('')
    setCurrent('')
    setTried(false)
  }
  async function remove() {
    if (!(await post(`${PATH}/removal`, { current }))) return
    setCurrent('')
    toasts.add(t('privateContact.removed'), { tone: 'good' })
    done()
  }
  return (
    <section className="card stack" aria-labelledby="contact-give">
      <h2 id="contact-give">{t(hasOne ? 'privateContact.change' : 'privateContact.give')}</h2>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        <TextInput
          ref={field}
          type="email"
          label={t('privateContact.field')}
          description={t('privateContact.fieldHint')}
          error={isTried && isMissing ? t('privateContact.missing') : undefined}
          autoComplete="off"
          maxLength={254}
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <input type="text" name="username" autoComplete="username" value={signInName} readOnly hidden />
        <PasswordField
          label={t('privateContact.current')}
          description={t('privateContact.currentHint')}
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        {fault && <Notice>{fault}</Notice>}
        <Button type="submit" loading={busy}>
          {t('privateContact.send')}
        </Button>
        {hasOne && (
          <>
            <p className="muted">{t('privateContact.removeText')}</p>
            <Button variant="default" disabled={busy} onClick={() => void remove()}>
              {t('privateContact.remove')}
            </Button>
          </>
        )}
      </form>
    </section>
  )
}

export function ContactCode({ waiting, done }: { waiting: string; done: () => void }) {
  const { t } = useTranslation()
  const { post, fault, busy } = usePost()
  const [code, setCode] = useState('')
  const [isTried, setTried] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const isMissing = !/^\d{6}$/.test(code.replace(/[\s-]/g, ''))

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setTried(true)
    if (isMissing) return field.current?.focus()
    if (!(await post(`${PATH}/code`, { code }))) return field.current?.focus()
    toasts.add(t('privateContact.confirmed'), { tone: 'good' })
    done()
  }
  return (
    <section className="card stack" aria-labelledby="contact-code">
      <h2 id="contact-code">{t('privateContact.typeTitle')}</h2>
      <p role="status">{t('privateContact.typeText', { address: waiting })}</p>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        <TextInput
          ref={field}
          label={t('privateContact.code')}
          error={isTried && isMissing ? t('privateContact.codeMissing') : undefined}
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={12}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        {fault && <Notice>{fault}</Notice>}
        <Button type="submit" loading={busy}>
          {t('privateContact.confirm')}
        </Button>
      </form>
    </section>
  )
}
