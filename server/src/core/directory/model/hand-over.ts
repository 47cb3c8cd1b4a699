/**
 * Making a shared mailbox of somebody's own hands their mail to its members, and so does a new member soon after: as much as
 * reading it, it needs the approval of a second person (core/four-eyes, purpose handOver), and the person is told.
 */
import { PersonKind } from '../../../platform/codes.ts'
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { insertAccountNotice } from '../../../store/account-notices.ts'
import { latelyOwn, useHandOver, withoutHandOver } from '../../../store/mailbox-access.ts'
import { namesOf } from '../../../store/names.ts'

/** So long after it was somebody's own a new member needs an approval too. */
const LATELY_DAYS = 30

export const HAND_OVER =
  'this is somebody’s own mailbox with mail in it, or was until lately: an administrator asks in the control panel (Mailbox access, to hand it over), a second person approves, then it can be applied'

/** Of those that are declared as shared, whom it is about; `joins`: somebody reads it who did not before. */
export async function whoseMail(
  sql: Sql,
  organisationId: Id,
  before: readonly { id: Id; kind: number }[],
  declared: readonly { id: Id; joins: boolean }[],
): Promise<Id[]> {
  if (declared.length === 0) return []
  const own = new Set(before.flatMap(({ id, kind }) => (kind === PersonKind.person ? [id] : [])))
  const lately = await latelyOwn(sql, organisationId, LATELY_DAYS)
  return declared.flatMap(({ id, joins }) => (own.has(id) || (joins && lately.has(id)) ? [id] : []))
}

/** Of these the ones that nobody has approved. */
export const notApproved = (sql: Sql, organisationId: Id, mailboxes: readonly Id[]): Promise<Set<Id>> =>
  mailboxes.length === 0 ? Promise.resolve(new Set()) : withoutHandOver(sql, organisationId, mailboxes)

/** Those whose mailboxes were handed over hear of it. `now`: milliseconds. */
export async function tellHandedOver(
  sql: Sql,
  organisationId: Id,
  mailboxes: readonly Id[],
  now: number,
): Promise<void> {
  if (mailboxes.length === 0) return
  for (const used of await useHandOver(sql, organisationId, mailboxes)) {
    const names = await namesOf(sql, organisationId, [used.decidedBy])
    await insertAccountNotice(
      sql,
      {
        ...{ organisationId, personId: used.mailboxId, kind: 'handed-over', dueAt: used.tellAt },
        facts: {
          ...{ reason: used.reason, asker: used.askerName, at: new Date(now).toISOString() },
          decider: names.get(used.decidedBy) ?? used.decidedBy,
        },
      },
      now,
    )
  }
}
