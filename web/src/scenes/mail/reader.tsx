/**
 * One message: who, what, when; HTML only inside its sandboxed document, with pictures from the internet off until
 * asked for; plain text; attachments; all headers; the raw message. Opening marks as read; the subject takes the focus.
 */
import { ActionIcon, Button, SegmentedControl, Tooltip } from '@mantine/core'
import { IconArrowBackUp, IconArrowForwardUp, IconArrowLeft, IconMailOpened, IconMessages } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { plainText } from '../../actions/draft.ts'
import { changeMail } from '../../actions/mail.ts'
import type { Address, Email, Mailbox } from '../../data/jmap/types.ts'
import { emailQuery, standingQuery } from '../../data/queries.ts'
import { formatAddresses, sameAddress, shownName } from '../../lib/address.ts'
import { cleanHtml } from '../../lib/html-mail.ts'
import { MailFrame } from '../../ui/mail-frame.tsx'
import { Notice } from '../../ui/notice.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { BlobLink, Files, useInlinePictures } from './files.tsx'
import { Tools } from './tools.tsx'
import { useCurrentMailbox } from './mailbox-switch.tsx'
import type { MailActions } from './tools.tsx'

interface ReaderProps {
  id: string | null
  folder: Mailbox | undefined
  folders: Mailbox[]
  actions: MailActions
}

export function Reader(props: ReaderProps) {
  const { t } = useTranslation()
  const {
    data: mail,
    error,
    refetch,
    isPending,
  } = useQuery({ ...emailQuery(props.id ?? ''), enabled: props.id !== null })
  if (props.id === null)
    return (
      <EmptyState icon={<IconMailOpened size={40} aria-hidden="true" stroke={1.5} />}>
        <p>{t('mail.pick')}</p>
        <p className="small">{t('mail.pickHint')}</p>
      </EmptyState>
    )
  if (mail) return <Message key={mail.id} {...props} mail={mail} />
  return (
    <>
      <div className="mail-tools">
        <BackButton back={props.actions.back} />
      </div>
      {error ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <LoadingState />
      ) : (
        <EmptyState>{t('mail.gone')}</EmptyState>
      )}
    </>
  )
}

function BackButton({ back }: { back: () => void }) {
  const { t } = useTranslation()
  return (
    <ActionIcon aria-label={t('keys.back')} aria-keyshortcuts="u" onClick={back}>
      <IconArrowLeft size={22} />
    </ActionIcon>
  )
}

function Message({ mail, folder, folders, actions }: ReaderProps & { mail: Email }) {
  const { t } = useTranslation()
  const title = useRef<HTMLHeadingElement>(null)
  const { data: standing } = useQuery(standingQuery)
  const isReadOnly = useCurrentMailbox()?.isReadOnly === true
  useEffect(() => {
    title.current?.focus({ preventScroll: true })
    if (!mail.keywords['$seen'] && !isReadOnly) void changeMail(t, [mail.id], { keywords: { $seen: true } })
    // Once per opening: marking as unread while it is open must stay.
  }, [mail.id])
  const subject = mail.subject || t('mail.noSubject')
  const offered = folder?.role === 'sent' && standing !== undefined && standing.sentHere > 0
  return (
    <>
      <div className="mail-tools" role="toolbar" aria-label={t('mail.reader')}>
        <BackButton back={actions.back} />
        <Tools
          actions={actions}
          folder={folder}
          folders={folders}
          seen={Boolean(mail.keywords['$seen'])}
          flagged={Boolean(mail.keywords['$flagged'])}
        />
        <span className="grow" />
        <span className="mail-reply-top">
          <ReplyButtons actions={actions} />
        </span>
      </div>
      <div className="mail-reader">
        <article aria-labelledby="subject">
          <header className="mail-head">
            <h2 id="subject" ref={title} tabIndex={-1}>
              {subject}
            </h2>
            <Who mail={mail} />
            {offered && (
              <Notice tone="plain">
                {t('read.sentStays')}{' '}
                <BlobLink
                  blobId={mail.blobId}
                  type="message/rfc822"
                  name={`${subject}.eml`}
                  className=""
                  label={t('read.raw')}
                />
              </Notice>
            )}
          </header>
          <Body mail={mail} />
          <Files mail={mail} />
          <Headers mail={mail} subject={subject} offered={offered} />
        </article>
      </div>
      {/* In the hand, answering is where the thumb is. */}
      <div className="mail-reply-foot">
        <ReplyButtons actions={actions} />
      </div>
    </>
  )
}

function ReplyButtons({ actions }: { actions: MailActions }) {
  const { t } = useTranslation()
  const buttons = [
    ['reply', 'mail.reply', 'r', IconArrowBackUp],
    ['replyAll', 'mail.replyAll', 'a', IconMessages],
    ['forward', 'mail.forward', 'f', IconArrowForwardUp],
  ] as const
  return buttons.map(([kind, label, key, Icon]) => (
    <Tooltip key={kind} label={`${t(label)} (${key})`}>
      <ActionIcon
        aria-label={t(label)}
        aria-keyshortcuts={key}
        onClick={() => actions.reply(kind)}
        variant={kind === 'reply' ? 'light' : 'subtle'}
        color={kind === 'reply' ? 'blue' : 'gray'}
      >
        <Icon size={20} />
      </ActionIcon>
    </Tooltip>
  ))
}

