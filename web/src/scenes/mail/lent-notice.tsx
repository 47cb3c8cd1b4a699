/**
 * In somebody else's mailbox: whose it is, why it is open, until when, and a way to close it. In one's own: who reads it now.
 */
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import { openMailbox, type MailAccount } from '../../data/jmap/accounts.ts'
import { ownMailboxAccessQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { TimeText } from '../../ui/time-text.tsx'

/** The access by which this mailbox is open to who is signed in; undefined: it is their own, or shared. */
export const useLent = (id: string | undefined) =>
  useQuery(ownMailboxAccessQuery).data?.lent.find(({ mailboxId }) => mailboxId === id)

export function LentNotice({ mailbox }: { mailbox: Pick<MailAccount, 'id' | 'name'> }) {
  const { t } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const lent = useLent(mailbox.id)
  const [busy, setBusy] = useState(false)
  if (!lent) return null
  async function end() {
    setBusy(true)
    try {
      const org = encodeURIComponent(account?.organisation?.id ?? '')
      await api('POST', `/organisations/${org}/mailbox-access/${encodeURIComponent(lent!.id)}/end`)
      openMailbox({ id: '', isPersonal: true })
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
      setBusy(false)
    }
  }
  return (
    <Notice tone="warn">
      <strong>{t('access.reading', { name: lent.name })}</strong> {t('access.because', { reason: lent.reason })}{' '}
      {t('access.until')} <TimeText at={lent.until} form="clock" />. {t('access.written', { name: lent.name })}
      <div>
        <Button variant="default" size="compact-sm" loading={busy} onClick={() => void end()}>
          {t('access.end')}
        </Button>
      </div>
    </Notice>
  )
}

/** Of one's own mailbox. */
export function OpenToOthers() {
  const { t } = useTranslation()
  const open = (useQuery(ownMailboxAccessQuery).data?.mine ?? []).filter(
    ({ state, purpose }) => state === 'open' && purpose === 'read',
  )
  if (open.length === 0) return null
  return (
    <Notice tone="warn">
      {open.map((one) => (
        <div key={one.id}>
          {t('access.openTo', { name: one.askerName })} {t('access.because', { reason: one.reason })}{' '}
          {t('access.until')} <TimeText at={one.expiresAt} form="clock" />
        </div>
      ))}
    </Notice>
  )
}
