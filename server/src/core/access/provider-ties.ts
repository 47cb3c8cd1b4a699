/** What admins see and do of sign-ins by an identity provider: who depends on it, and letting somebody come with another account. */
import type { Database, Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import * as store from '../../store/provider-sign-in.ts'
import { peopleWithoutWay } from '../../store/ways-back.ts'
import { appendAudit } from '../audit/index.ts'

/** Addresses of people with no other way in; null: the organisation has no provider. */
export async function onlyByProvider(sql: Sql, organisationId: Id): Promise<string[] | null> {
  if (!(await store.providerOf(sql, organisationId))) return null
  return peopleWithoutWay(sql, organisationId)
}

/** False: the person never came by one. */
export function untieProvider(
  db: Database,
  { organisationId, personId, actor }: { organisationId: Id; personId: Id; actor: string },
): Promise<boolean> {
  return db.transaction(async (sql) => {
    if (!(await store.untie(sql, personId))) return false
    await appendAudit(sql, { organisationId, actor, action: 'provider-untied', subject: `person:${personId}` })
    return true
  })
}
