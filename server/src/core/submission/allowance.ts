/**
 * How many recipients one person, and all people of one organisation together, may write to within an hour: what a stolen
 * password can send, and a broken-into organisation. Counted by the rows of tries (tries.ts), under a lock of the database,
 * so it holds over all requests, doors and processes at once. Who is refused hears when there is room again.
 */
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import type { Sql } from '../../platform/db/database.ts'
import { lockAllowance, recipientsLastHour, secondsUntilRoom, type Counted } from '../../store/allowance.ts'
import type { MailOwner } from '../../store/mailbox.ts'

export const RECIPIENTS_PER_HOUR = 200

export type AllowanceLimits = Pick<Config['submission'], 'organisationRecipientsPerHour'>

const minutes = (seconds: number): string => {
  const n = Math.max(1, Math.ceil(seconds / 60))
  return n === 1 ? 'in a minute' : `in ${n} minutes`
}

async function tooMany(
  sql: Sql,
  owner: MailOwner,
  { counted, limit, over }: { counted: Counted; limit: number; over: number },
): Promise<WireError> {
  const who = counted === 'person' ? 'you' : 'all people of your organisation together'
  const wait = await secondsUntilRoom(sql, owner, counted, over)
  const when = wait === null ? 'write to fewer at once' : `try again ${minutes(wait)}`
  return new WireError('rate-limited', `${who} may write to ${limit} recipients an hour; ${when}`)
}

const limitsOf = ({ organisationRecipientsPerHour }: AllowanceLimits): { counted: Counted; limit: number }[] => [
  { counted: 'person', limit: RECIPIENTS_PER_HOUR },
  ...(organisationRecipientsPerHour > 0
    ? [{ counted: 'organisation' as const, limit: organisationRecipientsPerHour }]
    : []),
]

/** Before any work is done: may `count` more be written to? What counts is the same question under the lock. */
export async function askAllowance(sql: Sql, owner: MailOwner, limits: AllowanceLimits, count: number): Promise<void> {
  for (const { counted, limit } of limitsOf(limits)) {
    const over = (await recipientsLastHour(sql, owner, counted)) + count - limit
    if (over > 0) throw await tooMany(sql, owner, { counted, limit, over })
  }
}

/** Run it in the transaction that wrote the try's row, which is counted: throws rate-limited where that is one too many. */
export async function checkAllowance(sql: Sql, owner: MailOwner, limits: AllowanceLimits): Promise<void> {
  for (const { counted, limit } of limitsOf(limits)) {
    await lockAllowance(sql, owner, counted)
    const over = (await recipientsLastHour(sql, owner, counted)) - limit
    if (over > 0) throw await tooMany(sql, owner, { counted, limit, over })
  }
}
