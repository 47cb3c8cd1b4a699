/** The five states that every scene designs: empty, loading, error, offline, forbidden. */
import { Button, Loader } from '@mantine/core'
import { IconAlertCircle, IconCloudOff, IconInbox, IconLock, IconMapSearch } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { toApiError } from '../data/api.ts'
import { errorText } from '../lib/sentence.ts'

export function EmptyState({ children, icon }: { children: ReactNode; icon?: ReactNode }) {
  return (
    <div className="state">
      {icon ?? <IconInbox size={40} aria-hidden="true" stroke={1.5} />}
      {children}
    </div>
  )
}

export function LoadingState() {
  const { t } = useTranslation()
  return (
    <div className="state" role="status">
      <Loader size="sm" />
      <span>{t('app.loading')}</span>
    </div>
  )
}

export function NotFoundState() {
  const { t } = useTranslation()
  return (
    <EmptyState icon={<IconMapSearch size={40} aria-hidden="true" stroke={1.5} />}>
      <h2>{t('state.notFoundTitle')}</h2>
      <p>{t('state.notFoundText')}</p>
    </EmptyState>
  )
}

/** Error, offline and forbidden in one place: which of them it is says the error. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation()
  const { code } = toApiError(error)
  const offline = code === 'offline'
  const forbidden = code === 'forbidden'
  const Icon = offline ? IconCloudOff : forbidden ? IconLock : IconAlertCircle
  return (
    <div className="state" role="alert">
      <Icon size={40} aria-hidden="true" stroke={1.5} />
      <h2>{offline ? t('state.offlineTitle') : forbidden ? t('state.forbiddenTitle') : t('state.errorTitle')}</h2>
      <p>{offline ? t('state.offlineText') : forbidden ? t('state.forbiddenText') : errorText(t, error)}</p>
      {retry && !forbidden && (
        <Button variant="default" onClick={retry}>
          {t('app.retry')}
        </Button>
      )}
    </div>
  )
}
