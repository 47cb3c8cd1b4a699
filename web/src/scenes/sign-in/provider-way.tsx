/**
 * The button of the organisation's identity provider, once a whole domain has been typed: it depends on the domain alone. Where the
 * provider does not answer the page says so at once, with the other ways in; nobody is sent to a door that does not open.
 */
import { Button } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { beginProvider, providerOfDomain } from '../../actions/provider.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'

const TYPING_MS = 400
const domainOf = (name: string): string => /@([^@\s]+\.[^@\s.]{2,})$/.exec(name.trim())?.[1]?.toLowerCase() ?? ''

/** What is typed, when the typing pauses. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPING_MS)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

/** `name`: what stands in the sign-in field. */
export function ProviderWay({
  name,
  go = (url) => location.assign(url),
}: {
  name: string
  go?: (url: string) => void
}) {
  const { t } = useTranslation()
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const domain = useSettled(domainOf(name))
  const { data: provider } = useQuery({
    queryKey: ['provider', domain],
    enabled: domain !== '',
    queryFn: ({ signal }) => providerOfDomain(domain, signal),
    placeholderData: keepPreviousData,
    staleTime: 20_000,
    refetchInterval: 30_000,
    retry: false,
  })
  if (!provider || domain === '') return null

  async function begin() {
    setBusy(true)
    setFailed(null)
    try {
      go(await beginProvider(name.trim()))
    } catch (thrown) {
      setFailed(thrown)
      setBusy(false)
    }
  }
  const code = failed ? toApiError(failed).code : ''
  const isAway = provider.standing === 'away' || code === 'provider-away'
  return (
    <div className="stack provider-way" role="status">
      {isAway ? (
        <Notice tone="warn">{t('provider.away', { provider: provider.name })}</Notice>
      ) : (
        failed !== null && <Notice>{code === 'offline' ? t('signIn.away') : errorText(t, failed)}</Notice>
      )}
      <Button variant={isAway ? 'subtle' : 'default'} fullWidth loading={busy} onClick={() => void begin()}>
        {t(isAway ? 'provider.tryAgain' : 'provider.signIn', { provider: provider.name })}
      </Button>
    </div>
  )
}
