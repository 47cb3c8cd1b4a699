/**
 * The mail page: folders, list, reader or writer. The address carries what is seen (folder, search, message), so that
 * back, reload and a second window work. All keys are here; what they do is in actions/.
 */
import './mail.css'
import { ActionIcon, Button, Drawer, Modal } from '@mantine/core'
import { useDebouncedCallback, useMediaQuery } from '@mantine/hooks'
import { IconMenu2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useKeys } from '../../actions/keys.ts'
import { changeMail, deleteForEver, lookAgain } from '../../actions/mail.ts'
import type { FolderRole } from '../../data/jmap/types.ts'
import { watchMail } from '../../data/jmap/push.ts'
import { mailboxesQuery, standingQuery } from '../../data/queries.ts'
import { toasts } from '../../lib/undo.ts'
import type { MailSearch } from '../../lib/mail-search.ts'
import { DeletedOwed } from '../../ui/deleted-owed.tsx'
import { ModeBanner } from '../../ui/mode-banner.tsx'
import { ErrorState } from '../../ui/states.tsx'
import { Shell } from '../shell.tsx'
import { Compose } from './compose.tsx'
import { folderName, Folders } from './folders.tsx'
import { KeysHelp } from './keys-help.tsx'
import { LaterList } from './later.tsx'
import { ListPane } from './list-pane.tsx'
import { SharedNotice, useMayNot } from './mailbox-switch.tsx'
import { Reader } from './reader.tsx'
import type { MailActions } from './tools.tsx'
import { useMailList } from './use-mail-list.ts'

const here = getRouteApi('/signed/mail/$folder')

