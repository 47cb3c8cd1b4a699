/**
 * Writing: plain text or simple formatting, files by button or drop with progress, draft kept by itself, the forgotten
 * attachment asked about, Ctrl+Enter sends, discarding can be taken back.
 */
import { ActionIcon, Button, Menu, Modal, NativeSelect, TextInput, Tooltip } from '@mantine/core'
import { IconArrowLeft, IconDots, IconPaperclip, IconSend, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Draft } from '../../actions/draft.ts'
import { localCopy } from '../../actions/local-copy.ts'
import { lookAgain } from '../../actions/mail.ts'
import type { Held } from '../../actions/send.ts'
import { cancelLater } from '../../data/jmap/later.ts'
import type { Identity } from '../../data/jmap/types.ts'
import { standingQuery } from '../../data/queries.ts'
import { parseAddresses } from '../../lib/address.ts'
import { clockTime } from '../../lib/format.ts'
import { UNDO_SECONDS } from '../../lib/later.ts'
import { speaksOfAttachment } from '../../lib/reply.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import type { ComposeKind } from '../../lib/mail-search.ts'
import { Notice } from '../../ui/notice.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { AddressField } from './address-field.tsx'
import { asHtml, RichText } from './rich-text.tsx'
import { htmlToText } from '../../lib/html-mail.ts'
import { LaterButton, SendLater, useMostHold } from './send-later.tsx'
import { useDraft } from './use-draft.ts'
import { UploadList, useUploads } from './uploads.tsx'

interface WriterProps {
  first: Draft
  restored: boolean
  kind: ComposeKind
  account: string
  place: string
  identities: Identity[]
  folders: { drafts: string; sent: string }
  close: () => void
  /** opens this writer again, after a discard was taken back */
  reopen: () => void
}

