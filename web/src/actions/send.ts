/**
 * Keeping and sending what is being written. An Email can't be changed (RFC 8621 section 4), so each save makes a new one
 * and takes the old one away in the same call. Sending saves, then submits and moves to Sent on success; a refused
 * submission leaves the draft. What is held, to be taken back or sent later, stays a draft until the server sends it and
 * moves it to Sent.
 *
 * Promises: a try without an answer is never followed by a second message; a save without an answer leaves no second
 * draft; a message that has left is never taken away by a save; and what another window did with the draft is told
 * before this one sends.
 */
import { newMessageId, emailOf, type Draft } from './draft.ts'
import { fromCall, jmap, JmapError } from '../data/jmap/client.ts'
import type { Hold } from '../data/jmap/later.ts'
import { checkSet } from '../data/jmap/mail.ts'
import type { GetResult, Identity, SetResult } from '../data/jmap/types.ts'
import { parseAddresses } from '../lib/address.ts'

/** What a save found out about the draft before it. */
export type Before = 'ours' | 'left' | 'elsewhere'
export interface Saved {
  /** to be put into the draft */
  part: Pick<Draft, 'id' | 'messageId' | 'blind' | 'tried'>
  before: Before
}
interface Mark {
  id: string
  messageId: string[] | null
  keywords: Record<string, boolean>
}

/** Newest drafts among which one whose id was lost is looked for. */
const LOOK_AMONG = 50

async function markOf(id: string): Promise<Mark | undefined> {
  const { list } = await jmap.one<GetResult<Mark>>('Email/get', { ids: [id], properties: ['messageId', 'keywords'] })
  return list[0]
}

/** Was this draft sent after all? A draft that lost its mark has left (the submission and the mark are one request). */
export async function hasLeft(id: string): Promise<boolean> {
  const mark = await markOf(id)
  return mark !== undefined && mark.keywords['$draft'] !== true
}

/** Does it wait for its time? Only where the answer to a held send was lost is that asked. */
async function waitingOf(id: string): Promise<string | null> {
  const filter = { emailIds: [id], undoStatus: 'pending' }
  return (await jmap.one<{ ids: string[] }>('EmailSubmission/query', { filter })).ids[0] ?? null
}

async function strayOf(messageId: string, drafts: string): Promise<string | null> {
  const [, { list }] = (await jmap.run([
    [
      'Email/query',
      { filter: { inMailbox: drafts }, sort: [{ property: 'receivedAt', isAscending: false }], limit: LOOK_AMONG },
    ],
    ['Email/get', { '#ids': fromCall(0, 'Email/query', '/ids'), 'properties': ['messageId', 'keywords'] }],
  ])) as [unknown, GetResult<Mark>]
  return list.find((mark) => mark.keywords['$draft'] && mark.messageId?.[0] === messageId)?.id ?? null
}

/** Which Email the save replaces, and what has become of the one it was about. */
async function lookBefore(draft: Draft, drafts: string): Promise<{ replaces: string | null; before: Before }> {
  const stray = draft.blind && draft.messageId ? await strayOf(draft.messageId, drafts) : null
  if (stray) return { replaces: stray, before: 'ours' }
  if (draft.id === null) return { replaces: null, before: 'ours' }
  const mark = await markOf(draft.id)
  if (!mark) return { replaces: null, before: 'elsewhere' }
  return mark.keywords['$draft'] ? { replaces: draft.id, before: 'ours' } : { replaces: null, before: 'left' }
}

/** What happened to the old one while it was being replaced: another window was faster, or it is just leaving. */
function afterwards(result: SetResult, replaced: string | null): Before | null {
  const kept = replaced === null ? undefined : result.notDestroyed?.[replaced]
  return kept === undefined ? null : kept.type === 'notFound' ? 'elsewhere' : 'left'
}

