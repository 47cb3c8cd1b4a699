/** "Sign in with a passkey", where the pages have the address that passkeys are made for and the browser knows them. */
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { toApiError } from '../../data/api.ts'
import { passkeyPlaceQuery } from '../../data/queries.ts'
import { passkeyText } from '../../lib/passkey-text.ts'
import { knowsPasskeys } from '../../lib/webauthn.ts'
import { Notice } from '../../ui/notice.tsx'

/** `go`: signs in; what follows is up to whoever shows this. */
export function PasskeyWay({
  go,
  label,
  isFirst = false,
  over,
}: {
  go: () => Promise<unknown>
  label: string
  isFirst?: boolean
  /** it was begun too long ago: the step before has to be done again */
  over?: string
}) {
  const { t } = useTranslation()
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const known = knowsPasskeys()
  const { data: place } = useQuery({ ...passkeyPlaceQuery, enabled: known })
  if (!known || place?.origin !== location.origin) return null

  async function use() {
    setBusy(true)
    setFailed(null)
    try {
      await go()
    } catch (thrown) {
      setFailed(thrown)
      setBusy(false)
    }
  }
  const isOver = failed !== null && over !== undefined && toApiError(failed).code === 'signed-out'
  return (
    <div className="stack passkey-way">
      {failed !== null && (
        <div role="alert">
          <Notice tone="warn">{isOver ? over : passkeyText(t, failed)}</Notice>
        </div>
      )}
      <Button
        variant={isFirst ? 'filled' : 'default'}
        fullWidth
        loading={busy}
        data-autofocus={isFirst || undefined}
        onClick={() => void use()}
      >
        {label}
      </Button>
    </div>
  )
}
