/** Who was let into one's own mailbox, as far as one was told. */
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { ownMailboxAccessQuery } from '../../data/queries.ts'
import { TimeText } from '../../ui/time-text.tsx'

export function MyMailboxAccess() {
  const { t } = useTranslation()
  const { data } = useQuery(ownMailboxAccessQuery)
  if (!data) return null
  return (
    <section className="account-in stack">
      <h2>{t('access.mineTitle')}</h2>
      {data.mine.length === 0 ? (
        <p className="muted">{t('access.mineNone')}</p>
      ) : (
        <ul className="app-list">
          {data.mine.map((one) => (
            <li key={one.id}>
              <div>
                <strong>{one.askerName}</strong> {t(one.state === 'open' ? 'access.mineOpen' : 'access.mineOver')}{' '}
                <TimeText at={one.state === 'open' ? one.expiresAt : one.overAt} form="clock" />
                <div>{t('access.because', { reason: one.reason })}</div>
                <div className="muted small">
                  {t('access.decidedBy', { name: one.decidedBy ?? '' })}{' '}
                  {t(one.openedAt ? 'access.wasOpened' : 'access.notOpened')}
                </div>
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