function Who({ mail }: { mail: Email }) {
  const { t } = useTranslation()
  const from = mail.from?.[0]
  const sender = mail.sender?.[0]
  const line = (label: string, list: Address[] | null) =>
    list?.length ? (
      <div className="small">
        <span className="muted">{t('app.label', { label })} </span>
        {formatAddresses(list)}
      </div>
    ) : null
  return (
    <div className="mail-who">
      <span className="mail-initial" aria-hidden="true">
        {(shownName(from)[0] ?? '?').toUpperCase()}
      </span>
      <div className="grow">
        <div>
          <strong>{shownName(from) || t('mail.noSender')}</strong>{' '}
          {from?.name && <span className="mail-address">&lt;{from.email}&gt;</span>}
        </div>
        {from && sender && !sameAddress(from.email, sender.email) && (
          <div className="small muted">{t('read.viaSender', { sender: sender.email, from: from.email })}</div>
        )}
        {line(t('read.to'), mail.to)}
        {line(t('read.cc'), mail.cc)}
        {line(t('read.bcc'), mail.bcc)}
        {mail.replyTo?.some(({ email }) => !mail.from?.some((each) => sameAddress(each.email, email))) &&
          line(t('read.replyTo'), mail.replyTo)}
        <div className="small muted">
          <TimeText at={mail.receivedAt} form="clock" />
        </div>
      </div>
    </div>
  )
}

function Body({ mail }: { mail: Email }) {
  const { t } = useTranslation()
  const htmlSource = useMemo(
    () =>
      mail.htmlBody
        .filter(({ type }) => type === 'text/html')
        .map(({ partId }) => (partId === null ? '' : (mail.bodyValues[partId]?.value ?? '')))
        .join('<hr>'),
    [mail],
  )
  const [plain, setPlain] = useState(false)
  const [pictures, setPictures] = useState(false)
  const cids = useInlinePictures(mail)
  const cleaned = useMemo(
    () => (htmlSource ? cleanHtml(htmlSource, { pictures, cids }) : null),
    [htmlSource, pictures, cids],
  )
  const text = useMemo(() => (plain || !cleaned ? plainText(mail) : ''), [plain, cleaned, mail])
  const values = Object.values(mail.bodyValues)
  return (
    <div className="stack">
      {values.some(({ isEncodingProblem }) => isEncodingProblem) && <Notice tone="warn">{t('read.encoding')}</Notice>}
      {cleaned && (
        <div className="line">
          <SegmentedControl
            size="sm"
            aria-label={t('read.view')}
            value={plain ? 'plain' : 'html'}
            onChange={(value) => setPlain(value === 'plain')}
            data={[
              { value: 'html', label: t('read.showHtml') },
              { value: 'plain', label: t('read.showPlain') },
            ]}
          />
        </div>
      )}
      {cleaned && !plain && cleaned.blocked > 0 && (
        <Notice tone="plain">
          <div className="line">
            <span className="grow">
              {t('read.picturesOff', { count: cleaned.blocked })} {t('read.picturesWhy')}
            </span>
            <Button variant="default" onClick={() => setPictures(true)}>
              {t('read.showPictures')}
            </Button>
          </div>
        </Notice>
      )}
      {cleaned && !plain ? (
        <MailFrame html={cleaned.html} pictures={pictures} title={t('read.body')} />
      ) : text.trim() ? (
        <div className="mail-plain" dir="auto">
          {text.split('\n').map((line, at) => (
            <span key={at} className={line.startsWith('>') ? 'quoted' : undefined}>
              {linked(line)}
              {'\n'}
            </span>
          ))}
        </div>
      ) : (
        <p className="muted">{t('read.noBody')}</p>
      )}
      {values.some(({ isTruncated }) => isTruncated) && <Notice tone="warn">{t('read.truncated')}</Notice>}
    </div>
  )
}

const web = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/
const linked = (line: string) =>
  line.split(web).map((piece, at) =>
    at % 2 ? (
      <a key={at} href={piece} target="_blank" rel="noopener noreferrer nofollow">
        {piece}
      </a>
    ) : (
      piece
    ),
  )

/** `offered`: the download stands above already. The Date header of the sender is among the headers; above is when it came. */
function Headers({ mail, subject, offered }: { mail: Email; subject: string; offered: boolean }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  return (
    <footer className="stack" style={{ marginTop: 'var(--space-5)' }}>
      <div className="line">
        <Button variant="default" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t('read.hideDetails') : t('read.details')}
        </Button>
        {!offered && (
          <BlobLink
            blobId={mail.blobId}
            type="message/rfc822"
            name={`${subject}.eml`}
            className="file"
            label={t('read.raw')}
          />
        )}
      </div>
      {open && (
        <table className="mail-headers">
          <tbody>
            {mail.headers.map(({ name, value }, at) => (
              <tr key={at}>
                <th scope="row">{name}</th>
                <td>{value.trim()}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </footer>
  )
}
