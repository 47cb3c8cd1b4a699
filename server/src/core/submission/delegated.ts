/** Whom a person may write as, by their own addresses and those that were delegated to them; and the record of who did. */
import { DelegationKind, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { OwnAddress } from '../../store/submissions.ts'
import { appendAudit } from '../audit/index.ts'
import type { MailOwner } from '../mailbox/index.ts'
import type { MayWrite } from './outgoing.ts'

export function mayWriteAs(addresses: readonly OwnAddress[]): MayWrite {
  const of = (kind: number | null): string[] =>
    addresses.filter(({ delegated }) => delegated === kind).map(({ address }) => address)
  return { own: of(null), sendAs: of(DelegationKind.sendAs), onBehalf: of(DelegationKind.onBehalf) }
}

/**
 * Who writes from an address that is not their own: the message itself may not say it, so the audit does, before it leaves.
 * A try that is refused afterwards stands there as well.
 */
export async function noteDelegated(db: Database, owner: MailOwner, identity: OwnAddress, copyId: Id): Promise<void> {
  if (identity.delegated === null) return
  await db.transaction((sql) =>
    appendAudit(sql, {
      organisationId: owner.organisationId,
      actor: `person:${owner.actorId ?? owner.personId}`,
      action: 'sent-for-another',
      subject: `person:${owner.personId}`,
      detail: { from: identity.address, how: wordOf(DelegationKind, identity.delegated!), copy: copyId },
    }),
  )
}
