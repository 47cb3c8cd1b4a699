/** The buttons that act on messages: the same for the open message and for a selection. */
import { ActionIcon, Menu, Tooltip } from '@mantine/core'
import { IconArchive, IconDots, IconMail, IconMailOpened, IconStar, IconTrash } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Mailbox } from '../../data/jmap/types.ts'
import type { ReplyKind } from '../../lib/reply.ts'
import { folderName, sortFolders } from './folders.tsx'

export interface MailActions {
  archive: (() => void) | null
  remove: () => void
  moveTo: (folder: string) => void
  toggleSeen: () => void
  toggleFlag: () => void
  reply: (kind: ReplyKind) => void
  write: () => void
  back: () => void
}

export function Tools({
  actions,
  folder,
  folders,
  seen,
  flagged,
}: {
  actions: MailActions
  folder: Mailbox | undefined
  folders: Mailbox[]
  seen: boolean
  flagged: boolean
}) {
  const { t } = useTranslation()
  const remove = folder?.role === 'trash' ? t('mail.deleteForever') : t('mail.delete')
  return (
    <>
      {actions.archive && (
        <Tooltip label={`${t('mail.archive')} (e)`}>
          <ActionIcon aria-label={t('mail.archive')} aria-keyshortcuts="e" onClick={actions.archive}>
            <IconArchive size={20} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label={`${remove} (#)`}>
        <ActionIcon aria-label={remove} aria-keyshortcuts="#" onClick={actions.remove}>
          <IconTrash size={20} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={seen ? t('mail.markUnread') : t('mail.markRead')}>
        <ActionIcon aria-label={seen ? t('mail.markUnread') : t('mail.markRead')} onClick={actions.toggleSeen}>
          {seen ? <IconMail size={20} /> : <IconMailOpened size={20} />}
        </ActionIcon>
      </Tooltip>
      <Menu>
        <Menu.Target>
          <ActionIcon aria-label={t('mail.moreActions')}>
            <IconDots size={20} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown mah="70vh" style={{ overflowY: 'auto' }}>
          <Menu.Item leftSection={<IconStar size={18} />} onClick={actions.toggleFlag}>
            {flagged ? t('mail.unflag') : t('mail.flag')}
          </Menu.Item>
          <Menu.Label>{t('mail.move')}</Menu.Label>
          {sortFolders(folders)
            .filter(({ id, role }) => id !== folder?.id && role !== 'drafts' && role !== 'sent')
            .map((each) => (
              <Menu.Item key={each.id} onClick={() => actions.moveTo(each.id)}>
                {folderName(t, each)}
              </Menu.Item>
            ))}
        </Menu.Dropdown>
      </Menu>
    </>
  )
}
