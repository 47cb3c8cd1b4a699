/** Which mailbox is shown: the own one, or one that is shared. Nothing is to be seen of it while there is only one. */
import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { openMailbox, type MailAccount } from '../../data/jmap/accounts.ts'
import { accountsQuery, ownMailboxAccessQuery } from '../../data/queries.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { LentNotice, OpenToOthers, useLent } from './lent-notice.tsx'

/** The one that is shown; undefined while that is not known. */
export const useCurrentMailbox = (): MailAccount | undefined =>
  useQuery(accountsQuery).data?.find(({ isCurrent }) => isCurrent)

/** Whether something may not be done in this mailbox; then it says so. */
export function useMayNot(): (what: 'change' | 'send') => boolean {
  const { t } = useTranslation()
  const mailbox = useCurrentMailbox()
  return (what) => {
    const may = mailbox === undefined || (what === 'change' ? !mailbox.isReadOnly : mailbox.maySend)
    if (!may) toasts.add(t(what === 'change' ? 'shared.readOnly' : 'shared.noSend'))
    return !may
  }
}

export function MailboxSwitch() {
  const { t } = useTranslation()
  const all = useQuery(accountsQuery).data ?? []
  const lent = useQuery(ownMailboxAccessQuery).data?.lent ?? []
  if (all.length < 2) return null
  return (
    <NativeSelect
      label={t('shared.mailbox')}
      className="mailbox-switch"
      value={all.find(({ isCurrent }) => isCurrent)?.id}
      onChange={(event) => {
        const chosen = all.find(({ id }) => id === event.currentTarget.value)
        if (chosen) openMailbox(chosen)
      }}
      data={all.map(({ id, name, isPersonal }) => ({
        value: id,
        label: isPersonal
          ? t('shared.own', { name })
          : lent.some(({ mailboxId }) => mailboxId === id)
            ? t('access.lent', { name })
            : name,
      }))}
    />
  )
}

/** Whose mail this is, and what may be done with it. */
export function SharedNotice() {
  const { t } = useTranslation()
  const current = useCurrentMailbox()
  const lent = useLent(current?.id)
  if (!current) return null
  if (current.isPersonal) return <OpenToOthers />
  if (lent) return <LentNotice mailbox={current} />
  const what = current.isReadOnly ? 'shared.readOnly' : current.maySend ? 'shared.writes' : 'shared.noSend'
  return (
    <Notice tone="plain">
      {t('shared.shown', { name: current.name })} {t(what)}
    </Notice>
  )
}