export function MailScene() {
  const { t } = useTranslation()
  const { folder } = here.useParams()
  const search = here.useSearch()
  const navigate = useNavigate()
  const folders = useQuery(mailboxesQuery)
  const standing = useQuery(standingQuery).data
  // Deleted before it went home, a message is not handed over any more: that must be said where it can still be undone.
  const mayNot = useMayNot()
  const waits = standing !== undefined && standing.mode !== 'normal' && standing.waitingHere > 0
  const wide = useMediaQuery('(min-width: 48em)', true)
  const all = useMemo(() => folders.data ?? [], [folders.data])
  const role = useCallback((name: FolderRole) => all.find((each) => each.role === name), [all])
  const current = all.find(({ id }) => id === folder)

  const list = useMailList({
    folder: search.q && search.all ? null : folder,
    text: search.q ?? '',
    ...(search.q && search.all
      ? { without: [role('trash')?.id, role('junk')?.id].filter((id) => id !== undefined) }
      : {}),
  })
  const { rows } = list
  const [cursor, setCursor] = useState<string | null>(null)
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [drawer, setDrawer] = useState(false)
  const [help, setHelp] = useState(false)
  const [forEver, setForEver] = useState<string[]>([])
  const searchField = useRef<HTMLInputElement>(null)

  useEffect(() => watchMail(() => void lookAgain()), [])
  useEffect(() => setSelected(new Set()), [folder, search.q, search.all])
  useEffect(() => {
    document.title = current
      ? `${folderName(t, current)}${current.unreadEmails ? ` (${current.unreadEmails})` : ''} · Holdfast`
      : 'Holdfast'
  }, [current, t])

  const go = useCallback(
    (change: MailSearch, replace = false) =>
      void navigate({ to: '/mail/$folder', params: { folder }, search: change, replace }),
    [navigate, folder],
  )
  const base: MailSearch = { ...(search.q ? { q: search.q } : {}), ...(search.all ? { all: true } : {}) }
  const open = (id: string, replace = false) => {
    setCursor(id)
    const row = rows.find((each) => each.id === id)
    go({ ...base, id, ...(row?.keywords['$draft'] ? { compose: 'draft' as const } : {}) }, replace)
  }
  const back = () => go(base)
  const write = () => {
    if (!mayNot('send')) go({ ...base, compose: 'new' })
  }
  const find = useDebouncedCallback(
    (q: string) => go({ ...(q.trim() ? { q: q.trim() } : {}), ...(search.all ? { all: true } : {}) }, true),
    300,
  )

  const openId = search.id ?? null
  const pointed = cursor ?? openId
  const at = rows.findIndex(({ id }) => id === pointed)
  const step = (by: number) => {
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))]
    if (!next) return
    if (openId && !search.compose) open(next.id, true)
    else setCursor(next.id)
  }
  /** What an action is about: the selection, else the open message, else the row with the cursor. */
  const targets = (): string[] => (selected.size ? [...selected] : openId ? [openId] : pointed ? [pointed] : [])
  const toggle = (id: string) => {
    setCursor(id)
    setSelected((before) => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  }
  /** After messages left the list: the next one on a desk, the list in the hand. */
  const leave = (ids: string[]) => {
    const next =
      rows.slice(Math.max(0, at)).find(({ id }) => !ids.includes(id)) ??
      rows.slice(0, Math.max(0, at)).findLast(({ id }) => !ids.includes(id))
    setSelected(new Set())
    setCursor(next?.id ?? null)
    if (openId && ids.includes(openId)) {
      if (wide && next && !next.keywords['$draft']) go({ ...base, id: next.id }, true)
      else go(base, true)
    }
  }
  const moveTo = (id: string, ids = targets()) => {
    const target = all.find((each) => each.id === id)
    if (!target || ids.length === 0 || mayNot('change')) return
    leave(ids)
    // Many at once stay owed until the person says otherwise (ui/deleted-owed.tsx).
    const mayBeOwed = waits && ids.length <= 20 && current?.role !== 'sent' && current?.role !== 'drafts'
    void changeMail(
      t,
      ids,
      { folder: id },
      target.role === 'trash'
        ? t(mayBeOwed ? 'mail.deletedOwed' : 'mail.deleted', { count: ids.length })
        : t('mail.moved', { count: ids.length, folder: folderName(t, target) }),
    )
  }
  const toRole = (name: FolderRole) => {
    const target = role(name)
    if (target && target.id !== folder) moveTo(target.id)
  }
  const mark = (keyword: '$seen' | '$flagged') => {
    const ids = targets()
    if (!ids.length || mayNot('change')) return
    const on =
      keyword === '$seen'
        ? rows.some((row) => ids.includes(row.id) && !row.keywords['$seen'])
        : !rows.some((row) => ids.includes(row.id) && row.keywords['$flagged'])
    const said =
      keyword === '$seen' ? (on ? 'mail.markedRead' : 'mail.markedUnread') : on ? 'mail.starred' : 'mail.unstarred'
    if (keyword === '$seen' && !on && openId && ids.includes(openId)) go(base, true)
    setSelected(new Set())
    void changeMail(t, ids, { keywords: { [keyword]: on } }, t(said, { count: ids.length }))
  }
  const actions: MailActions = {
    archive: current?.role === 'archive' ? null : () => toRole('archive'),
    remove: () => (current?.role !== 'trash' ? toRole('trash') : mayNot('change') ? undefined : setForEver(targets())),
    moveTo,
    toggleSeen: () => mark('$seen'),
    toggleFlag: () => mark('$flagged'),
    reply: (kind) => {
      const id = openId ?? pointed
      if (id && !mayNot('send')) go({ ...base, id, compose: kind })
    },
    write,
    back,
  }
  useKeys({
    'j': () => step(1),
    'k': () => step(-1),
    'o': () => pointed && open(pointed),
    'Enter': (event) => {
      if (event.target instanceof Element && event.target.closest('a, button')) return
      if (pointed) open(pointed)
    },
    'u': back,
    'Escape': () => (selected.size ? setSelected(new Set()) : openId || search.compose ? back() : undefined),
    'x': () => pointed && toggle(pointed),
    'e': () => actions.archive?.(),
    '#': actions.remove,
    'Delete': actions.remove,
    'U': actions.toggleSeen,
    's': actions.toggleFlag,
    'r': () => actions.reply('reply'),
    'a': () => actions.reply('replyAll'),
    'f': () => actions.reply('forward'),
    'c': write,
    'z': () => void toasts.undo(),
    '?': () => setHelp(true),
    '/': () => searchField.current?.focus(),
  })

  const reading = openId !== null || search.compose !== undefined
  const side = (chosen?: () => void) => (
    <Folders
      folders={all}
      current={folder}
      write={() => {
        write()
        chosen?.()
      }}
      {...(chosen ? { chosen } : {})}
    />
  )
  return (
    <Shell
      start={
        <ActionIcon className="only-narrow" aria-label={t('folder.title')} onClick={() => setDrawer(true)}>
          <IconMenu2 />
        </ActionIcon>
      }
    >
      <ModeBanner />
      <DeletedOwed />
      <SharedNotice />
      <main id="content" tabIndex={-1} className={reading ? 'mail reading' : 'mail'}>
        <div className="mail-folders">{side()}</div>
        <section className="mail-list-pane" aria-label={t('mail.list', { folder: folderName(t, current) })}>
          {folders.error && !folders.data ? (
            <ErrorState error={folders.error} retry={() => void folders.refetch()} />
          ) : (
            <ListPane
              list={list}
              folder={current}
              folders={all}
              search={search}
              searchField={searchField}
              find={find}
              scope={(everywhere) =>
                go({ ...(search.q ? { q: search.q } : {}), ...(everywhere ? { all: true } : {}) }, true)
              }
              cursor={pointed}
              open={openId}
              selected={selected}
              select={(ids) => setSelected(new Set(ids))}
              choose={(row) => open(row.id)}
              point={setCursor}
              toggle={toggle}
              actions={actions}
            />
          )}
        </section>
        <section className="mail-reader-pane" aria-label={search.compose ? t('mail.write') : t('mail.reader')}>
          {search.compose ? (
            <Compose
              key={[search.compose, openId, search.to].join(' ')}
              kind={search.compose}
              about={openId}
              to={search.to}
              folders={all}
              close={() => go({ ...base, ...(openId && search.compose !== 'draft' ? { id: openId } : {}) }, true)}
              reopen={() => go(search)}
            />
          ) : (
            <Reader id={openId} folder={current} folders={all} actions={actions} />
          )}
        </section>
      </main>
      <Drawer
        opened={drawer}
        onClose={() => setDrawer(false)}
        title={t('folder.title')}
        size={280}
        lockScroll={false}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        {side(() => setDrawer(false))}
      </Drawer>
      <KeysHelp opened={help} close={() => setHelp(false)} />
      <LaterList
        opened={search.later === true}
        close={() => go(base, true)}
        open={(id) =>
          void navigate({
            to: '/mail/$folder',
            params: { folder: role('drafts')?.id ?? folder },
            search: { id, compose: 'draft' },
          })
        }
      />
      <Modal
        opened={forEver.length > 0}
        onClose={() => setForEver([])}
        title={t('mail.foreverTitle', { count: forEver.length })}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <div className="stack">
          <p>
            {t('mail.foreverText', {
              subject: rows.find(({ id }) => id === forEver[0])?.subject || t('mail.noSubject'),
            })}
          </p>
          <div className="line">
            <Button
              color="red"
              onClick={() => {
                leave(forEver)
                void deleteForEver(t, forEver)
                setForEver([])
              }}
            >
              {t('mail.deleteForever')}
            </Button>
            <Button variant="default" data-autofocus onClick={() => setForEver([])}>
              {t('app.cancel')}
            </Button>
          </div>
        </div>
      </Modal>
    </Shell>
  )
}
