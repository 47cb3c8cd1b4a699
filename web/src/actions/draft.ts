/** A message that is being written: how it starts, and how it looks as an Email (RFC 8621). Kept and sent by send.ts. */
import type { TFunction } from 'i18next'
import { fullTime } from '../lib/format.ts'
import { formatAddresses, parseAddresses, shownName } from '../lib/address.ts'
import { htmlToText } from '../lib/html-mail.ts'
import { quoteText, replyRecipients, replySubject, threading } from '../lib/reply.ts'
import type { ReplyKind } from '../lib/reply.ts'
import type { BodyPart, Email, Identity } from '../data/jmap/types.ts'

export interface DraftFile {
  blobId: string
  type: string
  name: string
  size: number
}
export interface Draft {
  /** the Email on the server, if it was saved */
  id: string | null
  identityId: string
  to: string
  cc: string
  bcc: string
  subject: string
  text: string
  /** null: plain text */
  html: string | null
  files: DraftFile[]
  inReplyTo: string[]
  references: string[]
  answers: { id: string; keyword: '$answered' | '$forwarded' } | null
  /** stays over all saves, so that one whose answer was lost is found again; '' until the first save */
  messageId: string
  /** the last save got no answer: there may be a draft whose id nobody told us */
  blind: boolean
  /** a send of the draft `id` got no answer: it may have left, with what is written here or with what was before */
  tried: 'as-is' | 'before-changes' | null
}

/** A Message-ID of our own (RFC 5322 section 3.6.4); random bytes, since randomUUID is not there without TLS. */
export function newMessageId(sender: string | undefined): string {
  const random = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0'))
  return `${random.join('')}@${sender?.split('@').at(-1) ?? 'holdfast.invalid'}`
}

const emptyDraft = (identity: Identity | undefined): Draft => ({
  id: null,
  identityId: identity?.id ?? '',
  to: '',
  cc: '',
  bcc: '',
  subject: '',
  text: identity?.textSignature ? `\n\n-- \n${identity.textSignature}` : '',
  html: null,
  files: [],
  inReplyTo: [],
  references: [],
  answers: null,
  messageId: '',
  blind: false,
  tried: null,
})

/** The plain text of a message: its text parts, or what its HTML says. */
export function plainText(mail: Pick<Email, 'textBody' | 'bodyValues'>): string {
  return mail.textBody
    .map(({ partId, type }) => {
      const value = partId === null ? '' : (mail.bodyValues[partId]?.value ?? '')
      return type === 'text/html' ? htmlToText(value) : value
    })
    .join('\n')
    .replace(/\r\n/g, '\n')
}

const asFile = ({ blobId, type, name, size }: BodyPart): DraftFile[] =>
  blobId ? [{ blobId, type, name: name ?? '', size }] : []

/** Which of one's identities the message was written to. */
function identityFor(mail: Email, all: Identity[]): Identity | undefined {
  const seen = [...(mail.to ?? []), ...(mail.cc ?? []), ...(mail.from ?? [])].map(({ email }) => email.toLowerCase())
  return all.find(({ email }) => seen.includes(email.toLowerCase())) ?? all[0]
}

export function startDraft(
  t: TFunction,
  locale: string,
  kind: ReplyKind | 'new' | 'draft',
  mail: Email | null,
  all: Identity[],
): Draft {
  if (!mail || kind === 'new') return emptyDraft(all[0])
  const identity = identityFor(mail, all)
  if (kind === 'draft') {
    const html = mail.htmlBody.find(({ type }) => type === 'text/html')
    return {
      ...emptyDraft(identity),
      id: mail.id,
      to: formatAddresses(mail.to),
      cc: formatAddresses(mail.cc),
      bcc: formatAddresses(mail.bcc),
      subject: mail.subject ?? '',
      text: plainText(mail),
      html: html?.partId ? (mail.bodyValues[html.partId]?.value ?? null) : null,
      files: mail.attachments.flatMap(asFile),
      inReplyTo: mail.inReplyTo ?? [],
      references: mail.references ?? [],
      messageId: mail.messageId?.[0] ?? '',
    }
  }
  const { to, cc } = replyRecipients(
    kind,
    mail,
    all.map(({ email }) => email),
  )
  const at = mail.sentAt ?? mail.receivedAt
  const intro =
    kind === 'forward'
      ? `${t('compose.forwardIntro')}\n${t('read.from')}: ${formatAddresses(mail.from)}\n${t('read.date')}: ${fullTime(at, locale)}\n${t('read.to')}: ${formatAddresses(mail.to)}\n${t('compose.subject')}: ${mail.subject ?? ''}\n`
      : t('compose.quoteIntro', { date: fullTime(at, locale), name: shownName(mail.from?.[0]) })
  const draft = emptyDraft(identity)
  return {
    ...draft,
    to: formatAddresses(to),
    cc: formatAddresses(cc),
    subject: replySubject(kind, mail.subject),
    text:
      kind === 'forward'
        ? `${draft.text}\n\n${intro}\n${plainText(mail)}`
        : draft.text + quoteText(intro, plainText(mail)),
    files: kind === 'forward' ? mail.attachments.flatMap(asFile) : [],
    ...(kind === 'forward' ? { inReplyTo: [], references: [] } : threading(mail)),
    answers: { id: mail.id, keyword: kind === 'forward' ? '$forwarded' : '$answered' },
  }
}

/** The Email object of RFC 8621 section 4.6. */
export function emailOf(draft: Draft, identity: Identity | undefined, drafts: string): Record<string, unknown> {
  const file = ({ blobId, type, name }: DraftFile) => ({ blobId, type, name, disposition: 'attachment' })
  return {
    mailboxIds: { [drafts]: true },
    keywords: { $draft: true, $seen: true },
    from: identity ? [{ name: identity.name || null, email: identity.email }] : [],
    to: parseAddresses(draft.to).good,
    cc: parseAddresses(draft.cc).good,
    bcc: parseAddresses(draft.bcc).good,
    subject: draft.subject,
    ...(draft.messageId ? { messageId: [draft.messageId] } : {}),
    ...(draft.inReplyTo.length ? { inReplyTo: draft.inReplyTo } : {}),
    ...(draft.references.length ? { references: draft.references } : {}),
    textBody: [{ partId: 'text', type: 'text/plain' }],
    ...(draft.html === null ? {} : { htmlBody: [{ partId: 'html', type: 'text/html' }] }),
    bodyValues: {
      text: { value: draft.html === null ? draft.text : htmlToText(draft.html) },
      ...(draft.html === null ? {} : { html: { value: draft.html } }),
    },
    ...(draft.files.length ? { attachments: draft.files.map(file) } : {}),
  }
}
