/**
 * Addresses that are known because mail to them was delivered, or because their mail system said so when it was asked: for an
 * admin to look through, and to forget, so that the next mail asks anew. Forgetting is an act of the audit.
 */
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import {
  deleteKnown,
  readKnown,
  readKnownDomains,
  type KnownAddress,
  type KnownDomain,
  type KnownPage,
} from '../../store/known.ts'
import { appendAudit } from '../audit/index.ts'
import { bumpDirectory, foldAddress } from '../directory/index.ts'

export type { KnownAddress }

/** `q`: as somebody types it, an address or a part of one. */
export const knownAddresses = (db: Database, organisationId: Id, { q, ...page }: KnownPage): Promise<KnownAddress[]> =>
  readKnown(db, organisationId, q ? { ...page, q: foldAddress(q) ?? q.normalize('NFC').toLowerCase() } : page)

export const knownDomains = (db: Database, organisationId: Id): Promise<KnownDomain[]> =>
  readKnownDomains(db, organisationId)

/** `what` is folded. How many were forgotten; of nothing no row is written. */
export function forgetKnown(
  db: Database,
  who: { organisationId: Id; actor: string },
  what: { address: string } | { domain: string },
): Promise<number> {
  return db.transaction(async (sql) => {
    const count = await deleteKnown(sql, who.organisationId, what)
    if (count === 0) return 0
    const [kind, subject] = 'address' in what ? ['address', what.address] : ['domain', what.domain]
    await appendAudit(sql, { ...who, action: 'recipients-forgotten', subject: `${kind}:${subject}`, detail: { count } })
    await bumpDirectory(sql)
    return count
  })
}
