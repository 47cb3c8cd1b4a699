/** Loads what a new message starts from (the answered message, the draft, the identities), then shows the writer. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { startDraft, type Draft } from '../../actions/draft.ts'
import { adoptAbandoned, localCopy, windowName } from '../../actions/local-copy.ts'
import type { Mailbox } from '../../data/jmap/types.ts'
import { accountsQuery, emailQuery, identitiesQuery, laterQuery, sessionQuery } from '../../data/queries.ts'
import type { ComposeKind } from '../../lib/mail-search.ts'
import { EmptyState, ErrorState, LoadingState } from '../../ui/states.tsx'
import { Waits } from './later.tsx'
import { Writer } from './writer.tsx'

/** Ids are of one mailbox: what is kept of a message says of which; '' of the own one, undefined while that is not known. */
function useBox(): string | undefined {
  const current = useQuery(accountsQuery).data?.find(({ isCurrent }) => isCurrent)
  return current?.isPersonal === false ? current.id : current && ''
}

/** What is written to whom the address book named. */
const addressed = (draft: Draft, to: string | undefined): Draft =>
  to === undefined ? draft : { ...draft, to: `${to}, ` }

export function Compose({
  kind,
  about,
  to,
  folders,
  close,
  reopen,
}: {
  kind: ComposeKind
  about: string | null
  /** of a new one */
  to: string | undefined
  folders: Mailbox[]
  close: () => void
  reopen: () => void
}) {
  const { t, i18n } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const needs = kind !== 'new' && about !== null
  const mail = useQuery({ ...emailQuery(about ?? ''), enabled: needs })
  const identities = useQuery(identitiesQuery)
  const later = useQuery({ ...laterQuery, enabled: kind === 'draft' })
  const waits = kind === 'draft' ? later.data?.find(({ emailId }) => emailId === about) : undefined
  const box = useBox()
  const drafts = folders.find(({ role }) => role === 'drafts')
  const sent = folders.find(({ role }) => role === 'sent')
  // To somebody of the address book: another message than the one that is perhaps being written.
  const written = [box, kind, about ?? to, ''].join('.')
  const place = written + windowName()
  const ready = box !== undefined && identities.data && drafts && sent && account && (!needs || mail.data !== undefined)
  const start = useMemo(() => {
    if (!ready) return null
    const kept = localCopy(account.id, place).read() ?? adoptAbandoned(account.id, written, place)
    if (kept) return { draft: kept, restored: true }
    if (needs && !mail.data) return null
    const draft = startDraft(t, i18n.language, kind, mail.data ?? null, identities.data)
    return { draft: addressed(draft, to), restored: false }
    // The start is taken once: renewed queries must not overwrite what is being written.
  }, [Boolean(ready), place])
  const error = identities.error ?? mail.error
  if (waits) return <Waits mail={waits} close={close} />
  if (kind === 'draft' && later.isPending) return <LoadingState />
  if (!start || !account || !drafts || !sent) {
    if (error)
      return <ErrorState error={error} retry={() => void Promise.all([identities.refetch(), mail.refetch()])} />
    return ready ? <EmptyState>{t('mail.gone')}</EmptyState> : <LoadingState />
  }
  return (
    <Writer
      first={start.draft}
      restored={start.restored}
      kind={kind}
      account={account.id}
      place={place}
      identities={identities.data ?? []}
      folders={{ drafts: drafts.id, sent: sent.id }}
      close={close}
      reopen={reopen}
    />
  )
}
