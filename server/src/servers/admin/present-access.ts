/** A row of mailbox_access as the API says it. What its time has ended is over, whether or not that is written down yet. */
import { isOver, mayEnd, type AccessRow } from '../../core/four-eyes/index.ts'
import { MailboxAccessPurpose, MailboxAccessState, wordOf } from '../../platform/codes.ts'
import { isoOrNull } from './present.ts'

export function presentAccess(
  row: AccessRow,
  who: { actor: string; kind: 'person' | 'operator' },
  names: ReadonlyMap<string, string>,
) {
  const state = isOver(row) ?? wordOf(MailboxAccessState, row.state)
  const named = (actor: string | null): string | null => actor && (names.get(actor) ?? actor)
  const isAsker = who.actor === `person:${row.askerId}`
  return {
    id: row.accessId,
    ...{ mailboxId: row.mailboxId, mailboxName: row.mailboxName, askerId: row.askerId, askerName: row.askerName },
    purpose: wordOf(MailboxAccessPurpose, row.purpose),
    ...{ reason: row.reason, minutes: row.minutes, state },
    askedAt: row.askedAt.toISOString(),
    answerBy: row.answerBy.toISOString(),
    decidedAt: isoOrNull(row.decidedAt),
    decidedBy: named(row.decidedBy),
    note: row.note,
    expiresAt: isoOrNull(row.expiresAt),
    tellAt: isoOrNull(row.tellAt),
    delayBasis: row.delayBasis,
    openedAt: isoOrNull(row.openedAt),
    overAt: isoOrNull(row.overAt),
    overBy: named(row.overBy),
    mayDecide: state === 'asked' && !isAsker && who.actor !== `person:${row.mailboxId}`,
    mayEnd:
      state === 'asked' ? isAsker : state === 'open' && mayEnd({ ...who, isOperator: who.kind === 'operator' }, row),
  }
}
