/** A delivery room that answers by a rule and moves the rows as the real one does. */
import type { AttemptResult, ClaimedDelivery, ReturnWorker } from '../src/core/return/ports.ts'
import { AttemptOutcome, DeliveryState, EvidenceKind } from '../src/platform/codes.ts'
import type { Sql } from '../src/platform/db/database.ts'
import { newId, type Id } from '../src/platform/ids.ts'

/** `n`: how many it has tried with this one */
export type Rule = (claim: ClaimedDelivery, n: number) => 'good' | 'mailbox-full' | 'route-down'
export type PretendedRoom = ReturnWorker & { log: ClaimedDelivery[]; most: number }

export function pretendRoom(sql: Sql, rule: Rule, eventId: Id | null): PretendedRoom {
  let now = 0
  const worker = {
    log: [] as ClaimedDelivery[],
    most: 0,
    async attempt(claims: ClaimedDelivery[], ended: (results: AttemptResult[]) => void): Promise<void> {
      const lanes = new Map<string, ClaimedDelivery[]>()
      for (const one of claims) {
        const owner = one.personId ?? one.recipient
        lanes.set(owner, [...(lanes.get(owner) ?? []), one])
      }
      await Promise.all(
        [...lanes.values()].map(async (lane) => {
          let isDown = false
          for (const one of lane) {
            if (isDown) {
              await sql.query(
                'UPDATE delivery SET state = 0, lease = NULL, next_attempt = now() WHERE delivery_id = $1',
                [one.deliveryId],
              )
              ended([
                {
                  deliveryId: one.deliveryId,
                  outcome: AttemptOutcome.deferred,
                  evidence: EvidenceKind.neutral,
                  tried: false,
                },
              ])
              continue
            }
            const result = await worker.one(one)
            isDown = result.evidence === EvidenceKind.connectRefused
            ended([result])
          }
        }),
      )
    },
    async one(one: ClaimedDelivery): Promise<AttemptResult> {
      worker.most = Math.max(worker.most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 3))
      worker.log.push(one)
      const what = rule(one, worker.log.length)
      const good = what === 'good'
      const reason = what === 'mailbox-full' ? 'recipient-tempfail' : 'connect-refused'
      await sql.query(
        `UPDATE delivery SET state = $2, lease = NULL, reason = $3, next_attempt = now() + interval '60 s', attempts = attempts + 1 WHERE delivery_id = $1`,
        [one.deliveryId, good ? DeliveryState.delivered : DeliveryState.deferred, good ? 'delivered' : reason],
      )
      const outcome = good ? AttemptOutcome.delivered : AttemptOutcome.deferred
      await sql.query(
        `INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, '250 ok')`,
        [
          one.organisationId,
          newId(Date.now()),
          eventId,
          one.routeId,
          one.personId,
          one.deliveryId,
          one.messageId,
          outcome,
        ],
      )
      now -= 1
      return {
        deliveryId: one.deliveryId,
        outcome,
        evidence: good
          ? EvidenceKind.good
          : what === 'mailbox-full'
            ? EvidenceKind.neutral
            : EvidenceKind.connectRefused,
      }
    },
  }
  return worker
}
