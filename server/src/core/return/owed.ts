/**
 * A person deletes mail that is still owed, or takes it back (promise 10). Deleted here before it went home is not sent
 * home; undo makes it owed again. The brake: more than 20 messages and 10 % of what is owed to the person within an hour
 * stay owed until confirmed, because a runaway client or an intruder deletes in bulk, people do not.
 *
 * Runs inside the mailbox room's transaction: the deletion and what it means for the primary commit together. What is
 * just being sent (leased) or may have been (unsure) is left alone.
 */
import type { Clock } from '../../platform/clock.ts'
import { DeliveryState } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import { firstIdAt, newId, type Id } from '../../platform/ids.ts'
import {
  cancelDeliveries,
  cancelSentOwed,
  lockOwed,
  owedBalance,
  restoreDeliveries,
  restoreSentOwed,
} from '../../store/owed.ts'

export interface OwedRequest {
  organisationId: Id
  personId: Id
  copyIds: readonly Id[]
  /** as in audit rows, e.g. 'person:<id>' */
  actor: string
}

export interface CancelResult {
  /** copies no longer owed */
  cancelled: Id[]
  /** deleted here, but owed until the person or an admin confirms */
  needConfirmation: Id[]
  /** just being sent, or perhaps sent already: they go (or went) home */
  underWay: Id[]
}

export const BRAKE_MESSAGES = 20
export const BRAKE_SHARE = 0.1
const HOUR = 3_600_000
/** Ids are made by the clocks of several nodes. */
const CLOCK_SLACK = 60_000

export interface OwedMail {
  cancelOwed(sql: Sql, request: OwedRequest & { confirmed?: boolean }): Promise<CancelResult>
  restoreOwed(sql: Sql, request: OwedRequest): Promise<{ restored: Id[] }>
}

/** The brake as a rule: may `asked` more go, when `deleted` went within the hour and `owed` are still owed? */
export function withinBrake(asked: number, deleted: number, owed: number): boolean {
  const total = asked + deleted
  return total <= BRAKE_MESSAGES || total <= BRAKE_SHARE * (owed + deleted)
}

/** A person under two addresses has two deliveries of one copy. */
const copiesOf = (deliveries: readonly { copyId: Id }[]): Id[] => [...new Set(deliveries.map((d) => d.copyId))]

export function createOwedMail(deps: { clock: Clock }): OwedMail {
  const { clock } = deps
  const ids = (count: number): Id[] => Array.from({ length: count }, () => newId(clock.now()))

  return {
    async cancelOwed(sql, request) {
      const { organisationId, personId } = request
      const found = await lockOwed(sql, request)
      const open = found.filter((d) => d.state === DeliveryState.ready || d.state === DeliveryState.deferred)
      const underWay = found.filter((d) => d.state === DeliveryState.leased || d.state === DeliveryState.unsure)
      const result: CancelResult = { cancelled: [], needConfirmation: [], underWay: copiesOf(underWay) }
      await cancelSentOwed(sql, organisationId, request.copyIds)
      if (open.length === 0) return result
      if (request.confirmed !== true) {
        const sinceLedgerId = firstIdAt(clock.now() - HOUR - CLOCK_SLACK)
        const { owed, deleted } = await owedBalance(sql, { organisationId, personId, sinceLedgerId })
        if (!withinBrake(open.length, deleted, owed)) {
          result.needConfirmation = copiesOf(open)
          return result
        }
      }
      const moved = await cancelDeliveries(sql, {
        organisationId,
        deliveryIds: open.map((d) => d.deliveryId),
        ledgerIds: ids(open.length),
        proof: `deleted here before it went home, by ${request.actor}`,
      })
      const done = new Set(moved.map((d) => d.deliveryId))
      result.cancelled = copiesOf(open.filter((d) => done.has(d.deliveryId)))
      return result
    },

    async restoreOwed(sql, request) {
      const { organisationId } = request
      const gone = (await lockOwed(sql, request)).filter((d) => d.state === DeliveryState.cancelled)
      await restoreSentOwed(sql, organisationId, request.copyIds)
      if (gone.length === 0) return { restored: [] }
      const moved = await restoreDeliveries(sql, {
        organisationId,
        deliveryIds: gone.map((d) => d.deliveryId),
        ledgerIds: ids(gone.length),
        proof: `taken back, owed again, by ${request.actor}`,
      })
      const done = new Set(moved.map((d) => d.deliveryId))
      return { restored: copiesOf(gone.filter((d) => done.has(d.deliveryId))) }
    },
  }
}
