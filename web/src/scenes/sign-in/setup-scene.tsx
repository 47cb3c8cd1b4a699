/**
 * The one-time link of the first start (/setup#token). The token is in the fragment, and goes to the server in a body, so
 * that it reaches no log; it is taken out of the address at once.
 */
import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { PasswordField } from '../../ui/password-field.tsx'
import { setUp } from '../../actions/session.ts'
import { api } from '../../data/api.ts'
import { passwordFault, passwordLeast } from '../../lib/password.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { ErrorState } from '../../ui/states.tsx'
import { Door } from './door.tsx'

const token = decodeURIComponent(location.hash.slice(1))
if (location.pathname === '/setup' && token) history.replaceState(history.state, '', '/setup')

export function SetupScene() {
  const { t, i18n } = useTranslation()
  const navigate = useNavigate()
  const link = useQuery({
    queryKey: ['setup', token],
    enabled: token !== '',
    queryFn: ({ signal }) => api<{ valid: boolean }>('POST', '/setup/check', { token }, signal),
    staleTime: Infinity,
  })
  const [values, setValues] = useState({ name: '', display: '', password: '', again: '' })
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const field = (name: keyof typeof values) => ({
    value: values[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget
      setValues((before) => ({ ...before, [name]: value }))
    },
  })

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    if (!values.name.trim()) return setFault(t('setup.nameMissing'))
    if (/\s/.test(values.name.trim())) return setFault(t('setup.nameSpaces'))
    const wrong = passwordFault(values.password, values.again)
    setFault(wrong ? t(`password.${wrong}`, { count: passwordLeast }) : '')
    if (wrong) return
    setBusy(true)
    try {
      await setUp({
        token,
        name: values.name.trim(),
        display: values.display.trim() || values.name.trim(),
        password: values.password,
        locale: i18n.language,
      })
      await navigate({ to: '/' })
    } catch (thrown) {
      setFault(errorText(t, thrown))
      setBusy(false)
    }
  }
  if (token === '' || link.data?.valid === false)
    return <Door title={t('setup.invalidTitle')} lead={t('setup.invalidText')} children={null} />
  if (link.error) return <ErrorState error={link.error} retry={() => void link.refetch()} />
  if (!link.data) return <Door title={t('setup.title')} lead={t('setup.checking')} children={null} />
  return (
    <Door title={t('setup.title')} lead={t('setup.lead')}>
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <TextInput label={t('setup.display')} autoComplete="name" autoFocus {...field('display')} />
        <TextInput
          label={t('setup.name')}
          description={t('setup.nameHint')}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          {...field('name')}
        />
        <PasswordField
          label={t('setup.password')}
          description={t('password.hint', { count: passwordLeast })}
          autoComplete="new-password"
          {...field('password')}
        />
        <PasswordField label={t('setup.again')} autoComplete="new-password" {...field('again')} />
        <Button type="submit" loading={busy} fullWidth>
          {t('setup.submit')}
        </Button>
      </form>
    </Door>
  )
}