export function Writer({ first, restored, kind, account, place, identities, folders, close, reopen }: WriterProps) {
  const { t, i18n } = useTranslation()
  const { draft, change, saving, savedAt, send, discard, leave, leftAfterAll, mayHaveLeft } = useDraft({
    first,
    restored,
    account,
    place,
    identities,
    folders,
    told: (error) => setFault({ field: 'all', text: errorText(t, error) }),
  })
  const { data: standing } = useQuery(standingQuery)
  const mostHold = useMostHold()
  const files = useRef(draft.files)
  files.current = draft.files
  const uploads = useUploads((file) => change({ files: [...files.current, file] }))
  const [copies, setCopies] = useState(Boolean(draft.cc || draft.bcc))
  const [fault, setFault] = useState<{ field: 'to' | 'cc' | 'bcc' | 'all'; text: string } | null>(null)
  const [ask, setAsk] = useState<{ what: 'attachment' | 'subject'; word: string; until: string | null } | null>(null)
  const [later, setLater] = useState(false)
  const [busy, setBusy] = useState(false)
  const [dropping, setDropping] = useState(false)
  const body = useRef<HTMLTextAreaElement>(null)
  const fileInput = useRef<HTMLInputElement>(null)

  useEffect(() => {
    if (restored) toasts.add(t('compose.restored'))
    void leftAfterAll().then((left) => {
      if (!left) return
      toasts.add(t('compose.hadLeft'), { tone: 'good' })
      close()
    })
    if (kind === 'reply' || kind === 'replyAll') {
      body.current?.focus()
      body.current?.setSelectionRange(0, 0)
      if (body.current) body.current.scrollTop = 0
    }
    // Once, when the writer opens.
  }, [])

  const text = draft.html === null ? draft.text : htmlToText(draft.html)
  function check(): boolean {
    for (const field of ['to', 'cc', 'bcc'] as const) {
      const bad = parseAddresses(draft[field]).bad[0]
      if (bad !== undefined) {
        if (field !== 'to') setCopies(true)
        setFault({ field, text: t('compose.badAddress', { address: bad }) })
        return false
      }
    }
    if ((['to', 'cc', 'bcc'] as const).every((field) => parseAddresses(draft[field]).good.length === 0)) {
      setFault({ field: 'to', text: t('compose.noRecipient') })
      return false
    }
    if (uploads.busy) {
      setFault({ field: 'all', text: t('compose.waitUpload') })
      return false
    }
    setFault(null)
    return true
  }
  /** What to say of it, with the way back while there is one. */
  function said(held: Held | null, until: string | null): void {
    const text =
      standing?.mode === 'hold'
        ? t('compose.sentHold')
        : until !== null && held
          ? t('later.leavesAt', { time: clockTime(held.sendAt ?? until, i18n.language) })
          : held
            ? t('later.leavesSoon', { count: UNDO_SECONDS })
            : t('compose.sent')
    const back = async (): Promise<void> => {
      try {
        await cancelLater(held!.submissionId)
        // The writer finds the kept text when it opens again.
        localCopy(account, place).write({ ...draft, id: held!.emailId, tried: null })
        await lookAgain()
        reopen()
      } catch (thrown) {
        toasts.add(errorText(t, thrown), { tone: 'bad' })
      }
    }
    toasts.add(text, { tone: 'good', undo: held && back })
  }
  async function trySend(sure: ('attachment' | 'subject')[] = [], until: string | null = null) {
    setAsk(null)
    setLater(false)
    if (busy || !check()) return
    const word = draft.files.length ? null : speaksOfAttachment(`${draft.subject}\n${text}`)
    if (word && !sure.includes('attachment')) return setAsk({ what: 'attachment', word, until })
    if (!draft.subject.trim() && !sure.includes('subject')) return setAsk({ what: 'subject', word: word ?? '', until })
    setBusy(true)
    try {
      // Held for a moment by the server, so that it may be taken back whatever becomes of this page.
      const hold = until !== null ? { until } : mostHold >= UNDO_SECONDS ? { seconds: UNDO_SECONDS } : null
      said(await send(hold), until)
      close()
    } catch (thrown) {
      const text = mayHaveLeft() ? t('compose.unanswered') : `${t('compose.failed')} ${errorText(t, thrown)}`
      setFault({ field: 'all', text })
      setBusy(false)
    }
  }
  async function drop() {
    const kept = { ...draft, id: null, messageId: '', tried: null }
    try {
      await discard()
      toasts.add(t('compose.discarded'), {
        undo: () => {
          // The writer finds the kept text when it opens again.
          localCopy(account, place).write(kept)
          reopen()
        },
      })
      close()
    } catch (thrown) {
      setFault({ field: 'all', text: errorText(t, thrown) })
    }
  }
  const field = (name: 'to' | 'cc' | 'bcc') => (
    <div className="compose-line">
      <label htmlFor={`compose-${name}`}>{t(`compose.${name}`)}</label>
      <AddressField
        id={`compose-${name}`}
        value={draft[name]}
        readOnly={busy}
        change={(value) => change({ [name]: value })}
        error={fault?.field === name && fault.text}
        autoFocus={name === 'to' && kind !== 'reply' && kind !== 'replyAll'}
        placeholder={name === 'to' ? t('compose.toHint') : ''}
        onBlur={() => fault?.field === name && check()}
      />
    </div>
  )
  const title =
    kind === 'forward'
      ? t('compose.forwardTitle')
      : kind === 'draft'
        ? t('compose.draftTitle')
        : kind === 'new'
          ? t('compose.new')
          : t('compose.replyTitle')
  return (
    <div
      className={dropping ? 'compose dropping' : 'compose'}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault()
          if (!event.shiftKey) void trySend()
          else if (mostHold > 0 && !busy && check()) setLater(true)
        }
      }}
      onDragOver={(event) => {
        if (busy || !event.dataTransfer.types.includes('Files')) return
        event.preventDefault()
        setDropping(true)
      }}
      onDragLeave={(event) => event.currentTarget === event.target && setDropping(false)}
      onDrop={(event) => {
        if (busy || !event.dataTransfer.files.length) return
        event.preventDefault()
        setDropping(false)
        uploads.add([...event.dataTransfer.files])
      }}
    >
      <div className="mail-tools">
        <ActionIcon aria-label={t('app.back')} onClick={() => void leave().finally(close)}>
          <IconArrowLeft size={22} />
        </ActionIcon>
        <h2 className="grow cut">{title}</h2>
        <span className="muted small" role="status">
          {busy ? t('compose.sending') : <SavedText saving={saving} savedAt={savedAt} />}
        </span>
      </div>
      <div className="compose-fields">
        {fault?.field === 'all' && <Notice>{fault.text}</Notice>}
        {identities.length > 1 && (
          <div className="compose-line">
            <label htmlFor="compose-from">{t('compose.from')}</label>
            <NativeSelect
              id="compose-from"
              value={draft.identityId}
              disabled={busy}
              onChange={(event) => change({ identityId: event.currentTarget.value })}
              data={identities.map(({ id, name, email }) => ({
                value: id,
                label: name ? `${name} <${email}>` : email,
              }))}
            />
          </div>
        )}
        {field('to')}
        {copies ? (
          <>
            {field('cc')}
            {field('bcc')}
          </>
        ) : (
          <div>
            <button type="button" className="link" onClick={() => setCopies(true)}>
              {t('compose.addCc')}
            </button>
          </div>
        )}
        <div className="compose-line">
          <label htmlFor="compose-subject">{t('compose.subject')}</label>
          <TextInput
            id="compose-subject"
            value={draft.subject}
            readOnly={busy}
            onChange={(event) => change({ subject: event.currentTarget.value })}
          />
        </div>
      </div>
      <div className="compose-body">
        {draft.html === null ? (
          <textarea
            ref={body}
            className="compose-text"
            aria-label={t('compose.body')}
            value={draft.text}
            readOnly={busy}
            onChange={(event) => change({ text: event.currentTarget.value })}
            dir="auto"
          />
        ) : (
          <RichText html={draft.html} fixed={busy} change={(html) => change({ html })} />
        )}
        <UploadList
          uploads={uploads}
          files={draft.files}
          remove={(blobId) => change({ files: draft.files.filter((file) => file.blobId !== blobId) })}
        />
        {dropping && <p className="muted">{t('compose.drop')}</p>}
        <WhereItLeaves mode={standing?.mode} />
      </div>
      <div className="compose-foot">
        <Tooltip label={t('compose.sendHint')}>
          <Button
            leftSection={<IconSend size={18} />}
            loading={busy}
            onClick={() => void trySend()}
            aria-keyshortcuts="Control+Enter"
          >
            {t('compose.send')}
          </Button>
        </Tooltip>
        <LaterButton offered={mostHold > 0} busy={busy} open={() => check() && setLater(true)} />
        <Tooltip label={t('compose.attach')}>
          <ActionIcon aria-label={t('compose.attach')} disabled={busy} onClick={() => fileInput.current?.click()}>
            <IconPaperclip size={20} />
          </ActionIcon>
        </Tooltip>
        <input
          ref={fileInput}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            uploads.add([...(event.currentTarget.files ?? [])])
            event.currentTarget.value = ''
          }}
        />
        <Menu position="top-start">
          <Menu.Target>
            <ActionIcon aria-label={t('compose.format')} disabled={busy}>
              <IconDots size={20} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              onClick={() =>
                draft.html === null ? change({ html: asHtml(draft.text) }) : change({ text, html: null })
              }
            >
              {draft.html === null ? t('compose.formatted') : t('compose.plain')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <span className="grow" />
        <Tooltip label={t('compose.discard')}>
          <ActionIcon aria-label={t('compose.discard')} disabled={busy} onClick={() => void drop()}>
            <IconTrash size={20} />
          </ActionIcon>
        </Tooltip>
      </div>
      <SendLater
        opened={later}
        close={() => setLater(false)}
        choose={(until) => void trySend([], until)}
        mostSeconds={mostHold}
      />
      <Modal
        opened={ask !== null}
        onClose={() => setAsk(null)}
        title={ask?.what === 'subject' ? t('compose.noSubjectTitle') : t('compose.forgotTitle')}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <div className="stack">
          <p>
            {ask?.what === 'subject' ? t('compose.noSubjectText') : t('compose.forgotText', { word: ask?.word ?? '' })}
          </p>
          <div className="line">
            <Button variant="default" data-autofocus onClick={() => setAsk(null)}>
              {t('compose.forgotBack')}
            </Button>
            <Button
              onClick={() =>
                void trySend(ask?.what === 'subject' ? ['attachment', 'subject'] : ['attachment'], ask?.until ?? null)
              }
            >
              {ask?.what === 'subject' ? t('compose.send') : t('compose.forgotSend')}
            </Button>
          </div>
        </div>
      </Modal>
    </div>
  )
}

function WhereItLeaves({ mode }: { mode: string | undefined }) {
  const { t } = useTranslation()
  if (mode === undefined || mode === 'normal') return null
  return <p className="muted small">{t(mode === 'hold' ? 'compose.leaveHold' : 'compose.leaveEmergency')}</p>
}

function SavedText({ saving, savedAt }: { saving: string; savedAt: string | null }) {
  const { t } = useTranslation()
  if (saving === 'saving') return t('compose.saving')
  if (saving === 'kept-here') return t('compose.savedHere')
  if (saving === 'saved' && savedAt)
    return (
      <>
        {t('compose.saved')} <TimeText at={savedAt} />
      </>
    )
  return saving === 'changed' ? t('compose.unsaved') : null
}
