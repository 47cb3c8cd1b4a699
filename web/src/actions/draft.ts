/**
 * A message that is being written: how it starts, is kept (server, and a copy on this device between two saves), and is
 * sent. An Email can't be changed (RFC 8621 section 4), so each save makes a new one and takes the old one away in the
 * same call. Sending saves, then submits and moves to Sent on success; a refused submission leaves the draft, and a try
 * without an answer is never followed by a second message.
 */
import type { TFunction } from 'i18next'
import { fullTime } from '../lib/format.ts'
import { formatAddresses, parseAddresses, shownName } from '../lib/address.ts'
import { htmlToText } from '../lib/html-mail.ts'
import { quoteText, replyRecipients, replySubject, threading } from '../lib/reply.ts'
import type { ReplyKind } from '../lib/reply.ts'
import { jmap, JmapError } from '../data/jmap/client.ts'
import { checkSet } from '../data/jmap/mail.ts'
import type { Call } from '../data/jmap/client.ts'
import type { BodyPart, Email, Identity, SetResult } from '../data/jmap/types.ts'

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

const save = (draft: Draft, identity: Identity | undefined, drafts: string): Call => [
  'Email/set',
  { create: { draft: emailOf(draft, identity, drafts) }, ...(draft.id ? { destroy: [draft.id] } : {}) },
]

/** The new id. */
export async function saveDraft(draft: Draft, identity: Identity | undefined, drafts: string): Promise<string> {
  const [result] = (await jmap.run([save(draft, identity, drafts)])) as [SetResult]
  return createdId(result)
}
function createdId(result: SetResult): string {
  const id = result.created?.['draft']?.id
  if (id) return id
  const failed = result.notCreated?.['draft']
  throw new JmapError(failed?.type ?? 'other', failed?.description ?? undefined)
}

/**
 * Sends that got no answer, by the id of the draft they were about: what was to be sent then. The message may have left,
 * so the next try with the same content is about the same draft, which the server takes only once.
 */
const unanswered = new Map<string, string>()

/** Was this draft sent after all? A draft that lost its mark has left (the submission and the mark are one request). */
async function hasLeft(id: string): Promise<boolean> {
  const { list } = await jmap.one<{ list: { keywords: Record<string, boolean> }[] }>('Email/get', {
    ids: [id],
    properties: ['keywords'],
  })
  return list[0] !== undefined && list[0].keywords['$draft'] !== true
}

export async function sendDraft(
  draft: Draft,
  identity: Identity | undefined,
  folders: { drafts: string; sent: string },
  saved: (id: string) => void,
): Promise<void> {
  const content = JSON.stringify([emailOf(draft, identity, folders.drafts), identity?.id ?? draft.identityId])
  const again = draft.id !== null && unanswered.get(draft.id) === content
  const id = again ? draft.id! : await saveDraft(draft, identity, folders.drafts)
  saved(id)
  if (!again || !(await hasLeft(id))) {
    unanswered.set(id, content)
    const sent = await jmap.one<SetResult>('EmailSubmission/set', {
      create: { sending: { emailId: id, identityId: identity?.id ?? draft.identityId } },
      // RFC 8621 section 7.5: only if the submission was taken.
      onSuccessUpdateEmail: {
        '#sending': {
          [`mailboxIds/${folders.drafts}`]: null,
          [`mailboxIds/${folders.sent}`]: true,
          'keywords/$draft': null,
        },
      },
    })
    unanswered.delete(id)
    checkSet(sent)
  }
  if (draft.answers)
    await jmap
      .run([['Email/set', { update: { [draft.answers.id]: { [`keywords/${draft.answers.keyword}`]: true } } }]])
      // The mark on the original is a comfort; the message has left.
      .catch(() => undefined)
}

export async function destroyDraft(id: string): Promise<void> {
  await jmap.one<SetResult>('Email/set', { destroy: [id] })
}

/** The copy on this device, for the seconds between two saves and for the time without an answer. */
export const localCopy = (account: string, place: string) => {
  const key = `holdfast.draft.${account}.${place}`
  return {
    read(): Draft | null {
      try {
        const found = JSON.parse(localStorage.getItem(key) ?? 'null') as Draft | null
        return found && typeof found.text === 'string' && Array.isArray(found.files) ? found : null
      } catch {
        return null
      }
    },
    write(draft: Draft) {
      try {
        localStorage.setItem(key, JSON.stringify(draft))
      } catch {
        // A full or forbidden storage: the server's copy is the one that counts.
      }
    },
    drop: () => localStorage.removeItem(key),
  }
}
