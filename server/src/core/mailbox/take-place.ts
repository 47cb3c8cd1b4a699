/**
 * What waited for its time in Drafts goes to Sent when it has left. A mail client may have put a copy of its own there when
 * it handed the message over: that one makes room, its keywords pass to the one that stays (with its hidden recipients, and
 * known as what was sent), in one transaction.
 */
import { StandardFolder } from '../../platform/codes.ts'
import { idTime, type Id } from '../../platform/ids.ts'
import { lockFolders } from '../../store/folders.ts'
import { readEmails, type EmailRow } from '../../store/mailbox-read.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import type { OwedMail } from '../return/index.ts'
import { fromStored, MOST_KEYWORDS } from './keywords.ts'
import { digestOf, twinsOf, type TwinDeps, type Twins } from './sent-twice.ts'
import { applyOpsIn, repeating } from './update.ts'

export interface TakePlaceDeps extends TwinDeps {
  owed: OwedMail
}

/** Does nothing where the copy lies in Drafts no more: it was done before, or its person has moved it. */
export async function moveToSent(deps: TakePlaceDeps, owner: MailOwner, copyId: Id): Promise<void> {
  const [draft] = await readEmails(deps.db, owner, [copyId])
  if (draft?.folderNo !== StandardFolder.drafts) return
  const twins = await twinsInSent(deps, owner, draft)
  for (;;) {
    // Their bytes are read before the folders are locked; who came in between is looked at in the next round.
    const known = twins ? await twins.candidates(deps.db) : []
    const twin = twins ? await twins.same(known) : null
    const isDone = await repeating((tries) =>
      deps.db.transaction(async (sql) => {
        await lockFolders(sql, owner, [StandardFolder.drafts, StandardFolder.sent])
        const [waiting] = await readEmails(sql, owner, [copyId])
        if (waiting?.folderNo !== StandardFolder.drafts) return true
        const now = twins ? await twins.candidates(sql) : []
        if (now.some((one) => !known.some((other) => other.copyId === one.copyId))) return false
        const there = now.find((one) => one.copyId === twin)
        const [its] = there ? await readEmails(sql, owner, [there.copyId]) : []
        const keywords = { kind: 'patch', add: ['$seen', ...passedOn(waiting, its)], remove: ['$draft'] } as const
        await applyOpsIn(
          sql,
          deps.owed,
          owner,
          [{ copyId, moveTo: StandardFolder.sent, keywords }, ...(its ? [{ copyId: its.copyId, destroy: true }] : [])],
          tries,
        )
        return true
      }),
    )
    if (isDone) return
  }
}

/** As many of the client's keywords as there is room for. */
function passedOn(draft: EmailRow, its: EmailRow | undefined): string[] {
  const keywords = its ? fromStored(its).filter((one) => one !== '$draft' && one !== '$seen') : []
  return keywords.slice(0, Math.max(0, MOST_KEYWORDS - 1 - fromStored(draft).length))
}

/** null: it cannot be known again. */
async function twinsInSent(deps: TakePlaceDeps, owner: MailOwner, draft: EmailRow): Promise<Twins | null> {
  if (draft.messageIdHeader === null) return null
  const digest = await digestOf(deps, owner, draft)
  if (digest === null) return null
  return twinsOf(deps, owner, {
    folderNo: StandardFolder.sent,
    messageId: draft.messageIdHeader,
    size: draft.size,
    digest,
    // However long it has waited: its client has put it there when it was handed over.
    now: idTime(draft.copyId),
    isSubmitted: true,
  })
}
