/** The main job in one process against the stand-in primary: relay, outage, one copy each, return, ledger; refusals. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startDnsServer } from '../../testkit/dns-server.ts'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../testkit/factories.ts'
import { expectSound } from '../../testkit/sound.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { actOnDelivery } from '../core/trace/index.ts'
import { systemClock } from '../platform/clock.ts'
import { DeliveryState, Mode } from '../platform/codes.ts'
import { configSchema } from '../platform/config/config.ts'
import { newId } from '../platform/ids.ts'
import { keysFrom } from '../platform/keys.ts'
import { silentLog } from '../platform/log.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import { startServer, type RunningServer } from './server.ts'

let fresh: FreshDatabase
let primary: StandIn
let sink: StandIn
let org: MadeOrganisation
let server: RunningServer
let folder: string

function start(change: object = {}): Promise<RunningServer> {
  return startServer({
    config: configSchema.parse({
      hostname: 'mx.holdfast.test',
      listen: { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } },
      roles: ['mx', 'deliver', 'work'],
      storage: { reserveBytes: 0 },
      ...change,
    }),
    dataFolder: folder,
    db: fresh.db,
    keys: keysFrom(Buffer.alloc(32, 7)),
    clock: systemClock,
    log: silentLog,
    version: 'test',
  })
}

beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  primary = await startStandIn()
  sink = await startStandIn()
  const route = (port: number) => ({
    hosts: [{ host: '127.0.0.1', port }],
    sensitivity: 'quick',
    unsureWait: 2,
    retryFirst: 1,
    retryMax: 2,
    tls: 'none',
  })
  org = await makeOrganisation(fresh.db, {
    people: ['alice', 'bob'],
    domain: 'corp.test',
    complete: true,
    route: route(primary.port),
    outbound: route(sink.port),
  })
  folder = mkdtempSync(join(tmpdir(), 'hf-main-'))
  server = await start()
})

afterEach(async () => {
  await server.stop()
  await Promise.all([primary.close(), sink.close()])
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
// Beside the running server, as `holdfast check` may.
afterEach(() => expectSound(fresh.db, diskBlobStore(join(folder, 'blobs'))))

const mail = (n: string, extra = ''): string =>
  `From: Sender <sender@outside.test>\r\nTo: alice@corp.test\r\nSubject: Mail ${n}\r\nMessage-ID: <${n}@outside.test>\r\nX-Nonce: nonce-${n}\r\n${extra}\r\nHello ${n}\r\n.a line with a dot\r\n`

const send = (n: string, to = ['alice@corp.test'], from = 'sender@outside.test', bytes = mail(n)) =>
  sendMail(server.ports.mx!, { from, to }, bytes)

async function until(what: string, ready: () => Promise<boolean> | boolean, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const count = async (text: string, values: (string | number)[] = []): Promise<number> =>
  (await fresh.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${text}`, values))[0]!.n
const mode = async (): Promise<number> =>
  (await fresh.db.query<{ mode: number }>('SELECT mode FROM route_mode WHERE route_id = $1', [org.routeId]))[0]!.mode

test('mail is at the primary within moments, with its bytes, and in the mailbox here', async () => {
  const result = await send('n1')
  expect(result.ok).toBe(true)
  const got = await primary.store.waitFor((m) => m.nonce === 'nonce-n1', 5_000)
  expect(got.bytes.toString()).toMatch(/^Received: from sender\.test/)
  expect(got.bytes.toString().endsWith(mail('n1'))).toBe(true)
  await until('outcome written', async () => (await count('delivery WHERE state = 10')) === 1)
  expect(await count('placement')).toBe(1)
  expect(await count('attempt')).toBe(1)
  expect(await count('folder WHERE folder_no = 1 AND total = 1 AND unseen = 1 AND uidnext = 2')).toBe(1)
})

test('an outage: accepted and visible at once, home once each when the primary is back, in order, in the ledger', async () => {
  await send('before')
  await until('relayed', async () => (await count('delivery WHERE state = 10')) === 1)
  await primary.setFault('off')
  for (let i = 0; i < 5; i++) expect((await send(`o${i}`, ['alice@corp.test', 'bob@corp.test'])).ok).toBe(true)
  await until('emergency', async () => (await mode()) === Mode.emergency)
  for (let i = 5; i < 10; i++) expect((await send(`o${i}`, ['alice@corp.test', 'bob@corp.test'])).ok).toBe(true)
  expect(await count('placement')).toBe(21)
  await primary.setFault(null)
  await until('home', async () => (await count('delivery WHERE state = 10')) === 21, 40_000)
  await until('normal', async () => (await mode()) === Mode.normal)
  const alice = primary.store.of('alice@corp.test').map((m) => m.nonce?.slice(6))
  expect([...alice].sort()).toEqual(['before', ...Array.from({ length: 10 }, (_, i) => `o${i}`)].sort())
  expect(alice.slice(1)).toEqual(Array.from({ length: 10 }, (_, i) => `o${i}`))
  expect(await count('ledger WHERE outcome = 1')).toBe(20)
  expect(await count('return_event WHERE finished_at IS NOT NULL')).toBe(1)
  const late = primary.store.of('alice@corp.test').find((m) => m.nonce === 'nonce-o7')!
  expect(late.bytes.toString()).toContain('X-Auto-Response-Suppress')
}, 90_000)

test('a hang after the final dot is unsure, then sent again and marked', async () => {
  await primary.setFault('drop-dot', 1)
  expect((await send('u1')).ok).toBe(true)
  await until('delivered', async () => (await count('delivery WHERE state = 10')) === 1)
  const rows = await fresh.db.query<{ outcome: number; reason: string }>(
    'SELECT outcome, reason FROM attempt ORDER BY attempt_no',
  )
  expect(rows.map((r) => r.reason)).toEqual(['final-reply-lost', 'resent-after-unsure'])
}, 60_000)

test('one refused recipient of two: the other has it; an unaligned sender gets no notice, an admin sees it parked', async () => {
  primary.answer('bob@corp.test', { rcpt: '550 5.2.1 Mailbox disabled' })
  expect((await send('r1', ['alice@corp.test', 'bob@corp.test'])).ok).toBe(true)
  await until('parked', async () => (await count('parking')) === 1)
  expect(await count('delivery WHERE state = $1', [DeliveryState.delivered])).toBe(1)
  expect(await count("delivery WHERE state = 13 AND reason = 'sender-not-aligned'")).toBe(1)
  expect(await count('message WHERE direction = 3')).toBe(0)
})

test('to the world by MX: delivered by a DNS answer, null MX is final, and our own person is told at home', async () => {
  const dns = await startDnsServer({
    'outside.test': { mx: [[10, 'mx.outside.test']] },
    'mx.outside.test': { a: ['127.0.0.1'] },
    'deaf.test': { mx: [[0, '']] },
  })
  await server.stop()
  await fresh.db.query(`UPDATE route SET kind = 3, settings = '{"tls": "none"}' WHERE route_id = $1`, [
    org.outboundRouteId,
  ])
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $1', [org.outboundRouteId])
  server = await start({ dns: { servers: [dns.address], allowPrivate: true }, delivery: { worldPort: sink.port } })
  const alice = org.people['alice']!
  const bytes = Buffer.from('From: alice@corp.test\r\nX-Nonce: nonce-world\r\n\r\nhi\r\n')
  const now = Date.now()
  const routed = await server.core.routing.outbound(
    {
      receivedAt: now,
      threadRoot: null,
      organisationId: org.organisationId,
      outboundRouteId: org.outboundRouteId,
      author: { organisationId: org.organisationId, personId: alice.personId, routeId: org.routeId, address: '' },
    },
    ['x@outside.test', 'y@deaf.test'],
  )
  await server.core.accept.accept({
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: 2,
    envelopeFrom: alice.address,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    prefix: Buffer.alloc(0),
    headerFrom: alice.address,
    subject: null,
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: null,
    helo: null,
    tls: null,
    facts: {},
    deliveries: routed.deliveries,
    copies: [],
  })
  const got = await sink.store.waitFor((m) => m.nonce === 'nonce-world', 10_000)
  expect(got.recipients).toEqual(['x@outside.test'])
  await until('the notice', async () => (await count('delivery WHERE state = 12')) === 1)
  const notice = await primary.store.waitFor((m) => m.bytes.includes('null MX'), 10_000)
  expect(notice.envelopeFrom).toBe('')
  expect(await count('placement WHERE person_id = $1', [alice.personId])).toBe(1)
  await dns.close()
}, 60_000)

test('a hold: what a person sends to the world waits past its end, and leaves when an admin releases it', async () => {
  const { continuity, mailbox, submission } = server.core
  const pin = (pin: 'hold' | null) =>
    continuity.pins.pinRoute({ ...org, pin, reason: 'broken into', actor: 'operator:boss' })
  await pin('hold')
  const owner = { organisationId: org.organisationId, personId: org.people['alice']!.personId }
  const bytes = Buffer.from('From: alice@corp.test\r\nTo: x@outside.test\r\nX-Nonce: nonce-held\r\n\r\nhi\r\n')
  const draft = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: Date.now(), source: 'draft' } as const
  const { copyId } = (await mailbox.appendToFolder(owner, draft))!
  await submission.submit({ ...owner, copyId, identityAddress: 'alice@corp.test' })
  await pin(null)
  await until('the hold is over', async () => (await mode()) === Mode.normal)
  const [row] = await fresh.db.query<{ id: string }>(
    `SELECT delivery_id AS id FROM delivery WHERE state = ${DeliveryState.parked} AND reason = 'pinned-hold'`,
  )
  expect(sink.store.all()).toEqual([])
  await actOnDelivery(fresh.db, { ...org, deliveryId: row!.id, act: 'release', actor: 'operator:boss' })
  const got = await sink.store.waitFor((m) => m.nonce === 'nonce-held', 10_000)
  expect(got.recipients).toEqual(['x@outside.test'])
  await until('outcome written', async () => (await count('delivery WHERE state = 10')) === 1)
}, 60_000)

test('strangers are refused at RCPT, other domains are not relayed, sizes above the inline limit arrive whole', async () => {
  expect((await send('x', ['nobody@corp.test'])).recipients[0]!.reply.code).toBe(550)
  expect((await send('x', ['a@elsewhere.test'])).recipients[0]!.reply.text).toContain('relay')
  const big = mail('big', '').replace('Hello', `${'0123456789'.repeat(7)}\r\n`.repeat(40_000))
  const huge = mail('huge', '').replace('Hello', `${'abcdefghij'.repeat(7)}\r\n`.repeat(160_000))
  for (const [n, bytes] of [
    ['big', big],
    ['huge', huge],
  ] as const) {
    expect((await send(n, ['alice@corp.test'], 'sender@outside.test', bytes)).ok).toBe(true)
    const got = await primary.store.waitFor((m) => m.nonce === `nonce-${n}`, 20_000)
    expect(got.bytes.toString().endsWith(bytes)).toBe(true)
  }
  expect(await count('message WHERE body_store = 2')).toBe(1)
  expect(await count('message WHERE body_store = 3')).toBe(1)
  expect(await count('blob_reservation')).toBe(0)
}, 60_000)
