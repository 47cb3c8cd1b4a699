/** Promise 8: a sender who asked hears of a delay once; of our own accord only where a policy says so, never of protected people. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { CopySource } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { createDirectory } from '../directory/index.ts'
import { createAccept, type Accept, type Incoming } from '../queue/index.ts'
import { createOwnId, createRouting } from '../routing/index.ts'
import { createBounces, type Bounces } from './bounces.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let bounces: Bounces
let accept: Accept
let folder: string
let failNote = false
let sent: Incoming[]
const DELAY = 8
const FAILURE = 4

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'], domain: 'corp.test' })
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $1', [org.outboundRouteId])
  folder = mkdtempSync(join(tmpdir(), 'hf-delay-'))
  failNote = false
  sent = []
  const config = configSchema.parse({ hostname: 'mx.test' })
  const shared = { db: fresh.db, clock: systemClock, log: silentLog, config }
  accept = createAccept({
    ...shared,
    metrics: createMetrics(),
    nodeId: newId(1),
    ensureFolders: () => Promise.resolve(),
  })
  const standing = () => {
    throw new Error()
  }
  bounces = createBounces({
    ...shared,
    db: {
      ...fresh.db,
      query: (text, values, name) =>
        failNote && /SET dsn_sent = dsn_sent \|/.test(text)
          ? Promise.reject(new Error('killed here'))
          : fresh.db.query(text, values, name),
    },
    blobs: diskBlobStore(folder),
    accept: {
      ...accept,
      accept: (...unit) => {
        sent.push(...unit)
        return accept.accept(...unit)
      },
    },
    routing: createRouting({
      board: { standing, flow: () => 'relay', isHeldThemselves: () => false, onChange: () => undefined },
      directory: createDirectory(shared),
      clock: systemClock,
      hasRoom: () => false,
    }),
    ownId: createOwnId(keysFrom(Buffer.alloc(32)), newId(1)),
    resolver: (name, type) =>
      name === 'outside.test' && type === 'TXT'
        ? Promise.resolve([['v=spf1 ip4:192.0.2.1 -all']])
        : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  })
})
afterEach(async () => {
  await accept.stop()
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => expectSound(fresh.db, diskBlobStore(folder)))

interface Wish {
  hours: number
  to?: string
  personId?: Id | null
  from?: string
  ip?: string
  notify?: number
}

/** Protected people see their mail here. */
function copyOf(personId: Id, deliveryId: Id, now: number): Incoming['copies'][number] {
  const copyId = newId(now)
  const expiresAt = now + 86_400_000
  return {
    copyId,
    personId,
    source: CopySource.received,
    expiresAt,
    policy: 'organisation:14d',
    deliveryId,
    threadId: copyId,
    folderNo: 1,
    flags: 0,
  }
}

/** Accepted `hours` ago and open since. */
async function open(wish: Wish): Promise<Id> {
  const bytes = Buffer.from('From: s@outside.test\r\nSubject: lunch\r\n\r\nsecret words\r\n')
  const now = Date.now()
  const deliveryId = newId(now)
  const alice = org.people['alice']!.personId
  const personId = wish.personId === undefined ? alice : wish.personId
  await accept.accept({
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: 1,
    envelopeFrom: wish.from ?? 's@outside.test',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    prefix: Buffer.alloc(0),
    headerFrom: null,
    subject: 'lunch',
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: wish.ip ?? '192.0.2.1',
    helo: 'h.outside.test',
    tls: null,
    facts: { envid: 'env-1' },
    copies: personId === alice ? [copyOf(alice, deliveryId, now)] : [],
    deliveries: [
      {
        deliveryId,
        recipient: wish.to ?? 'alice@corp.test',
        personId,
        routeId: org.routeId,
        notify: wish.notify ?? 0,
        orcpt: null,
        hot: false,
        held: true,
        parked: null,
      },
    ],
  })
  await fresh.db.query(
    'UPDATE delivery SET accepted_at = now() - make_interval(secs => $2::float8 * 3600) WHERE delivery_id = $1',
    [deliveryId, wish.hours],
  )
  return deliveryId
}

