/**
 * Reading somebody's mailbox leaves rows of the audit: which messages were opened, which were listed, what was searched for. They
 * are written before anything is shown; a row for a try that failed is better than mail that was read without one.
 */
import type { Database, Sql } from '../../platform/db/database.ts'
import { isId, type Id } from '../../platform/ids.ts'
import { messagesOfCopies } from '../../store/mailbox-access.ts'
import { appendAudit, type AuditAction } from '../audit/index.ts'

/** Messages that are read whole with one call: a mailbox is looked into, not carried away. */
export const MOST_READ_AT_ONCE = 50

export type Reading =
  /** copy ids */
  | { what: 'list'; emails: readonly string[] }
  | { what: 'read'; emails: readonly string[] }
  | { what: 'download'; messageId: Id }
  | { what: 'search'; filter: string }

export interface Lent {
  organisationId: Id
  accessId: Id
  mailboxId: Id
  readerId: Id
}

export async function noteReading(db: Database, lent: Lent, reading: Reading): Promise<void> {
  const write = (sql: Sql, action: AuditAction, subject: string, detail: Record<string, unknown>): Promise<unknown> =>
    appendAudit(sql, {
      ...{ organisationId: lent.organisationId, actor: `person:${lent.readerId}`, action, subject },
      detail: { access: lent.accessId, mailbox: lent.mailboxId, ...detail },
    })
  const mailbox = `person:${lent.mailboxId}`
  await db.transaction(async (sql) => {
    if (reading.what === 'search') return write(sql, 'mailbox-searched', mailbox, { search: reading.filter })
    if (reading.what === 'download')
      return write(sql, 'message-read', `message:${reading.messageId}`, { how: 'download' })
    const owner = { organisationId: lent.organisationId, personId: lent.mailboxId }
    const messages = await messagesOfCopies(sql, owner, reading.emails.filter(isId))
    if (messages.length === 0) return
    if (reading.what === 'list')
      return write(sql, 'mailbox-listed', mailbox, { count: messages.length, messages: messages.join(' ') })
    for (const messageId of messages) await write(sql, 'message-read', `message:${messageId}`, { how: 'page' })
    return undefined
  })
}
