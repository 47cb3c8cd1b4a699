/** The middle pane: title or bulk bar in its place, search, the list with its five states. */
import { ActionIcon, Button, SegmentedControl, Skeleton, TextInput, Tooltip } from '@mantine/core'
import { IconPencil, IconSearch, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { RefObject } from 'react'
import { useTranslation } from 'react-i18next'
import type { EmailRow, Mailbox } from '../../data/jmap/types.ts'
import { standingQuery } from '../../data/queries.ts'
import type { MailSearch } from '../../lib/mail-search.ts'
import { Notice } from '../../ui/notice.tsx'
import { EmptyState, ErrorState, NotFoundState } from '../../ui/states.tsx'
import { folderName } from './folders.tsx'
import { MailList } from './list.tsx'
import { Tools } from './tools.tsx'
import type { MailActions } from './tools.tsx'
import type { useMailList } from './use-mail-list.ts'

export interface ListPaneProps {
  list: ReturnType<typeof useMailList>
  folder: Mailbox | undefined
  folders: Mailbox[]
  search: MailSearch
  searchField: RefObject<HTMLInputElement | null>
  find: (text: string) => void
  scope: (everywhere: boolean) => void
  cursor: string | null
  open: string | null
  selected: ReadonlySet<string>
  select: (ids: string[]) => void
  choose: (row: EmailRow) => void
  point: (id: string) => void
  toggle: (id: string) => void
  actions: MailActions
}

export function ListPane(props: ListPaneProps) {
  const { list, folder, folders, search, selected, actions } = props
  const { t } = useTranslation()
  const { data: standing } = useQuery(standingQuery)
  const [text, setText] = useState(search.q ?? '')
  useEffect(() => setText((before) => (before.trim() === (search.q ?? '') ? before : (search.q ?? ''))), [search.q])
  const name = folderName(t, folder)
  const chosen = list.rows.filter(({ id }) => selected.has(id))
  const everywhere = Boolean(search.q && search.all)
  return (
    <>
      <div className="mail-bar" role="toolbar" aria-label={name}>
        {selected.size > 0 ? (
          <>
            <ActionIcon aria-label={t('mail.clearSelection')} onClick={() => props.select([])}>
              <IconX size={20} />
            </ActionIcon>
            <strong className="grow" role="status">
              {t('mail.selected', { count: selected.size })}
            </strong>
            <Tools
              actions={actions}
              folder={folder}
              folders={folders}
              seen={chosen.every(({ keywords }) => keywords['$seen'])}
              flagged={chosen.some(({ keywords }) => keywords['$flagged'])}
            />
          </>
        ) : (
          <>
            <h1 className="grow cut">{everywhere ? t('folder.all') : name}</h1>
            <Tooltip label={`${t('mail.write')} (c)`}>
              <ActionIcon
                className="only-narrow"
                variant="filled"
                color="blue"
                aria-label={t('mail.write')}
                onClick={actions.write}
              >
                <IconPencil size={20} />
              </ActionIcon>
            </Tooltip>
          </>
        )}
      </div>
      <search className="mail-search">
        <TextInput
          ref={props.searchField}
          type="search"
          placeholder={t('mail.search')}
          aria-label={everywhere ? t('mail.searchAll') : t('mail.searchIn', { folder: name })}
          leftSection={<IconSearch size={18} />}
          rightSectionWidth={44}
          rightSection={
            text ? (
              <ActionIcon
                aria-label={t('mail.searchClear')}
                onClick={() => {
                  setText('')
                  props.find('')
                }}
              >
                <IconX size={18} />
              </ActionIcon>
            ) : null
          }
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value)
            props.find(event.currentTarget.value)
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur()
            if (event.key === 'Enter' || event.key === 'ArrowDown') {
              event.currentTarget.blur()
              if (list.rows[0]) props.point(list.rows[0].id)
            }
          }}
        />
        {search.q && (
          <div className="line">
            <SegmentedControl
              aria-label={t('mail.search')}
              size="sm"
              value={search.all ? 'all' : 'this'}
              onChange={(value) => props.scope(value === 'all')}
              data={[
                { value: 'this', label: t('mail.inThis') },
                { value: 'all', label: t('mail.inAll') },
              ]}
            />
            <span className="muted small" role="status">
              {list.isSuccess && t('mail.results', { count: list.total })}
            </span>
          </div>
        )}
      </search>
      {folder?.role === 'trash' &&
        standing &&
        standing.mode !== 'normal' &&
        standing.deletedButOwed === 0 &&
        !search.q && (
          <div style={{ padding: 'var(--space-2) var(--space-3)' }}>
            <Notice tone="plain">{t('mail.trashOwed')}</Notice>
          </div>
        )}
      {folder?.role === 'sent' && standing && standing.sentHere > 0 && !search.q && (
        <div style={{ padding: 'var(--space-2) var(--space-3)' }}>
          <Notice tone="plain">{t('banner.sentHere', { count: standing.sentHere })}</Notice>
        </div>
      )}
      <Rows {...props} everywhere={everywhere} />
      {list.rows.length > 0 && !search.q && <div className="mail-foot">{t('mail.count', { count: list.total })}</div>}
    </>
  )
}

function Rows({ everywhere, ...props }: ListPaneProps & { everywhere: boolean }) {
  const { list, folder, folders, search } = props
  const { t } = useTranslation()
  if (list.isPending)
    return (
      <div role="status" aria-label={t('app.loading')} style={{ padding: 'var(--space-3)' }} className="stack">
        {Array.from({ length: 7 }, (_, at) => (
          <Skeleton key={at} height={64} />
        ))}
      </div>
    )
  if (list.error && list.rows.length === 0) return <ErrorState error={list.error} retry={() => void list.refetch()} />
  if (list.rows.length === 0) {
    if (!folder && folders.length) return <NotFoundState />
    return (
      <EmptyState>
        {search.q ? (
          <>
            <p>{t('mail.emptySearch', { text: search.q })}</p>
            {!search.all && (
              <Button variant="default" onClick={() => props.scope(true)}>
                {t('mail.searchAll')}
              </Button>
            )}
          </>
        ) : (
          <p>{folder?.role === 'inbox' ? t('mail.emptyInbox') : t('mail.emptyFolder')}</p>
        )}
      </EmptyState>
    )
  }
  return (
    <MailList
      rows={list.rows}
      total={list.total}
      label={t('mail.list', { folder: everywhere ? t('folder.all') : folderName(t, folder) })}
      cursor={props.cursor}
      open={props.open}
      selected={props.selected}
      folders={everywhere ? folders : null}
      outgoing={folder?.role === 'sent' || folder?.role === 'drafts'}
      choose={props.choose}
      point={props.point}
      toggle={props.toggle}
      more={() => {
        if (list.hasNextPage && !list.isFetching) void list.fetchNextPage()
      }}
    />
  )
}
