/**
 * How much one person may add to the own mailbox (storage.perPersonBytes). Asked twice: before the bytes come, so that
 * they need not be taken in vain, and in the transaction that keeps them, under a lock of the database: then it holds over
 * all requests and processes at once.
 */
import type { Config } from '../../platform/config/config.ts'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { addedBytes, lockOwnContent, ownContentBytes } from '../../store/own-content.ts'

export type StorageLimit = Pick<Config['storage'], 'perPersonBytes'>

/** A message takes the place of the files it is made of, which are gone within a day; a file is one more. */
const counted = { message: ownContentBytes, file: addedBytes } as const
type Added = keyof typeof counted

export const overQuota = (limit: StorageLimit): WireError =>
  new WireError(
    'over-quota',
    `you may add ${limit.perPersonBytes} bytes to your mailbox; what you deleted counts until it is let go`,
  )

/** What may still come; Infinity where there is no limit. */
export async function roomLeft(sql: Sql, owner: MailOwner, limit: StorageLimit, added: Added): Promise<number> {
  if (limit.perPersonBytes === 0) return Infinity
  const left = limit.perPersonBytes - (await counted[added](sql, owner))
  if (left <= 0) throw overQuota(limit)
  return left
}

/** In the transaction that keeps `size` more bytes, before it does. Throws over-quota. */
export async function takeRoom(
  sql: Sql,
  owner: MailOwner,
  limit: StorageLimit,
  { added, size }: { added: Added; size: number },
): Promise<void> {
  if (limit.perPersonBytes === 0) return
  await lockOwnContent(sql, owner)
  if ((await counted[added](sql, owner)) + size > limit.perPersonBytes) throw overQuota(limit)
}

export const isOverQuota = (error: unknown): error is WireError =>
  error instanceof WireError && error.code === 'over-quota'
