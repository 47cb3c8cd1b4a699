/** A pin that is set while claimed mail is on its way: nothing that has not begun goes past it. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ids, useReturnStage } from '../../../testkit/return-fixture.ts'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState, Mode, Pin } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { insertBodyRow } from '../../store/bodies.ts'
import { openPassage } from '../../store/claims.ts'
import { claimOldestPerPerson } from '../../store/returns.ts'
import { createRouteBook } from '../directory/index.ts'
import { createDelivery, type Delivery } from './index.ts'

const stage = useReturnStage()
const { owe, person, stateOf } = stage
let primary: StandIn
let folder: string
let delivery: Delivery
const pinned = new Map<Id, Pin>()
let routePin: Pin | null = null

beforeEach(async () => {
  pinned.clear()
  routePin = null
  folder = mkdtempSync(join(tmpdir(), 'hf-pins-'))
  primary = await startStandIn()
  await stage.db.query('UPDATE route SET settings = $2 WHERE route_id = $1', [
    stage.org.routeId,
    JSON.stringify({ hosts: [{ host: '127.0.0.1', port: primary.port }], tls: 'none' }),
  ])
  const routes = createRouteBook({ db: stage.db, clock: systemClock, log: silentLog })
  await routes.refresh()
  delivery = createDelivery({
    db: stage.db,
    blobs: diskBlobStore(folder),
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({}),
    nodeId: stage.me,
    routes,
    board: {
      standing: (routeId) => ({
        organisationId: stage.org.organisationId,
        routeId,
        mode: Mode.recovering,
        since: 0,
        pin: routePin,
        version: 1,
        returnEventId: null,
      }),
      flow: () => 'paced',
      onChange: () => undefined,
      decision: ({ personId }) =>
        personId !== null && pinned.has(personId)
          ? { mode: Mode.hold, by: 'person' }
          : { mode: Mode.recovering, by: routePin === null ? 'engine' : 'route' },
      isKeptBack: ({ personId }) => personId !== null && pinned.has(personId),
      ofRoute: () => ({ mode: Mode.recovering, by: 'engine', takes: true }),
      passage: () => ({ ...openPassage, waitPersons: [...pinned.keys()] }),
    },
    mailboxes: { failed: () => undefined, taken: () => undefined, claimTries: () => Promise.resolve([]) },
    quiet: { isIdle: () => true, holds: () => null, generation: () => 0 },
    evidence: { report: () => undefined },
    directory: { learn: async () => undefined },
    openSecret: () => '',
    offers: { saw: () => undefined },
    world: {
      lookUpMx: () => Promise.reject(new Error('not asked')),
      tlsaOf: () => Promise.resolve({ kind: 'none' }),
      hostTlsa: () => Promise.resolve({ kind: 'none' }),
      policyOf: () => Promise.resolve(null),
      port: 25,
    },
    returnHeaders: () => '',
    onWithdrawn: () => undefined,
  })
})
afterEach(async () => {
  await delivery.stop()
  await primary.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Owed mail with its bytes. */
async function oweMail(name: string): Promise<Id> {
  const { deliveryId, messageId } = await owe({ person: name })
  const bytes = Buffer.alloc(10, 'x')
  await insertBodyRow(stage.db, stage.org.organisationId, messageId, bytes)
  await stage.db.query('UPDATE message SET sha256 = $2 WHERE message_id = $1', [
    messageId,
    createHash('sha256').update(bytes).digest(),
  ])
  return deliveryId
}
const claim = (limit: number, depth: number) =>
  claimOldestPerPerson(stage.db, {
    organisationId: stage.org.organisationId,
    routeId: stage.org.routeId,
    limit,
    depth,
    nodeId: stage.me,
    leaseSeconds: 60,
  })

test('a person who is pinned after the first of several gets none of the rest; others go on', async () => {
  const alice = [await oweMail('alice'), await oweMail('alice'), await oweMail('alice')]
  const bob = [await oweMail('bob'), await oweMail('bob')]
  const claims = await claim(2, 8)
  expect(ids(claims).sort()).toEqual([...alice, ...bob].sort())
  const untried: Id[] = []
  await delivery.attempt(claims, (results) => {
    if (results.some(({ deliveryId }) => deliveryId === alice[0])) pinned.set(person('alice'), Pin.hold)
    for (const { deliveryId, tried } of results) if (tried === false) untried.push(deliveryId)
  })
  expect(untried.sort()).toEqual(alice.slice(1))
  expect((await stateOf(alice[0]!)).state).toBe(DeliveryState.delivered)
  for (const id of alice.slice(1)) expect((await stateOf(id)).state).toBe(DeliveryState.ready)
  for (const id of bob) expect((await stateOf(id)).state).toBe(DeliveryState.delivered)
})

test('a trial that was claimed before the route was pinned is given back', async () => {
  const id = await oweMail('alice')
  const claims = await claim(1, 1)
  routePin = Pin.hold
  const tried: (boolean | undefined)[] = []
  await delivery.attempt(claims, (results) => tried.push(...results.map((result) => result.tried)), { isTrial: true })
  expect(tried).toEqual([false])
  expect((await stateOf(id)).state).toBe(DeliveryState.ready)
  expect(primary.connections).toBe(0)
})

test('a trial without a pin goes', async () => {
  const id = await oweMail('alice')
  await delivery.attempt(await claim(1, 1), () => undefined, { isTrial: true })
  expect((await stateOf(id)).state).toBe(DeliveryState.delivered)
})
