/**
 * Whoever gets an emergency mailbox while mail waits finds that mail in it (promise 4). Called inside the transaction that
 * changes the scopes; what lies in a mailbox already is left alone, so it may be called at any time.
 */
import { newId, type Id } from '../../platform/ids.ts'
import type { Sql } from '../../platform/db/database.ts'
import { placeCopies, waitingUnseen } from '../../store/place-waiting.ts'
import { threadIdOf } from '../routing/index.ts'

/** How many messages became visible; `deliveryId`: of this one alone, which was just let go. */
export async function placeWaiting(sql: Sql, organisationId: Id, deliveryId: Id | null = null): Promise<number> {
  const waiting = await waitingUnseen(sql, organisationId, deliveryId)
  if (waiting.length === 0) return 0
  await placeCopies(
    sql,
    organisationId,
    waiting.map((one) => {
      // A copy's id holds the time it came, which is what mailboxes show.
      const copyId = one.copyId ?? newId(one.receivedAt.getTime())
      return { ...one, copyId, isNew: one.copyId === null, threadId: threadIdOf(one.personId, one.threadRoot, copyId) }
    }),
  )
  return waiting.length
}
