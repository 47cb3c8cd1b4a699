/**
 * Back from the identity provider (/sign-in/provider?code=…): what it sent along is taken out of the address and handed to the server,
 * once. Where that does not sign in, the page says why and shows the other ways in.
 */
import { Button } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { finishProvider } from '../../actions/provider.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { Door } from './door.tsx'

const given = location.pathname === '/sign-in/provider' ? location.search.slice(1) : ''
if (given) history.replaceState(history.state, '', '/sign-in/provider')

export function ProviderScene({ query = given }: { query?: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const begun = useRef(false)
  const [failed, setFailed] = useState('')

  useEffect(() => {
    if (begun.current) return
    begun.current = true
    finishProvider(query)
      .then(() => navigate({ to: '/' }))
      .catch((thrown: unknown) => {
        setFailed(toApiError(thrown).code === 'offline' ? t('signIn.away') : errorText(t, thrown))
      })
  }, [navigate, query, t])
  return (
    <Door title={t('signIn.title')} {...(failed === '' ? { lead: t('provider.checking') } : {})}>
      {failed !== '' && (
        <div className="stack">
          <Notice tone="warn">
            <strong>{failed}</strong> {t('provider.otherWays')}
          </Notice>
          <Button fullWidth onClick={() => void navigate({ to: '/' })}>
            {t('provider.back')}
          </Button>
        </div>
      )}
    </Door>
  )
}
