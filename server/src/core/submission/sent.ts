/** What a person sent, and what became of it for each recipient (RFC 8621 section 7). */
import { createHash } from 'node:crypto'
import { DeliveryState, UndoStatus, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { readSentRecipients, readSubmissions, type SentRecipient, type SubmissionRow } from '../../store/submissions.ts'
import type { Mailbox, MailOwner } from '../mailbox/index.ts'
import type { Envelope } from './envelope.ts'

export interface SentMail {
  id: Id
  identityId: string
  copyId: Id
  threadId: Id | null
  from: string
  recipients: { address: string; reply: string; delivered: 'yes' | 'no' | 'queued' | 'unknown' }[]
  /** or is to be sent */
  sentAt: number
  undoStatus: 'final' | 'pending' | 'canceled'
  /** it waits for its time, or did */
  isHeld: boolean
  /** as its author gave it; null: as the header said */
  envelope: Envelope | null
}

/** By id, those that are not decided yet, or the newest. */
export type SentWish = { ids: readonly Id[] } | { open: true } | null

const { waiting: _, ...STATUS } = UndoStatus
const MOST_LISTED = 1000

/** RFC 8620 section 1.2 has no '@' in ids. */
export const identityId = (address: string): string =>
  `I${createHash('sha256').update(address).digest('hex').slice(0, 24)}`

export async function listSent(
  deps: { db: Database; mailbox: Pick<Mailbox, 'emails'> },
  owner: MailOwner,
  wish: SentWish,
): Promise<SentMail[]> {
  const { db, mailbox } = deps
  const rows = await readSubmissions(db, owner, wish, MOST_LISTED)
  if (rows.length === 0) return []
  const recipients = new Map<Id, SentRecipient[]>(rows.map(({ messageId }) => [messageId, []]))
  for (const one of await readSentRecipients(db, owner.organisationId, [...recipients.keys()]))
    recipients.get(one.messageId)!.push(one)
  const drafts = await mailbox.emails(
    owner,
    rows.map(({ copyId }) => copyId),
  )
  const threads = new Map(drafts.rows.map(({ copyId, threadId }) => [copyId, threadId]))
  return rows.map((row) => ({
    id: row.submissionId,
    identityId: identityId(row.identityAddress),
    copyId: row.copyId,
    threadId: threads.get(row.copyId) ?? null,
    from: row.identityAddress,
    sentAt: (row.releaseAt ?? row.sentAt).getTime(),
    undoStatus: row.undoStatus === UndoStatus.waiting ? 'pending' : wordOf(STATUS, row.undoStatus),
    isHeld: row.releaseAt !== null,
    envelope: row.envelope as Envelope | null,
    recipients: recipientsOf(row, recipients.get(row.messageId)!),
  }))
}

function recipientsOf(row: SubmissionRow, left: readonly SentRecipient[]): SentMail['recipients'] {
  if (left.length === 0 && row.undoStatus === UndoStatus.waiting)
    return (row.envelope as Envelope).to.map((address) => ({
      address,
      reply: '250 2.0.0 held here until its time',
      delivered: 'queued',
    }))
  return left.map(({ recipient, state, reply }) => ({
    address: recipient,
    reply: reply ?? '250 2.0.0 accepted here',
    delivered: deliveredWord(state),
  }))
}

function deliveredWord(state: number): SentMail['recipients'][number]['delivered'] {
  if (state === DeliveryState.delivered) return 'yes'
  if (state === DeliveryState.unsure) return 'unknown'
  return state < DeliveryState.delivered || state === DeliveryState.parked ? 'queued' : 'no'
}
