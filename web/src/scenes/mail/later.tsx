/** What waits to be sent: seen, opened, and taken back, as a list and in place of the draft's writer. */
import { ActionIcon, Button, Modal } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { lookAgain } from '../../actions/mail.ts'
import { cancelLater, type LaterMail } from '../../data/jmap/later.ts'
import { laterQuery } from '../../data/queries.ts'
import { fullTime } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'

/** Takes it back; false: it has left, and that is said. */
function useCancel() {
  const { t } = useTranslation()
  const [busy, setBusy] = useState<string | null>(null)
  const cancel = async (mail: LaterMail): Promise<boolean> => {
    setBusy(mail.id)
    try {
      await cancelLater(mail.id)
      toasts.add(t('later.canceled'), { tone: 'good' })
      return true
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
      return false
    } finally {
      await lookAgain()
      setBusy(null)
    }
  }
  return { busy, cancel }
}

export function LaterList({
  opened,
  close,
  open,
}: {
  opened: boolean
  close: () => void
  open: (emailId: string) => void
}) {
  const { t } = useTranslation()
  const later = useQuery({ ...laterQuery, enabled: opened })
  const { busy, cancel } = useCancel()
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={t('later.list')}
      size="lg"
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {later.data ? (
        later.data.length === 0 ? (
          <p className="later">{t('later.empty')}</p>
        ) : (
          <ul className="later">
            {later.data.map((mail) => (
              <li key={mail.id}>
                <div className="grow">
                  <button type="button" className="link" onClick={() => open(mail.emailId)}>
                    {mail.subject || t('mail.noSubject')}
                  </button>
                  <div className="muted small cut">{t('mail.to', { names: mail.to.join(', ') || '–' })}</div>
                  <div className="small">
                    {t('later.when')} <TimeText at={mail.sendAt} form="clock" />
                  </div>
                </div>
                <Button
                  variant="default"
                  loading={busy === mail.id}
                  aria-label={t('later.cancelOf', { subject: mail.subject || t('mail.noSubject') })}
                  onClick={() => void cancel(mail)}
                >
                  {t('later.cancel')}
                </Button>
              </li>
            ))}
          </ul>
        )
      ) : later.error ? (
        <ErrorState error={later.error} retry={() => void later.refetch()} />
      ) : (
        <LoadingState />
      )}
    </Modal>
  )
}

/** In place of the writer: what waits is not changed under way. */
export function Waits({ mail, close }: { mail: LaterMail; close: () => void }) {
  const { t, i18n } = useTranslation()
  const { busy, cancel } = useCancel()
  return (
    <div className="compose">
      <div className="mail-tools">
        <ActionIcon aria-label={t('app.back')} onClick={close}>
          <IconArrowLeft size={22} />
        </ActionIcon>
        <h2 className="grow cut">{mail.subject || t('mail.noSubject')}</h2>
      </div>
      <div className="compose-body stack">
        <Notice tone="plain">{t('later.waits', { time: fullTime(mail.sendAt, i18n.language) })}</Notice>
        <p className="muted">{t('mail.to', { names: mail.to.join(', ') || '–' })}</p>
        <div className="line">
          {/* Taken back, it is a draft again, and the writer comes in place of this. */}
          <Button loading={busy !== null} data-autofocus onClick={() => void cancel(mail)}>
            {t('later.cancelEdit')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.back')}
          </Button>
        </div>
      </div>
    </div>
  )
}
