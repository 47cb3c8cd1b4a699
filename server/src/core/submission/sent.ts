/** What a person sent, and what became of it for each recipient (RFC 8621 section 7). */
import { createHash } from 'node:crypto'
import { DeliveryState, UndoStatus, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { readSentRecipients, readSubmissions, type SentRecipient } from '../../store/submissions.ts'
import type { Mailbox, MailOwner } from '../mailbox/index.ts'

export interface SentMail {
  id: Id
  identityId: string
  copyId: Id
  threadId: Id | null
  from: string
  recipients: { address: string; reply: string; delivered: 'yes' | 'no' | 'queued' | 'unknown' }[]
  sentAt: number
  undoStatus: keyof typeof UndoStatus
}

const MOST_LISTED = 1000

/** RFC 8620 section 1.2 has no '@' in ids. */
export const identityId = (address: string): string =>
  `I${createHash('sha256').update(address).digest('hex').slice(0, 24)}`

export async function listSent(
  deps: { db: Database; mailbox: Pick<Mailbox, 'emails'> },
  owner: MailOwner,
  ids: readonly Id[] | null,
): Promise<SentMail[]> {
  const { db, mailbox } = deps
  const rows = await readSubmissions(db, owner, ids, MOST_LISTED)
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
    sentAt: row.sentAt.getTime(),
    undoStatus: wordOf(UndoStatus, row.undoStatus),
    recipients: recipients.get(row.messageId)!.map(({ recipient, state, reply }) => ({
      address: recipient,
      reply: reply ?? '250 2.0.0 accepted here',
      delivered: deliveredWord(state),
    })),
  }))
}

function deliveredWord(state: number): SentMail['recipients'][number]['delivered'] {
  if (state === DeliveryState.delivered) return 'yes'
  if (state === DeliveryState.unsure) return 'unknown'
  return state < DeliveryState.delivered || state === DeliveryState.parked ? 'queued' : 'no'
}
