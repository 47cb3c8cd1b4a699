/**
 * What an admin may do to one delivery. Each act is one transaction with its audit row (promise 12); an act that does not
 * fit any more (an attempt runs, somebody was quicker) changes nothing and says so.
 */
import { DeliveryState, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { cancelDelivery, deliveryState, leaveParking, markParkedSeen, retryDelivery } from '../../store/queue-view.ts'
import { placeWaiting } from '../mailbox/index.ts'
import type { AuditAction } from '../audit/index.ts'
import { appendAudit } from '../audit/index.ts'

export type DeliveryAct = 'retry' | 'cancel' | 'seen' | 'release' | 'drop'

const actions: Record<DeliveryAct, AuditAction> = {
  retry: 'delivery-retried',
  cancel: 'delivery-cancelled',
  seen: 'parked-seen',
  release: 'parked-released',
  drop: 'parked-dropped',
}

export interface DeliveryActRequest {
  organisationId: Id
  deliveryId: Id
  act: DeliveryAct
  actor: string
}

export async function actOnDelivery(db: Database, request: DeliveryActRequest): Promise<void> {
  const { organisationId, deliveryId, act, actor } = request
  await db.transaction(async (sql) => {
    const before = await deliveryState(sql, organisationId, deliveryId)
    if (!before) throw new WireError('not-found')
    const done =
      act === 'retry'
        ? await retryDelivery(sql, organisationId, deliveryId)
        : act === 'cancel'
          ? await cancelDelivery(sql, organisationId, deliveryId)
          : act === 'seen'
            ? await markParkedSeen(sql, organisationId, deliveryId, actor)
            : await leaveParking(sql, organisationId, deliveryId, act)
    // What a hold kept from them is theirs to read once it is let go.
    if (act === 'release' && done) await placeWaiting(sql, organisationId, deliveryId)
    if (!done) throw new WireError('conflict', whyNot(act, before.state))
    await appendAudit(sql, {
      organisationId,
      actor,
      action: actions[act],
      subject: `delivery:${deliveryId}`,
      detail: { message: before.messageId, from: wordOf(DeliveryState, before.state) },
    })
  })
}

function whyNot(act: DeliveryAct, state: number): string {
  if (act === 'seen' || act === 'release' || act === 'drop') return 'it is not parked any more'
  if (state === DeliveryState.leased) return 'it is being tried just now; look again in a moment'
  if (state === DeliveryState.unsure) return 'it may have arrived; it is tried again by itself when that is known'
  return `it is ${wordOf(DeliveryState, state)} already`
}