test('NOTIFY=DELAY: told once after four hours, also about protected people, in the words of RFC 3464', async () => {
  await open({ hours: 3.9, notify: DELAY })
  expect(await bounces.runDelays()).toBe(0)
  const late = await open({ hours: 4.1, notify: DELAY | FAILURE })
  await fresh.db.query(`UPDATE delivery SET state = 2, attempts = 1 WHERE delivery_id = $1`, [late])
  await fresh.db.query(
    `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason, host, smtp_code, enhanced, reply)
     VALUES ($1, $2, 1, 2, 'host-tempfail', 'primary.corp.test', 451, '4.3.2', '451 4.3.2 later')`,
    [org.organisationId, late],
  )
  expect(await bounces.runDelays()).toBe(1)
  expect(sent).toHaveLength(1)
  expect(sent[0]).toMatchObject({ envelopeFrom: '', direction: 3, subject: 'Your message is delayed' })
  expect(sent[0]!.deliveries).toMatchObject([{ recipient: 's@outside.test', routeId: org.outboundRouteId }])
  const text = (sent[0]!.body as { bytes: Buffer }).bytes.toString()
  expect(text).toContain('Action: delayed\r\nStatus: 4.3.2\r\n')
  expect(text).toContain('Original-Envelope-Id: env-1')
  expect(text).not.toContain('Will-Retry-Until')
  expect(text).not.toContain('secret words')
  expect(await bounces.runDelays()).toBe(0)
  expect(await fresh.db.query('SELECT state, dsn_sent FROM delivery WHERE delivery_id = $1', [late])).toEqual([
    { state: 2, dsn_sent: 1 },
  ])
})

test.each<[string, Partial<Wish>]>([
  ['nobody asked and the person is protected', {}],
  ['the list names only FAILURE', { notify: FAILURE }],
  ['the sender cannot be proven', { notify: DELAY, ip: '203.0.113.9' }],
  ['the sender is null', { notify: DELAY, from: '' }],
])('no notice: %s', async (_, wish) => {
  await open({ hours: 100, ...wish })
  expect(await bounces.runDelays()).toBe(0)
  expect(sent).toHaveLength(0)
})

test("the domain's policy covers people without an emergency mailbox and strangers, not protected people", async () => {
  await fresh.db.query('UPDATE domain SET warn_after_hours = 6')
  const bob = await makePerson(fresh.db, org, 'bob')
  await fresh.db.query('UPDATE person SET scope_emergency = false WHERE person_id = $1', [bob.personId])
  await open({ hours: 100 })
  await open({ hours: 5.9, to: 'Early@corp.test', personId: null })
  await open({ hours: 100, to: 'quiet@corp.test', personId: null, notify: FAILURE })
  await open({ hours: 100, to: 'x@world.test', personId: null })
  await open({ hours: 6.1, to: 'bob@Corp.test', personId: bob.personId })
  await open({ hours: 6.1, to: 'list@corp.test', personId: null })
  expect(await bounces.runDelays()).toBe(2)
  const texts = sent.map((one) => (one.body as { bytes: Buffer }).bytes.toString())
  expect(texts.map((text) => /Final-Recipient: rfc822; (.*)\r/.exec(text)![1]).sort()).toEqual([
    'bob@Corp.test',
    'list@corp.test',
  ])
  for (const text of texts) expect(text).toContain('Will-Retry-Until: ')
  expect(await bounces.runDelays()).toBe(0)
})

test('killed between the notice and its note: no second one', async () => {
  await open({ hours: 5, notify: DELAY })
  failNote = true
  await expect(bounces.runDelays()).rejects.toThrow('killed here')
  failNote = false
  await bounces.runDelays()
  expect(await fresh.db.query('SELECT 1 FROM message WHERE direction = 3')).toHaveLength(1)
})

test('told of the delay, refused in the end: the sender hears of that too', async () => {
  const late = await open({ hours: 5, notify: DELAY | FAILURE })
  await bounces.runDelays()
  await fresh.db.query(
    `UPDATE delivery SET state = 11, reason = 'recipient-refused', finished_at = now() WHERE delivery_id = $1`,
    [late],
  )
  expect(await bounces.run()).toBe(1)
  expect(sent.map((one) => one.subject)).toEqual(['Your message is delayed', 'Your message could not be delivered'])
})
