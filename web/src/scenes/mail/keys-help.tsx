/** All keys of the mail page. */
import { Modal } from '@mantine/core'
import { useTranslation } from 'react-i18next'

const keys = [
  ['j', 'next'],
  ['k', 'previous'],
  ['Enter', 'open'],
  ['u', 'back'],
  ['x', 'select'],
  ['e', 'archive'],
  ['#', 'delete'],
  ['U', 'unread'],
  ['s', 'flag'],
  ['r', 'reply'],
  ['a', 'replyAll'],
  ['f', 'forward'],
  ['c', 'write'],
  ['/', 'search'],
  ['z', 'undo'],
  ['?', 'help'],
  ['Ctrl + Enter', 'send'],
  ['Ctrl + Shift + Enter', 'sendLater'],
] as const

export function KeysHelp({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened={opened} onClose={close} title={t('keys.title')} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <dl className="keys">
        {keys.map(([key, name]) => (
          <div key={key} style={{ display: 'contents' }}>
            <dt>{key}</dt>
            <dd>{t(`keys.${name}`)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
