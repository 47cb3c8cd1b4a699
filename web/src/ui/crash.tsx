/** The page itself has failed: say so, keep calm, offer to load again. */
import { Button } from '@mantine/core'
import { IconBandage } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'

export function Crash({ error }: { error: unknown }) {
  const { t } = useTranslation()
  return (
    <div className="state" role="alert">
      <IconBandage size={40} aria-hidden="true" stroke={1.5} />
      <h2>{t('state.crashTitle')}</h2>
      <p>{t('state.crashText')}</p>
      <Button onClick={() => location.reload()}>{t('state.reload')}</Button>
      <details className="small">
        <summary>{t('app.details')}</summary>
        <p className="mono">{error instanceof Error ? error.message : String(error)}</p>
      </details>
    </div>
  )
}
