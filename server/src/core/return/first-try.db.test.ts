/** After an answered probe one delivery may try: the oldest of its person, in an emergency only, one at a time. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { AttemptOutcome, EvidenceKind, Mode, Pin } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { openPassage } from '../../store/claims.ts'
import type { Leave } from '../directory/index.ts'
import { createFirstTry } from './first-try.ts'
import type { ClaimedDelivery } from './ports.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], mode: Mode.emergency })
})
// Rows without messages' bytes and copies: nothing a check would find sound.
afterEach(() => fresh.drop())

async function owe(name: string): Promise<Id> {
  const [deliveryId, messageId] = [newId(Date.now()), newId(Date.now())]
  await fresh.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
     VALUES ($1, $2, now(), 1, 'x@y.test', 10, '\\x00', 1, '\\x00')`,
    [org.organisationId, messageId],
  )
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, held, accepted_at)
     VALUES ($1, $2, $3, $4, $5, $6, 0, now(), true, now())`,
    [org.organisationId, deliveryId, messageId, `${name}@corp.test`, org.people[name]!.personId, org.routeId],
  )
  return deliveryId
}

function stage(standing: { mode: Mode; pin: Pin | null; home?: Leave }, goesWell = false, pace: object = {}) {
  const tried: { ids: Id[]; isTrial: boolean | undefined }[] = []
  let end: () => void = () => undefined
  const firstTry = createFirstTry({
    db: fresh.db,
    log: silentLog,
    nodeId: newId(Date.now()),
    leaseSeconds: 60,
    board: {
      standing: () => ({ ...standing, organisationId: org.organisationId }) as never,
      ofRoute: () => ({ mode: standing.mode, by: standing.pin === null ? 'engine' : 'route', takes: false }),
      // As the board says it: of a route that is closed nobody else passes.
      passage: (_, routeId) => ({ ...openPassage, others: routeId === undefined }),
    },
    routes: {
      get: () => ({ settings: { return: pace }, switching: { home: standing.home ?? 'automatic' } }) as never,
    },
    isStopping: () => false,
    worker: {
      attempt(claims: ClaimedDelivery[], ended, how) {
        tried.push({ ids: claims.map((one) => one.deliveryId), isTrial: how?.isTrial })
        if (goesWell) {
          ended(
            claims.map(({ deliveryId }) => ({
              deliveryId,
              outcome: AttemptOutcome.delivered,
              evidence: EvidenceKind.good,
            })),
          )
          return Promise.resolve()
        }
        return new Promise<void>((resolve) => {
          end = resolve
        })
      },
    },
  })
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150))
  return { firstTry, tried, settle, end: () => end() }
}

test('one at a time, the oldest, as a trial', async () => {
  const first = await owe('alice')
  await owe('alice')
  const second = await owe('bob')
  const { firstTry, tried, settle, end } = stage({ mode: Mode.emergency, pin: null })
  firstTry(org.routeId)
  firstTry(org.routeId)
  await expect.poll(() => tried).toHaveLength(1)
  firstTry(org.routeId)
  await settle()
  expect(tried).toEqual([{ ids: [first], isTrial: true }])
  end()
  // Alice's first is still leased here, so her second waits behind it.
  const next = () => {
    firstTry(org.routeId)
    return tried.slice(1)
  }
  await expect.poll(next).toEqual([{ ids: [second], isTrial: true }])
})

test.each([
  ['another mode', { mode: Mode.normal, pin: null }],
  ['the return has begun', { mode: Mode.recovering, pin: null }],
  ['a pin', { mode: Mode.emergency, pin: Pin.emergency }],
  ['somebody is asked before mail goes home', { mode: Mode.emergency, pin: null, home: 'ask' as const }],
  ['mail goes home by hand', { mode: Mode.emergency, pin: null, home: 'byHand' as const }],
])('%s: nothing is tried', async (_, standing) => {
  await owe('alice')
  const { firstTry, tried, settle } = stage(standing)
  firstTry(org.routeId)
  await settle()
  expect(tried).toEqual([])
})

test('nothing is owed: nothing is tried', async () => {
  const { firstTry, tried, settle } = stage({ mode: Mode.emergency, pin: null })
  firstTry(org.routeId)
  await settle()
  expect(tried).toEqual([])
})

test('while they go well, the next; with a pace, one for each probe', async () => {
  for (const name of ['alice', 'bob']) await owe(name)
  const paced = stage({ mode: Mode.emergency, pin: null }, true, { perSecond: 1 })
  paced.firstTry(org.routeId)
  await expect.poll(() => paced.tried).toHaveLength(1)
  await paced.settle()
  expect(paced.tried).toHaveLength(1)
  await owe('carol')
  const { firstTry, tried, settle } = stage({ mode: Mode.emergency, pin: null }, true)
  firstTry(org.routeId)
  await expect.poll(() => tried).toHaveLength(2)
  await settle()
  expect(tried).toHaveLength(2)
})
