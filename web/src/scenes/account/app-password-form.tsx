/** For which device, for what, and the current password once more; what is missing is said at its field. */
import { Button, Checkbox, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { AppPasswordMade } from '../../data/contract.ts'
import { appPasswordsQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { PasswordField } from '../../ui/password-field.tsx'
import { protocols, protocolWords } from './protocols.ts'

const NAME_LENGTH = 60

export function AppPasswordForm({ signInName, made }: { signInName: string; made: (one: AppPasswordMade) => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<string[]>(['submission'])
  const [current, setCurrent] = useState('')
  const [isTried, setTried] = useState(false)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const nameField = useRef<HTMLInputElement>(null)
  const firstUse = useRef<HTMLInputElement>(null)
  const currentField = useRef<HTMLInputElement>(null)
  const isNameMissing = name.trim() === ''

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setTried(true)
    setFault('')
    if (isNameMissing) return nameField.current?.focus()
    if (chosen.length === 0) return firstUse.current?.focus()
    setBusy(true)
    try {
      const body = { current, name, protocols: chosen }
      const one = await api<AppPasswordMade>('POST', '/me/app-passwords', body)
      void client.invalidateQueries({ queryKey: appPasswordsQuery.queryKey })
      made(one)
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'sign-in-failed' ? t('appPasswords.wrong') : errorText(t, thrown))
      setBusy(false)
      currentField.current?.focus()
    }
  }
  return (
    <section className="card stack" aria-labelledby="app-password-make">
      <h2 id="app-password-make">{t('appPasswords.make')}</h2>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        <TextInput
          ref={nameField}
          label={t('appPasswords.name')}
          description={t('appPasswords.nameHint')}
          error={isTried && isNameMissing ? t('appPasswords.nameMissing') : undefined}
          maxLength={NAME_LENGTH}
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Checkbox.Group
          size="md"
          label={t('appPasswords.protocols')}
          error={isTried && chosen.length === 0 ? t('appPasswords.protocolMissing') : undefined}
          value={chosen}
          onChange={setChosen}
        >
          {protocols.map((each, at) => (
            <Checkbox
              size="md"
              key={each}
              ref={at === 0 ? firstUse : undefined}
              value={each}
              label={t(protocolWords[each])}
              description={each === 'submission' ? undefined : t('appPasswords.later')}
            />
          ))}
        </Checkbox.Group>
        <input type="text" name="username" autoComplete="username" value={signInName} readOnly hidden />
        <PasswordField
          ref={currentField}
          label={t('appPasswords.current')}
          description={t('appPasswords.currentHint')}
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        {fault && <Notice>{fault}</Notice>}
        <Button type="submit" loading={busy}>
          {t('appPasswords.submit')}
        </Button>
      </form>
    </section>
  )
}