export async function saveDraft(draft: Draft, identity: Identity | undefined, drafts: string): Promise<Saved> {
  const { replaces, before } = await lookBefore(draft, drafts)
  // What has left keeps its Message-ID for itself.
  const messageId = before === 'ours' && draft.messageId ? draft.messageId : newMessageId(identity?.email)
  const result = await jmap.one<SetResult>('Email/set', {
    create: { draft: emailOf({ ...draft, messageId }, identity, drafts) },
    ...(replaces ? { destroy: [replaces] } : {}),
  })
  const id = result.created?.['draft']?.id
  if (!id) {
    const failed = result.notCreated?.['draft']
    throw new JmapError(failed?.type ?? 'other', failed?.description ?? undefined)
  }
  return { part: { id, messageId, blind: false, tried: null }, before: afterwards(result, replaces) ?? before }
}

const foretold: Record<Exclude<Before, 'ours'>, string> = { left: 'leftBefore', elsewhere: 'draftElsewhere' }

/** A draft of its own now: whoever wrote it decides whether it is still to be sent. */
export const toldError = (before: Exclude<Before, 'ours'>): JmapError => new JmapError(foretold[before])

/** It waits on the server, and may be taken back. */
export interface Held {
  submissionId: string
  emailId: string
  /** null: not told */
  sendAt: string | null
}

const toSent = (folders: { drafts: string; sent: string }) => ({
  [`mailboxIds/${folders.drafts}`]: null,
  [`mailboxIds/${folders.sent}`]: true,
  'keywords/$draft': null,
})

/** RFC 4865 section 4: how long it waits is a parameter of MAIL, which needs the whole envelope beside it. */
function envelopeOf(draft: Draft, from: string, hold: Hold): object {
  const to = [draft.to, draft.cc, draft.bcc].flatMap((list) => parseAddresses(list).good.map(({ email }) => email))
  const parameters = 'seconds' in hold ? { HOLDFOR: String(hold.seconds) } : { HOLDUNTIL: hold.until }
  return { mailFrom: { email: from, parameters }, rcptTo: [...new Set(to)].map((email) => ({ email })) }
}

export async function sendDraft(
  draft: Draft,
  identity: Identity | undefined,
  folders: { drafts: string; sent: string },
  keep: (part: Partial<Draft>) => void,
  hold: Hold | null = null,
): Promise<Held | null> {
  let id = draft.id
  const again = id !== null && draft.tried === 'as-is'
  if (id === null || !again) {
    const saved = await saveDraft(draft, identity, folders.drafts)
    keep(saved.part)
    if (saved.before !== 'ours') throw toldError(saved.before)
    id = saved.part.id!
  }
  const waiting = again && hold ? await waitingOf(id) : null
  if (waiting !== null) return { submissionId: waiting, emailId: id, sendAt: null }
  let held: Held | null = null
  if (!again || !(await hasLeft(id))) {
    // Kept before it goes: after a reload it must be known that it may have left.
    keep({ tried: 'as-is' })
    const sent = await jmap.one<SetResult>('EmailSubmission/set', {
      create: {
        sending: {
          emailId: id,
          identityId: identity?.id ?? draft.identityId,
          ...(hold && identity ? { envelope: envelopeOf(draft, identity.email, hold) } : {}),
        },
      },
      // RFC 8621 section 7.5: only if the submission was taken.
      ...(hold && identity ? {} : { onSuccessUpdateEmail: { '#sending': toSent(folders) } }),
    })
    keep({ tried: null })
    checkSet(sent)
    const made = sent.created?.['sending']
    if (made?.undoStatus === 'pending') held = { submissionId: made.id, emailId: id, sendAt: made.sendAt ?? null }
    // The time was over already, and it left at once.
    else if (hold) await jmap.one<SetResult>('Email/set', { update: { [id]: toSent(folders) } }).catch(() => undefined)
  }
  if (draft.answers)
    await jmap
      .run([['Email/set', { update: { [draft.answers.id]: { [`keywords/${draft.answers.keyword}`]: true } } }]])
      // The mark on the original is a comfort; the message has left.
      .catch(() => undefined)
  return held
}

export async function destroyDraft(id: string): Promise<void> {
  if (await hasLeft(id)) throw toldError('left')
  await jmap.one<SetResult>('Email/set', { destroy: [id] })
}
