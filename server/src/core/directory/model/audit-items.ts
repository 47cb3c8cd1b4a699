/** What a declaration changed, as one audit row of the organisation; written at the very end of the transaction. */
import type { Id } from '../../../platform/ids.ts'
import type { AuditEntry } from '../../audit/index.ts'
import type { PlanItem } from './diff.ts'

export function auditItems(
  audits: AuditEntry[],
  about: { organisationId: Id; subject: string; actor: string },
  items: PlanItem[],
  passwords: number,
): void {
  const done = items.filter((item) => item.act !== 'leave' && item.act !== 'keep')
  if (done.length === 0 && passwords === 0) return
  audits.push({
    ...about,
    action: 'applied',
    detail: {
      // The first ones by name; thousands of people do not make a page of audit.
      changes: done
        .slice(0, 100)
        .map((item) =>
          `${item.act} ${item.thing} ${item.name}${item.detail === '' ? '' : `: ${item.detail}`}`.slice(0, 300),
        ),
      total: done.length,
      passwords,
    },
  })
}
