/**
 * One domain of a way to the world takes its mail as slowly as it can, and thousands wait for it: the mail of others is claimed
 * and goes all the same, and of what is given back nothing is lost, sent twice or counted as an attempt.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { plainIncoming } from '../../../testkit/incoming.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState, Direction, Mode, RouteKind } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { openPassage } from '../../store/claims.ts'
import { createRouteBook } from '../directory/index.ts'
import { createAccept, type Accept, type Incoming } from '../queue/index.ts'
import { createDelivery, type Delivery } from './index.ts'
import { MOST_CLAIMED, MOST_FRESH } from './places.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let accept: Accept
let delivery: Delivery
let folder: string
let hop: Server
const sockets = new Set<Socket>()
/** recipients, once for each message that was taken */
let taken: string[]
/** MAIL for the slow domain is answered when this is done */
let patience: Promise<void>
let goOn: () => void
const me = newId(1)

/** The host of all domains: what comes from the list waits as long as the test says. */
async function serve(socket: Socket): Promise<void> {
  sockets.add(socket)
  socket.on('error', () => undefined)
  let rest = ''
  let to = ''
  let inData = false
  socket.write('220 hop\r\n')
  for await (const chunk of socket) {
    rest += String(chunk)
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 2)
      if (line.startsWith('MAIL FROM:<list@')) await patience
      if (line.startsWith('RCPT TO:')) to = line.slice(9, line.indexOf('>'))
      if (inData && line !== '.') continue
      if (inData) taken.push(to)
      inData = line === 'DATA'
      socket.write(inData ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 Ok\r\n')
    }
  }
}

beforeEach(async () => {
  taken = []
  patience = new Promise((resolve) => (goOn = resolve))
  hop = createServer((socket) => void serve(socket).catch(() => undefined))
  await new Promise<void>((resolve) => hop.listen(0, '127.0.0.1', resolve))
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, { outbound: { tls: 'none', connections: 5, retryFirst: 3600 } })
  await fresh.db.query('UPDATE route SET kind = $2 WHERE route_id = $1', [org.outboundRouteId, RouteKind.mx])
  folder = mkdtempSync(join(tmpdir(), 'hf-slow-'))
  const config = configSchema.parse({ hostname: 'mx.test' })
  const shared = { db: fresh.db, clock: systemClock, log: silentLog, metrics: createMetrics(), config, nodeId: me }
  accept = createAccept({ ...shared, ensureFolders: () => Promise.resolve() })
  const routes = createRouteBook(shared)
  await routes.refresh()
  delivery = createDelivery({
    ...shared,
    blobs: diskBlobStore(folder),
    routes,
    board: {
      standing: (routeId) => ({
        organisationId: org.organisationId,
        routeId,
        mode: Mode.normal,
        since: 0,
        pin: null,
        version: 1,
        returnEventId: null,
      }),
      flow: () => 'relay',
      onChange: () => undefined,
      decision: () => ({ mode: Mode.normal, by: 'engine' }),
      isKeptBack: () => false,
      ofRoute: () => ({ mode: Mode.normal, by: 'engine', takes: true }),
      passage: () => openPassage,
    },
    mailboxes: { failed: () => undefined, taken: () => undefined, claimTries: () => Promise.resolve([]) },
    quiet: { isIdle: () => true, holds: () => null, generation: () => 0 },
    evidence: { report: () => undefined },
    directory: { learn: async () => undefined },
    openSecret: () => '',
    offers: { saw: () => undefined },
    world: {
      lookUpMx: (domain) =>
        Promise.resolve({ kind: 'hosts', hosts: [{ host: domain, address: '127.0.0.1', priority: 0 }] }),
      tlsaOf: () => Promise.resolve({ kind: 'none' }),
      hostTlsa: () => Promise.resolve({ kind: 'none' }),
      policyOf: () => Promise.resolve(null),
      port: (hop.address() as AddressInfo).port,
    },
    returnHeaders: () => '',
    onWithdrawn: () => undefined,
  })
})
afterEach(async () => {
  goOn()
  await delivery.stop()
  await accept.stop()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  hop.close()
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => expectSound(fresh.db, diskBlobStore(folder)))

/** Accepted; `hot`: leased to us, to be handed over. */
async function accepted(from: string, recipient: string, hot: boolean): Promise<Incoming> {
  const now = Date.now()
  const bytes = Buffer.from(`To: ${recipient}\r\n\r\nx\r\n`)
  const unit = plainIncoming({
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: Direction.outbound,
    envelopeFrom: from,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    deliveries: [
      {
        deliveryId: newId(now),
        recipient,
        personId: null,
        routeId: org.outboundRouteId,
        notify: 0,
        orcpt: null,
        hot,
        held: false,
        parked: null,
      },
    ],
  })
  await accept.accept(unit)
  return unit
}
const list = (count: number, hot: boolean, name = 'm'): Promise<Incoming[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => accepted('list@corp.test', `${name}${i}@slow.test`, hot)))
/** It waits in the queue and is due: the last of all that is. */
async function waiting(recipient: string): Promise<void> {
  const { deliveries } = await accepted('alice@corp.test', recipient, false)
  const { deliveryId } = deliveries[0]!
  await fresh.db.query('UPDATE delivery SET next_attempt = now() WHERE delivery_id = $1', [deliveryId])
}
interface Row {
  deliveryId: Id
  state: number
  attempts: number
  wait: number
}
const rows = (state: number): Promise<Row[]> =>
  fresh.db.query<Row>(
    `SELECT delivery_id AS "deliveryId", state, attempts, extract(epoch FROM next_attempt - now())::float8 AS wait
     FROM delivery WHERE state = $1 ORDER BY next_attempt, delivery_id`,
    [state],
  )

