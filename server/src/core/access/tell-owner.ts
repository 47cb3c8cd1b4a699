/**
 * Whoever did not touch their own ways in hears that somebody did, in their mailbox and at their private address: who resets a
 * password can sign in with it, and nobody would know. Written in the transaction of the act (core/notices sends it).
 */
import type { AccountNoticeKind } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { insertAccountNotice } from '../../store/account-notices.ts'
import { namesOf } from '../../store/names.ts'

export interface Touched {
  subjectId: Id
  /** null: an operator, who has no mailbox here */
  organisationId: Id | null
  kind: AccountNoticeKind
  /** who did it, as in audit rows */
  actor: string
}

/** `now`: milliseconds. */
export async function tellOwner(
  sql: Sql,
  { subjectId, organisationId, kind, actor }: Touched,
  now: number,
): Promise<void> {
  if (organisationId === null || actor === `person:${subjectId}`) return
  const names = await namesOf(sql, organisationId, [actor])
  await insertAccountNotice(
    sql,
    {
      ...{ organisationId, personId: subjectId, kind },
      facts: { by: names.get(actor) ?? actor, at: new Date(now).toISOString() },
    },
    now,
  )
}
