/** Giving a private address or telephone and removing it, each with the password once more; and the code that was sent there. */
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
export const kinds = ['address', 'phone'] as const
type Kind = (typeof kinds)[number]

/** The words of each kind, and what is worth sending. */
const of = {
  address: {
    give: 'privateContact.give',
    change: 'privateContact.change',
    field: 'privateContact.field',
    hint: 'privateContact.fieldHint',
    missing: 'privateContact.missing',
    confirmed: 'privateContact.confirmed',
    remove: 'privateContact.remove',
    removeText: 'privateContact.removeText',
    removed: 'privateContact.removed',
    type: 'email',
    form: /^[^\s@]+@[^\s@]+$/,
  },
  phone: {
    give: 'privateContact.givePhone',
    change: 'privateContact.changePhone',
    field: 'privateContact.fieldPhone',
    hint: 'privateContact.fieldPhoneHint',
    missing: 'privateContact.missingPhone',
    confirmed: 'privateContact.confirmedPhone',
    remove: 'privateContact.removePhone',
    removeText: 'privateContact.removePhoneText',
    removed: 'privateContact.removedPhone',
    type: 'tel',
    form: /^(?:\+|00)[\d\s().\/-]{7,}$/,
  },
} as const

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

export function ContactForm(props: {
  kind: Kind
  place: PrivateContact['address']
  signInName: string
  done: () => void
}) {
  const { kind, place, signInName, done } = props
  const words = of[kind]
  const { t } = useTranslation()
  const { post, fault, busy } = usePost()
  const [value, setValue] = useState('')
  const [current, setCurrent] = useState('')
  const [isTried, setTried] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const isMissing = !words.form.test(value.trim())
  const hasOne = place.given !== null || place.waiting !== null

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setTried(true)
    if (isMissing) return field.current?.focus()
    if (!(await post(PATH, { current, kind, value: value.trim() }))) return
    setValue('')
    setCurrent('')
    setTried(false)
  }
  async function remove() {
    if (!(await post(`${PATH}/removal`, { current, kind }))) return
    setCurrent('')
    toasts.add(t(words.removed), { tone: 'good' })
    done()
  }
  return (
    <section className="card stack" aria-labelledby={`contact-give-${kind}`}>
      <h2 id={`contact-give-${kind}`}>{t(hasOne ? words.change : words.give)}</h2>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        <TextInput
          ref={field}
          type={words.type}
          label={t(words.field)}
          description={t(words.hint)}
          error={isTried && isMissing ? t(words.missing) : undefined}
          autoComplete="off"
          maxLength={254}
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
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
            <p className="muted">{t(words.removeText)}</p>
            <Button variant="default" disabled={busy} onClick={() => void remove()}>
              {t(words.remove)}
            </Button>
          </>
        )}
      </form>
    </section>
  )
}

export function ContactCode({ kind, waiting, done }: { kind: Kind; waiting: string; done: () => void }) {
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
    if (!(await post(`${PATH}/code`, { kind, code }))) return field.current?.focus()
    toasts.add(t(of[kind].confirmed), { tone: 'good' })
    done()
  }
  return (
    <section className="card stack" aria-labelledby={`contact-code-${kind}`}>
      <h2 id={`contact-code-${kind}`}>{t('privateContact.typeTitle')}</h2>
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
