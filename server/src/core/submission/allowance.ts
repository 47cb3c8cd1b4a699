/**
 * How many recipients one person may write to within an hour: what a stolen password can send. It is counted by the rows
 * of tries (tries.ts), under a lock of the database, so it holds over all requests and processes at once.
 */
import { WireError } from '../../platform/errors.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { lockAllowance, recipientsLastHour } from '../../store/submissions.ts'

export const RECIPIENTS_PER_HOUR = 200

export const tooManyThisHour = (): WireError =>
  new WireError('rate-limited', `you may write to ${RECIPIENTS_PER_HOUR} recipients an hour; please wait`)

/** Run it in the transaction that wrote the try's row, which is counted: throws rate-limited where that is one too many. */
export async function checkAllowance(sql: Sql, owner: MailOwner): Promise<void> {
  await lockAllowance(sql, owner)
  if ((await recipientsLastHour(sql, owner)) > RECIPIENTS_PER_HOUR) throw tooManyThisHour()
}
