/** Promise 9: a notice only for an aligned sender, once, whatever is killed; else parked; never silence. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { createAccept, type Accept, type Incoming, type MessageFacts } from '../queue/index.ts'
import { createOwnId, createRouting } from '../routing/index.ts'
import { createDirectory } from '../directory/index.ts'
import { actOnDelivery } from '../trace/index.ts'
import { createBounces, type Bounces } from './bounces.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let accept: Accept
let folder: string
let accepts: Incoming[]
let failNote = false
let bytesLost = false
let directoryFails = false

/** outside.test and bücher.test have SPF for 192.0.2.1 only; nobody else has any. */
const resolver = (name: string, type: string): Promise<string[][]> =>
  ['outside.test', 'xn--bcher-kva.test'].includes(name) && type === 'TXT'
    ? Promise.resolve([['v=spf1 ip4:192.0.2.1 -all']])
    : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))

function bounces(): Bounces {
  const away = (): Promise<never> => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }))
  const db = directoryFails ? { ...fresh.db, query: away } : fresh.db
  const directory = createDirectory({ db, clock: systemClock, log: silentLog })
  return createBounces({
    db: failNote
      ? {
          ...fresh.db,
          query: (text, values, name) =>
            /dsn_sent = dsn_sent \||facts - 'asked'/.test(text)
              ? Promise.reject(new Error('killed here'))
              : fresh.db.query(text, values, name),
        }
      : fresh.db,
    blobs: diskBlobStore(folder),
    clock: systemClock,
    log: silentLog,
    config: configSchema.parse({ hostname: 'mx.test' }),
    accept: {
      ...accept,
      accept: (...unit) => {
        accepts.push(...unit)
        return accept.accept(...unit)
      },
    },
    routing: createRouting({
      board: {
        standing: () => {
          throw new Error()
        },
        flow: () => 'relay',
        isHeldThemselves: () => false,
        onChange: () => undefined,
      },
      directory,
      clock: systemClock,
      hasRoom: () => false,
    }),
    ownId: createOwnId(keysFrom(Buffer.alloc(32)), newId(1)),
    resolver,
  })
}

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'], domain: 'corp.test' })
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $1', [org.outboundRouteId])
  folder = mkdtempSync(join(tmpdir(), 'hf-bounce-'))
  accepts = []
  failNote = false
  bytesLost = false
  directoryFails = false
  accept = createAccept({
    db: fresh.db,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({}),
    nodeId: newId(1),
    ensureFolders: () => Promise.resolve(),
  })
})
afterEach(async () => {
  await accept.stop()
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => expectSound(fresh.db, diskBlobStore(folder), { except: bytesLost ? ['body-row', 'blob-file'] : [] }))

interface Change {
  facts?: MessageFacts
  from?: string
  ip?: string
  notify?: number
  direction?: number
  text?: string
  forwarded?: boolean
  /** it ran out of time instead of being refused */
  expired?: boolean
}

async function refused(change: Change): Promise<void> {
  const bytes = Buffer.from(change.text ?? 'From: s@outside.test\r\nSubject: lunch\r\n\r\nhello\r\n')
  const now = Date.now()
  await accept.accept({
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: (change.direction ?? 1) as 1,
    envelopeFrom: change.from ?? 's@outside.test',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    prefix: Buffer.alloc(0),
    headerFrom: null,
    subject: 'lunch',
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: change.ip ?? '192.0.2.1',
    helo: 'h.outside.test',
    tls: null,
    facts: { ...change.facts, ...(change.forwarded ? { forwarded: true } : {}) },
    copies: [],
    deliveries: [
      {
        deliveryId: newId(now),
        recipient: 'alice@corp.test',
        personId: null,
        routeId: org.routeId,
        notify: change.notify ?? 0,
        orcpt: null,
        hot: false,
        held: false,
        parked: null,
      },
    ],
  })
  await refuse(change)
}
/** What an attempt that was refused, or that was one too many, writes. */
async function refuse({ expired = false }: Change = {}): Promise<void> {
  const [reason, outcome, code, enhanced, reply] = expired
    ? ['expired', 2, 451, '4.3.0', 'not now']
    : ['recipient-refused', 3, 550, '5.1.1', 'no such user']
  await fresh.db.query(
    `WITH upd AS (
       UPDATE delivery SET state = 11, reason = $1, finished_at = now(), attempts = attempts + 1
       WHERE state = 0 AND recipient = 'alice@corp.test' RETURNING organisation_id, delivery_id, attempts)
     INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason, host, smtp_code, enhanced, reply)
     SELECT organisation_id, delivery_id, attempts, $2, $1, 'p', $3, $4, $5 FROM upd`,
    [reason, outcome, code, enhanced, reply],
  )
}
const states = async () =>
  (
    await fresh.db.query<{ state: number; reason: string }>(
      `SELECT state, reason FROM delivery WHERE recipient = 'alice@corp.test'`,
    )
  )[0]!
const parked = async () => (await fresh.db.query('SELECT 1 FROM parking')).length

test('SPF says it is the sender: one notice with the reason, null sender, by the way out', async () => {
  await refused({})
  expect(await bounces().run()).toBe(1)
  expect(await states()).toMatchObject({ state: 12 })
  expect(accepts).toHaveLength(1)
  expect(accepts[0]).toMatchObject({ envelopeFrom: '', direction: 3 })
  expect(accepts[0]!.deliveries[0]).toMatchObject({ recipient: 's@outside.test', routeId: org.outboundRouteId })
  expect((accepts[0]!.body as { bytes: Buffer }).bytes.toString()).toContain('no such user')
  expect(await bounces().run()).toBe(0)
})

test.each([
  ['asked for', { ret: 'FULL' }, true],
  ['asked for, but it must be kept in TLS (RFC 8689)', { ret: 'FULL', tls: 'required' }, false],
] as const)('the whole message with the notice, %s', async (_, facts, isWhole) => {
  await refused({ facts, text: 'From: <s@outside.test>\r\nSubject: lunch\r\n\r\nsecret words\r\n' })
  expect(await bounces().run()).toBe(1)
  const notice = (accepts[0]!.body as { bytes: Buffer }).bytes.toString()
  expect(notice).toContain('Subject: lunch')
  expect(notice.includes('secret words')).toBe(isWhole)
})

test.each([
  ['a sender beyond ASCII', 'jürgen@outside.test', 'jürgen@outside.test', true],
  // The same domain in A-labels passes everywhere.
  ['a domain beyond ASCII', 'juergen@Bücher.test', 'juergen@xn--bcher-kva.test', false],
])('%s: the notice can arrive, and says what it needs on the way (RFC 6531, RFC 6533)', async (_, from, to, utf8) => {
  await refused({ from, text: `From: <${from}>\r\nSubject: Grüße\r\n\r\nhello\r\n` })
  expect(await bounces().run()).toBe(1)
  expect(await states()).toMatchObject({ state: 12 })
  const [notice] = accepts
  expect(notice!.deliveries[0]).toMatchObject({ recipient: to, routeId: org.outboundRouteId })
  expect(notice!.facts).toEqual({
    about: expect.any(String),
    ...(utf8 ? { smtputf8: true, eightbit: true } : {}),
  })
  const { bytes } = notice!.body as { bytes: Buffer }
  expect(bytes.toString()).toContain(`To: <${to}>\r\n`)
  expect(bytes.some((octet) => octet > 0x7f)).toBe(utf8)
  expect(bytes.toString()).toContain(`Content-Type: message/${utf8 ? 'global-' : ''}delivery-status`)
})

test.each([
  ['a forged sender', { ip: '203.0.113.9' }, 'sender-not-aligned'],
  ['a sender without any policy', { from: 'x@nowhere.test' }, 'sender-not-aligned'],
  ['the null sender', { from: '' }, 'null-sender'],
])('%s: no notice, parked', async (_, change, reason) => {
  await refused(change)
  await bounces().run()
  expect(await states()).toMatchObject({ state: 13, reason })
  expect(await parked()).toBe(1)
  expect(accepts).toHaveLength(0)
})

test('NOTIFY=NEVER is honoured: refused in the trace, nobody told', async () => {
  await refused({ notify: 1 })
  await bounces().run()
  expect(await states()).toMatchObject({ state: 11 })
  expect(accepts).toHaveLength(0)
  expect(await bounces().run()).toBe(0)
})

test('what ran out of time: the sender who can be proven gets one notice, status 4.4.7, and it is expired', async () => {
  await refused({ expired: true })
  expect(await bounces().run()).toBe(1)
  expect(await states()).toMatchObject({ state: 15, reason: 'expired' })
  const text = (accepts[0]!.body as { bytes: Buffer }).bytes.toString()
  expect(text).toContain('Action: failed\r\nStatus: 4.4.7\r\n')
  expect(text).toContain('did not take it for several days')
  expect(await bounces().run()).toBe(0)
})

test.each([
  ['a forged sender', { ip: '203.0.113.9' }, 'sender-not-aligned'],
  ['the null sender', { from: '' }, 'null-sender'],
  ['a sender who does not want to hear', { notify: 1 }, 'expired'],
  ['a sender who wants to hear of delays only', { notify: 8 }, 'expired'],
])('what ran out of time, from %s: parked, where an admin sees it', async (_, change, reason) => {
  await refused({ ...change, expired: true })
  await bounces().run()
  expect(await states()).toMatchObject({ state: 13, reason })
  expect(await parked()).toBe(1)
  expect(accepts).toHaveLength(0)
})

test('released by an admin and refused once more: parked once more, never out of sight', async () => {
  await refused({ ip: '203.0.113.9' })
  const it = bounces()
  await it.run()
  const [row] = await fresh.db.query<{ id: string }>('SELECT delivery_id AS id FROM parking')
  const { organisationId } = org
  await actOnDelivery(fresh.db, { organisationId, deliveryId: row!.id, act: 'release', actor: 'cli:test' })
  expect(await parked()).toBe(0)
  await refuse()
  expect(await it.run()).toBe(1)
  expect(await states()).toMatchObject({ state: 13, reason: 'sender-not-aligned' })
  expect(await parked()).toBe(1)
})

test('one of our own people is told at home', async () => {
  await refused({ from: 'alice@corp.test', ip: '203.0.113.9', direction: 2 })
  await bounces().run()
  expect(accepts[0]!.copies[0]).toMatchObject({ personId: org.people['alice']!.personId, folderNo: 1 })
})

test('what a primary forwards is its sender’s, who must be proven like anybody', async () => {
  await refused({ from: 's@outside.test', ip: '203.0.113.9', direction: 2, forwarded: true })
  await bounces().run()
  expect(accepts).toEqual([])
  expect(await states()).toMatchObject({ state: 13, reason: 'sender-not-aligned' })
})

/** Handed over to a server that sends no confirmations, for a sender who asked for one. */
async function relayed(change: Change): Promise<void> {
  await refused({ notify: 2, ...change })
  await fresh.db.query(`UPDATE delivery SET state = 10, reason = 'relayed' WHERE state = 11`)
  await fresh.db.query(`UPDATE attempt SET outcome = 1, smtp_code = 250, enhanced = '2.6.0', reply = 'took it'`)
}

test('asked for success, and the next server confirms nothing: one relayed notice (RFC 3461 section 5.2.2)', async () => {
  await relayed({})
  expect(await bounces().runRelayed()).toBe(1)
  expect(accepts[0]).toMatchObject({ envelopeFrom: '', direction: 3 })
  expect(accepts[0]!.deliveries[0]).toMatchObject({ recipient: 's@outside.test' })
  const text = (accepts[0]!.body as { bytes: Buffer }).bytes.toString()
  expect(text).toContain('Action: relayed\r\nStatus: 2.6.0\r\n')
  expect(await states()).toMatchObject({ state: 10 })
  expect(await bounces().runRelayed()).toBe(0)
  expect(accepts).toHaveLength(1)
})

test('the next server speaks LMTP: it lies in the mailbox, and the notice says delivered (RFC 2033, RFC 3461 section 5.2.3)', async () => {
  await relayed({})
  await fresh.db.query(`UPDATE route SET settings = settings || '{"protocol": "lmtp"}'`)
  expect(await bounces().runRelayed()).toBe(1)
  const text = (accepts[0]!.body as { bytes: Buffer }).bytes.toString()
  expect(text).toContain('Action: delivered\r\nStatus: 2.6.0\r\n')
  expect(text).not.toContain('handed over')
  await fresh.db.query(`UPDATE route SET settings = settings - 'protocol'`)
})

/** Posted to a list by a sender who wants to hear that it has it; what became of a member is another's affair. */
const posted = (change: Change = {}): Promise<void> =>
  relayed({
    facts: {
      list: 'news@corp.test',
      ret: 'HDRS',
      asked: { orcpt: 'rfc822;News@corp.test', envid: 'Q7' },
      ...change.facts,
    },
    ...change,
    notify: 0,
  })
const listText = () => (accepts[0]!.body as { bytes: Buffer }).bytes.toString()

test('posted to a list, and asked for success: one delivered notice that names the list (RFC 3461 section 5.2.7.3)', async () => {
  await posted()
  await fresh.db.query(`UPDATE delivery SET reason = NULL`)
  expect(await bounces().runRelayed()).toBe(1)
  expect(accepts[0]).toMatchObject({ envelopeFrom: '', direction: 3 })
  expect(accepts[0]!.deliveries[0]).toMatchObject({ recipient: 's@outside.test' })
  expect(listText()).toContain('Original-Envelope-Id: Q7\r\n')
  expect(listText()).toContain(
    'Original-Recipient: rfc822; News@corp.test\r\nFinal-Recipient: rfc822; news@corp.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n',
  )
  expect(await bounces().runRelayed()).toBe(0)
  expect(accepts).toHaveLength(1)
  expect(await fresh.db.query(`SELECT 1 FROM message WHERE facts ? 'asked'`)).toEqual([])
  expect(await fresh.db.query(`SELECT 1 FROM message WHERE facts->>'list' = 'news@corp.test'`)).toHaveLength(1)
})

test('one of our own people who posts hears of it at home; killed in between, once', async () => {
  await posted({ from: 'alice@corp.test', ip: '203.0.113.9', direction: 2 })
  await fresh.db.query(`UPDATE delivery SET reason = NULL`)
  failNote = true
  await expect(bounces().runRelayed()).rejects.toThrow('killed here')
  failNote = false
  await bounces().runRelayed()
  expect(accepts).toHaveLength(1)
  expect(accepts[0]!.copies[0]).toMatchObject({ personId: org.people['alice']!.personId, folderNo: 1 })
})

test.each([['a forged sender', { ip: '203.0.113.9' }]])('%s of a posting hears nothing', async (_, change) => {
  await posted(change)
  await fresh.db.query(`UPDATE delivery SET reason = NULL`)
  expect(await bounces().runRelayed()).toBe(0)
  expect(accepts).toEqual([])
  expect(await fresh.db.query(`SELECT 1 FROM message WHERE facts ? 'asked'`)).toEqual([])
})

test('killed between the relayed notice: the next run makes no second one', async () => {
  await relayed({})
  failNote = true
  await expect(bounces().runRelayed()).rejects.toThrow('killed here')
  failNote = false
  await bounces().runRelayed()
  expect((await fresh.db.query('SELECT 1 FROM message WHERE direction = 3')).length).toBe(1)
})

test.each([
  ['a forged sender', { ip: '203.0.113.9' }],
  ['the null sender', { from: '' }],
])('%s hears nothing of success, and nothing is parked', async (_, change) => {
  await relayed(change)
  expect(await bounces().runRelayed()).toBe(0)
  expect(accepts).toEqual([])
  expect(await parked()).toBe(0)
  expect(await fresh.db.query(`SELECT 1 FROM delivery WHERE state = 10 AND dsn_sent = 0`)).toEqual([])
})

test('killed between the notice and its note: the next run makes no second one', async () => {
  await refused({})
  failNote = true
  await expect(bounces().run()).rejects.toThrow('killed here')
  failNote = false
  await bounces().run()
  expect(await states()).toMatchObject({ state: 12 })
  expect((await fresh.db.query('SELECT 1 FROM message WHERE direction = 3')).length).toBe(1)
})

test('one notice that cannot be made keeps nobody else waiting, and ends at an admin', async () => {
  await refused({})
  // Its bytes are missing: every try throws.
  bytesLost = true
  await fresh.db.query(`DELETE FROM body`)
  await fresh.db.query(`UPDATE delivery SET recipient = 'broken@corp.test', finished_at = now() - interval '1 hour'`)
  await refused({})
  const of = async (recipient: string) =>
    (await fresh.db.query<{ state: number }>('SELECT state FROM delivery WHERE recipient = $1', [recipient]))[0]!.state
  const it = bounces()
  await expect(it.run()).rejects.toThrow()
  expect(await of('alice@corp.test')).toBe(12)
  for (let i = 0; i < 4; i++) await it.run().catch(() => undefined)
  expect(await of('broken@corp.test')).toBe(13)
  expect(await fresh.db.query('SELECT reason FROM parking')).toEqual([{ reason: 'bytes-missing' }])
  expect(await it.run()).toBe(0)
})

test('a blob that is not there is not taken for a database that is away: the others are told, an admin sees it', async () => {
  await refused({})
  bytesLost = true
  await fresh.db.query('DELETE FROM body')
  await fresh.db.query(`UPDATE message SET body_store = 3, blob_key = organisation_id || '/2026-11-02/' || message_id`)
  await fresh.db.query(`UPDATE delivery SET recipient = 'broken@corp.test', finished_at = now() - interval '1 hour'`)
  await refused({})
  const it = bounces()
  await expect(it.run()).rejects.toMatchObject({ code: 'bytes-missing' })
  expect(await states()).toMatchObject({ state: 12 })
  for (let i = 0; i < 4; i++) await it.run().catch(() => undefined)
  expect(await fresh.db.query('SELECT reason FROM parking')).toEqual([{ reason: 'bytes-missing' }])
  expect(await it.run()).toBe(0)
})

test('no way out to the sender: parked, and said so', async () => {
  await refused({})
  await fresh.db.query('UPDATE organisation SET outbound_route_id = NULL')
  await bounces().run()
  expect(await states()).toMatchObject({ state: 13, reason: 'no-way-to-sender' })
  expect(await parked()).toBe(1)
})

test('a database that is away while the way to the sender is looked up parks nothing', async () => {
  await refused({})
  directoryFails = true
  for (let i = 0; i < 6; i++) await expect(bounces().run()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(await states()).toMatchObject({ state: 11 })
  directoryFails = false
  await bounces().run()
  expect(await states()).toMatchObject({ state: 12 })
})