test('fresh mail for a slow domain without end: the waiting mail of another goes at once', async () => {
  for (const unit of await list(MOST_FRESH + 500, true)) delivery.handOver(unit)
  await waiting('bob@fine.test')
  delivery.start()
  await expect.poll(() => taken, { timeout: 10_000 }).toEqual(['bob@fine.test'])
  await expect.poll(() => rows(DeliveryState.ready).then((all) => all.length), { timeout: 10_000 }).toBe(500)
  const back = await rows(DeliveryState.ready)
  expect(back.every(({ attempts, wait }) => attempts === 0 && wait > 1)).toBe(true)
  // Not all at the same moment.
  expect(back.at(-1)!.wait - back[0]!.wait).toBeGreaterThan(8)
  await expect.poll(() => rows(DeliveryState.leased).then((all) => all.length)).toBe(MOST_FRESH)
})

test('waiting mail for a slow domain, more than is claimed at once many times over, before that of another', async () => {
  await list(10 * MOST_CLAIMED, false)
  await waiting('bob@fine.test')
  delivery.start()
  await expect.poll(() => taken, { timeout: 10_000 }).toEqual(['bob@fine.test'])
  // What was taken before it was known to be slow.
  expect((await rows(DeliveryState.leased)).length).toBeLessThan(MOST_FRESH)
  await waiting('carol@fine.test')
  await expect.poll(() => taken, { timeout: 5_000 }).toEqual(['bob@fine.test', 'carol@fine.test'])
})

test('nothing of it is lost, sent twice or counted; what may have arrived stays marked', async () => {
  const units = [...(await list(MOST_FRESH + 200, true)), ...(await list(300, false, 'q'))]
  const unsure = units.at(-1)!.deliveries[0]!.deliveryId
  await fresh.db.query('UPDATE delivery SET state = $2 WHERE delivery_id = $1', [unsure, DeliveryState.unsure])
  for (const unit of units.slice(0, MOST_FRESH + 200)) delivery.handOver(unit)
  delivery.start()
  const putOff = async (): Promise<number> => {
    const all = [...(await rows(DeliveryState.ready)), ...(await rows(DeliveryState.unsure))]
    return all.filter(({ wait }) => wait > 1).length
  }
  await expect.poll(putOff, { timeout: 10_000 }).toBe(500)
  const [marked] = await rows(DeliveryState.unsure)
  expect(marked).toMatchObject({ deliveryId: unsure, attempts: 0 })
  expect(await fresh.db.query('SELECT FROM attempt')).toEqual([])
  goOn()
  // The clock of the database is not ours to move.
  const hurry = setInterval(
    () =>
      void fresh.db.query('UPDATE delivery SET next_attempt = now() WHERE state IN (0, $1)', [DeliveryState.unsure]),
    200,
  )
  try {
    await expect.poll(() => taken.length, { timeout: 30_000 }).toBe(units.length)
    await expect
      .poll(() => rows(DeliveryState.delivered).then((all) => all.length), { timeout: 10_000 })
      .toBe(units.length)
  } finally {
    clearInterval(hurry)
  }
  expect(new Set(taken).size).toBe(units.length)
  expect((await rows(DeliveryState.delivered)).every(({ attempts }) => attempts === 1)).toBe(true)
  const attempts = await fresh.db.query<{ reason: string; n: number }>(
    'SELECT reason, count(*)::int AS n FROM attempt GROUP BY reason ORDER BY reason',
  )
  expect(attempts).toEqual([
    { reason: 'delivered', n: units.length - 1 },
    { reason: 'resent-after-unsure', n: 1 },
  ])
})
