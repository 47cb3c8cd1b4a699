/**
 * A route in its return for tests of core/return: an organisation with alice, bob and carol, deliveries they are owed, and
 * a delivery room that answers by a rule (pretended-room.ts). Call it once at the top of a test file.
 */
import { afterEach, beforeEach } from 'vitest'
import { systemClock } from '../src/platform/clock.ts'
import { DeliveryState, Mode } from '../src/platform/codes.ts'
import type { Database } from '../src/platform/db/database.ts'
import { newId, type Id } from '../src/platform/ids.ts'
import { silentLog } from '../src/platform/log.ts'
import { runReturn, type RunEnd } from '../src/core/return/runner.ts'
import type { ClaimedDelivery, ReturnWorker } from '../src/core/return/ports.ts'
import { claimOldestPerPerson } from '../src/store/returns.ts'
import { freshDatabase, type FreshDatabase } from './database.ts'
import { makeOrganisation, type MadeOrganisation } from './factories.ts'
import { pretendRoom, type PretendedRoom, type Rule } from './pretended-room.ts'
import { expectSound } from './sound.ts'

export interface Owe {
  person?: string
  recipient?: string
  state?: number
  reason?: string
  inSeconds?: number
  messageId?: Id
}

export interface ReturnStage {
  readonly db: Database
  readonly org: MadeOrganisation
  /** this node */
  readonly me: Id
  person(this: void, name: string): Id
  /** An owed delivery with message and copy; ids in the order of the calls. */
  owe(this: void, wish?: Owe): Promise<{ deliveryId: Id; copyId: Id; messageId: Id }>
  claim(this: void, limit?: number): Promise<ClaimedDelivery[]>
  finish(this: void, claims: readonly { deliveryId: Id }[], state?: number): Promise<void>
  stateOf(this: void, deliveryId: Id): Promise<{ state: number; reason: string }>
  pretend(this: void, rule: Rule, eventId?: Id | null): PretendedRoom
  run(
    this: void,
    worker: ReturnWorker,
    goOn?: () => boolean,
    settings?: { startAtOnce?: number; mostAtOnce?: number; perPersonPerMinute?: number },
  ): Promise<RunEnd>
}

export const ids = (claims: readonly { deliveryId: Id }[]): Id[] => claims.map((c) => c.deliveryId)

export function useReturnStage(): ReturnStage {
  let fresh: FreshDatabase
  let org: MadeOrganisation
  let me: Id

  beforeEach(async () => {
    fresh = await freshDatabase({ poolSize: 8 })
    org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], mode: Mode.recovering })
    me = newId(Date.now())
  })
  afterEach(() => fresh.drop())
  // Messages here have no bytes and copies no place, and the pretended delivery room writes less than the real one (roles/main-job.db.test.ts).
  afterEach(() =>
    expectSound(fresh.db, null, {
      except: [
        'body-row',
        'copy-placed',
        'delivery-proof',
        'delivery-finished',
        'delivery-lease',
        'delivery-visible',
        'ledger-attempt',
        'ledger-event',
        'return-proof',
        'folder-counters',
        'folder-uidnext',
      ],
    }),
  )

  const person = (name: string): Id => org.people[name]!.personId

  async function owe(wish: Owe = {}): Promise<{ deliveryId: Id; copyId: Id; messageId: Id }> {
    const deliveryId = newId(Date.now())
    const copyId = newId(Date.now())
    const messageId = wish.messageId ?? newId(Date.now())
    const o = org.organisationId
    await fresh.db.query(
      `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix, subject)
       VALUES ($1, $2, now(), 1, 'x@y.test', 10, '\\x00', 1, '\\x00', 'hello') ON CONFLICT DO NOTHING`,
      [o, messageId],
    )
    await fresh.db.query(
      `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, reason, next_attempt, held, accepted_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), true, now())`,
      [
        o,
        deliveryId,
        messageId,
        wish.recipient ?? `${wish.person ?? 'nobody'}@${org.domain}`,
        wish.person ? person(wish.person) : null,
        org.routeId,
        wish.state ?? DeliveryState.ready,
        wish.reason ?? null,
        wish.inSeconds ?? 0,
      ],
    )
    if (wish.person)
      await fresh.db.query(
        `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id)
         VALUES ($1, $2, $3, $4, 1, 'infinity', 'owed', $5, $2)`,
        [o, copyId, messageId, person(wish.person), deliveryId],
      )
    return { deliveryId, copyId, messageId }
  }
  async function finish(claims: readonly { deliveryId: Id }[], state: number = DeliveryState.delivered): Promise<void> {
    for (const { deliveryId } of claims)
      await fresh.db.query('UPDATE delivery SET state = $2, lease = NULL, finished_at = now() WHERE delivery_id = $1', [
        deliveryId,
        state,
      ])
  }

  return {
    get db() {
      return fresh.db
    },
    get org() {
      return org
    },
    get me() {
      return me
    },
    person,
    owe,
    claim: (limit = 10) =>
      claimOldestPerPerson(fresh.db, {
        organisationId: org.organisationId,
        routeId: org.routeId,
        limit,
        nodeId: me,
        leaseSeconds: 60,
      }),
    finish,
    async stateOf(deliveryId) {
      const rows = await fresh.db.query<{ state: number; reason: string }>(
        'SELECT state, reason FROM delivery WHERE delivery_id = $1',
        [deliveryId],
      )
      return rows[0]!
    },
    pretend: (rule, eventId = null) => pretendRoom(fresh.db, rule, eventId),
    run: (worker, goOn = () => true, settings = {}) =>
      runReturn(
        { db: fresh.db, clock: systemClock, log: silentLog, nodeId: me, leaseSeconds: 60, worker },
        { organisationId: org.organisationId, routeId: org.routeId },
        { startAtOnce: 1, mostAtOnce: 4, ...settings },
        goOn,
      ),
  }
}
