/** The folders with their counts; the same list in the left pane and in the phone's drawer. */
import { Button } from '@mantine/core'
import {
  IconArchive,
  IconBan,
  IconClock,
  IconFolder,
  IconInbox,
  IconPencil,
  IconSend,
  IconTrash,
  IconNotes,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { FolderRole, Mailbox } from '../../data/jmap/types.ts'
import { laterQuery } from '../../data/queries.ts'
import { number } from '../../lib/format.ts'
import { sentence } from '../../lib/sentence.ts'
import { MailboxSwitch, useCurrentMailbox } from './mailbox-switch.tsx'

const icons: Record<FolderRole, typeof IconInbox> = {
  inbox: IconInbox,
  drafts: IconNotes,
  sent: IconSend,
  archive: IconArchive,
  junk: IconBan,
  trash: IconTrash,
}
const order: (FolderRole | null)[] = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash', null]

export const folderName = (t: TFunction, folder: Mailbox | undefined): string =>
  folder ? (folder.role ? sentence(t, 'folder', folder.role) : folder.name) : ''
export const sortFolders = (folders: Mailbox[]): Mailbox[] =>
  [...folders].sort(
    (a, b) =>
      order.indexOf(a.role) - order.indexOf(b.role) || a.sortOrder - b.sortOrder || a.name.localeCompare(b.name),
  )

export function Folders({
  folders,
  current,
  write,
  chosen,
}: {
  folders: Mailbox[]
  current: string
  write: () => void
  chosen?: () => void
}) {
  const { t, i18n } = useTranslation()
  const mailbox = useCurrentMailbox()
  const waiting = useQuery(laterQuery).data?.length ?? 0
  return (
    <div className="mail-folders-in">
      <MailboxSwitch />
      {mailbox?.maySend !== false && (
        <Button leftSection={<IconPencil size={18} />} onClick={write} fullWidth>
          {t('mail.write')}
        </Button>
      )}
      <nav aria-label={t('folder.title')}>
        <ul>
          {sortFolders(folders).map((folder) => {
            const Icon = folder.role ? icons[folder.role] : IconFolder
            const figure = folder.role === 'drafts' ? folder.totalEmails : folder.unreadEmails
            return (
              <li key={folder.id}>
                <Link
                  to="/mail/$folder"
                  params={{ folder: folder.id }}
                  search={{}}
                  className={folder.id === current ? 'mail-folder active' : 'mail-folder'}
                  aria-current={folder.id === current ? 'page' : undefined}
                  {...(chosen ? { onClick: chosen } : {})}
                >
                  <Icon size={18} aria-hidden="true" />
                  <span className="grow">{folderName(t, folder)}</span>
                  {figure > 0 && (
                    <span className="mail-figure num">
                      <span aria-hidden="true">{number(figure, i18n.language)}</span>
                      <span className="hidden">
                        {folder.role === 'drafts'
                          ? t('mail.count', { count: figure })
                          : t('folder.unread', { count: figure })}
                      </span>
                    </span>
                  )}
                </Link>
              </li>
            )
          })}
          {waiting > 0 && (
            <li>
              <Link
                to="/mail/$folder"
                params={{ folder: current }}
                search={{ later: true }}
                className="mail-folder"
                {...(chosen ? { onClick: chosen } : {})}
              >
                <IconClock size={18} aria-hidden="true" />
                <span className="grow">{t('later.list')}</span>
                <span className="mail-figure num">
                  <span aria-hidden="true">{number(waiting, i18n.language)}</span>
                  <span className="hidden">{t('mail.count', { count: waiting })}</span>
                </span>
              </Link>
            </li>
          )}
        </ul>
      </nav>
    </div>
  )
}
