/** Of a route on the board: people whose mailbox fails there while others' mail is taken. */
import { useTranslation } from 'react-i18next'
import type { RouteBoard } from '../../data/contract.ts'
import { Notice } from '../../ui/notice.tsx'
import { TimeText } from '../../ui/time-text.tsx'

export function Mailboxes({ mailboxes }: { mailboxes: RouteBoard['mailboxes'] }) {
  const { t } = useTranslation()
  if (mailboxes.failing === 0) return null
  return (
    <div className="stack">
      <h3>{t('board.mailboxes')}</h3>
      {mailboxes.isPart && (
        <Notice tone="warn">
          <strong>{t('board.mailboxesPart', { count: mailboxes.failing })}</strong>
        </Notice>
      )}
      <p className="muted">{t('board.mailboxesMeans')}</p>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t('board.mailboxWho')}</th>
            <th scope="col">{t('admin.since')}</th>
            <th scope="col">{t('board.evidenceText')}</th>
          </tr>
        </thead>
        <tbody>
          {mailboxes.people.map((one) => (
            <tr key={one.personId}>
              <td data-name={t('board.mailboxWho')}>{one.name}</td>
              <td data-name={t('admin.since')}>
                <span>
                  <TimeText at={one.since} form="clock" />
                  {one.nextTryAt && (
                    <>
                      , {t('board.mailboxNext')} <TimeText at={one.nextTryAt} form="clock" />
                    </>
                  )}
                </span>
              </td>
              <td data-name={t('board.evidenceText')} className="mono">
                {one.lastText}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
