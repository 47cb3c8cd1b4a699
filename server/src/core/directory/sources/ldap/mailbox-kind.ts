/**
 * What Exchange says a mailbox is (msExchRecipientTypeDetails). Its own mailboxes for searching, journals and health are
 * nobody's; what is not in the table is a person's.
 */
import type { MailboxKind } from '../entry.ts'

const KINDS: Readonly<Record<string, MailboxKind | 'nobody'>> = {
  // Shared, team, and the same at Exchange Online.
  4: 'shared', 137438953472: 'shared', 34359738368: 'shared', 274877906944: 'shared',
  // Rooms and things, linked ones, and the same at Exchange Online.
  16: 'room', 32: 'room', 2199023255552: 'room', 8589934592: 'room', 17179869184: 'room',
  // System (arbitration), templates, discovery, public folders, monitoring, audit logs, supervision.
  8388608: 'nobody', 16777216: 'nobody', 536870912: 'nobody', 68719476736: 'nobody', 549755813888: 'nobody',
  4398046511104: 'nobody', 70368744177664: 'nobody', 140737488355328: 'nobody',
} // prettier-ignore

export const mailboxKindOf = (type: string | undefined): MailboxKind | 'nobody' =>
  type !== undefined && Object.hasOwn(KINDS, type) ? KINDS[type]! : 'person'
