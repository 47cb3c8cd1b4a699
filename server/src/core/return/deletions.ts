/**
 * The question behind the brake (promise 10): what a person deleted here in bulk stays owed until confirmed. Nothing is
 * stored for it; it is what the rows say: open deliveries whose copy lies in Trash or in no folder any more. Keeping them
 * owed needs no answer; moving one out of Trash takes it off the list by itself.
 *
 * Confirming cancels what was shown. When more was deleted since (a client that runs away, an intruder), nothing happens
 * and the new number is to be looked at. What is moved back while the answer is under way stays owed: the list is read
 * again under the locks that a move takes too.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { countDeletedButOwed, listDeletedButOwed, lockOwed, type DeletedButOwed } from '../../store/owed.ts'
import { appendAudit } from '../audit/index.ts'
import { createOwedMail } from './owed.ts'

export type Deletions = DeletedButOwed

interface Person {
  organisationId: Id
  personId: Id
}

export function readDeletions(sql: Sql, person: Person): Promise<Deletions> {
  return countDeletedButOwed(sql, person.organisationId, person.personId)
}

export async function confirmDeletions(
  deps: { db: Database; clock: Clock },
  request: Person & { seen: number },
): Promise<{ cancelled: number; waiting: number }> {
  const { organisationId, personId, seen } = request
  const owed = createOwedMail(deps)
  const actor = `person:${personId}`
  return deps.db.transaction(async (sql) => {
    const shown = await listDeletedButOwed(sql, organisationId, personId)
    await lockOwed(sql, { organisationId, personId, copyIds: shown })
    const copyIds = await listDeletedButOwed(sql, organisationId, personId)
    if (copyIds.length > seen)
      throw new WireError('conflict', `${copyIds.length} are deleted and owed now, ${seen} were shown; look again`)
    const known = new Set(shown)
    const { cancelled } = await owed.cancelOwed(sql, {
      organisationId,
      personId,
      copyIds: copyIds.filter((copyId) => known.has(copyId)),
      actor,
      confirmed: true,
    })
    if (cancelled.length > 0)
      await appendAudit(sql, {
        organisationId,
        actor,
        action: 'deletions-confirmed',
        subject: actor,
        detail: { cancelled: cancelled.length },
      })
    const { waiting } = await countDeletedButOwed(sql, organisationId, personId)
    return { cancelled: cancelled.length, waiting }
  })
}
