/** The accept batcher against a real database: all or nothing, one bad row, lost connections, a database that hangs. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHash } from 'node:crypto'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createAccept, type Accept } from './accept.ts'
import type { Incoming } from './incoming.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let accept: Accept
let connections: DedicatedSql[]
let madeFolders: string[]

function start(db: Database, answerWithin = 2): Accept {
  return createAccept({
    db,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({ accept: { answerWithin } }),
    nodeId: newId(Date.now()),
    ensureFolders: async (organisationId, people) => {
      madeFolders.push(...people)
      for (const person of people)
        await fresh.db.query(
          `INSERT INTO folder (organisation_id, person_id, folder_no, name, role, uidvalidity) VALUES ($1, $2, 1, 'Inbox', 1, 1) ON CONFLICT DO NOTHING`,
          [organisationId, person],
        )
    },
  })
}

/** The database with every dedicated connection remembered, so that a test can cut it. */
function watched(db: Database): Database {
  return {
    ...db,
    async dedicated(purpose, settings) {
      const sql = await db.dedicated(purpose, settings)
      connections.push(sql)
      return sql
    },
  }
}

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob'], domain: 'corp.test' })
  connections = []
  madeFolders = []
  accept = start(watched(fresh.db))
})
afterEach(async () => {
  await accept.stop()
  await fresh.drop()
})
afterEach(() => expectSound(fresh.db, null))

function message(people: string[], change: Partial<Incoming> = {}): Incoming {
  const now = Date.now()
  const bytes = Buffer.from('Subject: x\r\n\r\nhello\r\n')
  const deliveries = people.map((person) => ({
    deliveryId: newId(now),
    recipient: `${person}@corp.test`,
    personId: org.people[person]!.personId,
    routeId: org.routeId,
    notify: 0,
    orcpt: null,
    hot: false,
    held: false,
    parked: null,
  }))
  return {
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: 1,
    envelopeFrom: 's@outside.test',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    prefix: Buffer.from('Received: x\r\n'),
    headerFrom: null,
    subject: 'x',
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: '192.0.2.1',
    helo: 'outside.test',
    tls: null,
    facts: {},
    deliveries,
    copies: deliveries.map((d) => ({
      copyId: newId(now),
      personId: d.personId,
      source: 1,
      expiresAt: now + 86_400_000,
      policy: 'organisation:14d',
      deliveryId: d.deliveryId,
      threadId: newId(now),
      folderNo: 1,
      flags: 0,
    })),
    ...change,
  }
}

const count = async (table: string): Promise<number> =>
  (await fresh.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]!.n
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error as WireError).code,
  )

test('a hundred sessions at once: every one stored, UIDs without gaps, counters right', async () => {
  await Promise.all(Array.from({ length: 100 }, () => accept.accept(message(['alice', 'bob']))))
  expect(await count('message')).toBe(100)
  expect(await count('body')).toBe(100)
  expect(await count('placement')).toBe(200)
  const folders = await fresh.db.query<{ uidnext: number; total: number; top: number; bytes: number }>(
    `SELECT uidnext, total, bytes, (SELECT max(uid) FROM placement p WHERE p.person_id = f.person_id) AS top FROM folder f WHERE folder_no = 1`,
  )
  for (const folder of folders) expect(folder).toMatchObject({ uidnext: 101, total: 100, top: 100 })
})

test('one row that the database refuses fails its own session alone', async () => {
  const bad = message(['alice'])
  bad.sha256 = null as unknown as Buffer
  const results = await Promise.all([
    ...Array.from({ length: 10 }, () => code(accept.accept(message(['alice'])))),
    code(accept.accept(bad)),
    ...Array.from({ length: 10 }, () => code(accept.accept(message(['bob'])))),
  ])
  expect(results.filter((r) => r === 'accepted')).toHaveLength(20)
  expect(results[10]).toBe('internal')
  expect(await count('message')).toBe(20)
  expect(await count('placement')).toBe(20)
})

test('NUL and half characters in header texts are stored harmlessly', async () => {
  await accept.accept(message(['alice'], { subject: 'a\0b\uD800', headerFrom: '\0' }))
  expect((await fresh.db.query<{ subject: string }>('SELECT subject FROM message'))[0]!.subject).toBe('a\uFFFDb\uFFFD')
})

test('a person without folders gets them, never a lost placement', async () => {
  await fresh.db.query('DELETE FROM folder WHERE person_id = $1', [org.people['alice']!.personId])
  await accept.accept(message(['alice', 'bob']))
  expect(madeFolders).toContain(org.people['alice']!.personId)
  expect(await count('placement')).toBe(2)
})

test('several organisations in one transaction stand or fall together', async () => {
  const other = await makeOrganisation(fresh.db, { people: ['carol'], domain: 'other.test' })
  const second = message([], { organisationId: other.organisationId })
  expect(await code(accept.accept(message(['alice']), second))).toBe('accepted')
  const broken = message([], { organisationId: other.organisationId, sha256: null as unknown as Buffer })
  expect(await code(accept.accept(message(['alice']), broken))).toBe('internal')
  expect(await count('message')).toBe(2)
})

test('a connection cut under way is an unknown outcome, 451, and the next message is taken', async () => {
  await accept.accept(message(['alice']))
  const locker = await fresh.db.dedicated('locker')
  await locker.query('BEGIN')
  await locker.query('SELECT 1 FROM folder WHERE person_id = $1 FOR UPDATE', [org.people['alice']!.personId])
  const waiting = code(accept.accept(message(['alice'])))
  await systemClock.sleep(200)
  await fresh.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast accept' AND datname = current_database()`,
  )
  expect(await waiting).toBe('commit-unknown')
  await locker.query('ROLLBACK')
  await locker.close()
  expect(await code(accept.accept(message(['alice'])))).toBe('accepted')
  expect(await count('message')).toBe(2)
})

test('a database that does not answer: 451 within the stated time, not ready, and a late commit is still handed over', async () => {
  const quick = start(watched(fresh.db), 0.5)
  const handed: string[] = []
  quick.onCommitted((incoming) => handed.push(incoming.messageId))
  await quick.accept(message(['bob']))
  const locker = await fresh.db.dedicated('locker')
  await locker.query('BEGIN')
  await locker.query('SELECT 1 FROM folder WHERE person_id = $1 FOR UPDATE', [org.people['alice']!.personId])
  const began = Date.now()
  const first = message(['alice'])
  const results = await Promise.all([
    code(quick.accept(first)),
    systemClock.sleep(50).then(() => code(quick.accept(message(['bob'])))),
  ])
  expect(results).toEqual(['commit-unknown', 'database-unavailable'])
  expect(Date.now() - began).toBeLessThan(1500)
  expect(quick.healthy()).toBe(false)
  await locker.query('ROLLBACK')
  await locker.close()
  await quick.accept(message(['bob']))
  expect(handed).toContain(first.messageId)
  expect(quick.healthy()).toBe(true)
  // The one that was told 451 while it waited was never stored.
  expect(await count('message')).toBe(3)
  await quick.stop()
})

test('a deadlock with somebody who locks folders in the other order is repeated, not refused', async () => {
  const [a, b] = [org.people['alice']!.personId, org.people['bob']!.personId].sort() as [string, string]
  const results: string[] = []
  for (let round = 0; round < 5; round++) {
    const locker = await fresh.db.dedicated('locker', { deadlock_timeout: '10s' })
    await locker.query('BEGIN')
    await locker.query('UPDATE folder SET modseq = modseq + 1 WHERE person_id = $1 AND folder_no = 1', [b])
    const waiting = code(accept.accept(message(['alice', 'bob'])))
    await systemClock.sleep(50)
    const other = locker
      .query('UPDATE folder SET modseq = modseq + 1 WHERE person_id = $1 AND folder_no = 1', [a])
      .then(
        () => locker.query('COMMIT'),
        () => locker.query('ROLLBACK'),
      )
    results.push(await waiting.catch(() => 'x'))
    await other
    await locker.close()
  }
  expect(results.every((r) => r === 'accepted' || r === 'commit-unknown')).toBe(true)
  expect(results).toContain('accepted')
}, 30_000)

/** The statement is carried out, but its answer never arrives. */
function losesAnswers(db: Database, times: number): Database {
  return {
    ...db,
    async dedicated(purpose, settings) {
      const sql = await db.dedicated(purpose, settings)
      return {
        ...sql,
        async query(text, values, name) {
          const rows = await sql.query(text, values, name)
          if (name === 'accept' && times-- > 0) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
          return rows as never
        },
      }
    },
  }
}
/** The same mail once more, as the sender's next attempt brings it: ids of its own, the same bytes and envelope. */
const again = (first: Incoming): Incoming => message(first.deliveries.map((one) => one.recipient.split('@')[0]!))

test('repeated after a lost answer: the stored one gets the 250, once; the same mail sent once more is new', async () => {
  const losing = start(losesAnswers(fresh.db, 1))
  const first = message(['alice', 'bob'])
  for (const one of first.deliveries) one.hot = true
  expect(await code(losing.accept(first))).toBe('commit-unknown')
  expect(await losing.accept(again(first))).toEqual([first.messageId])
  expect(await count('message')).toBe(1)
  expect(await count('placement')).toBe(2)
  // Nobody handed it over, so it waits to be claimed now, not for a lease to run out.
  expect(await count(`delivery WHERE state = ${DeliveryState.ready} AND lease IS NULL AND next_attempt <= now()`)).toBe(
    2,
  )
  expect(await count(`message WHERE facts->>'repeated' = 'true'`)).toBe(1)
  const third = again(first)
  expect(await losing.accept(third)).toEqual([third.messageId])
  expect(await count('message')).toBe(2)
  await losing.stop()
})

test('repeated after a lost answer by another sender or for another recipient: a message of its own', async () => {
  const losing = start(losesAnswers(fresh.db, 1))
  expect(await code(losing.accept(message(['alice'])))).toBe('commit-unknown')
  await losing.accept(message(['bob']))
  await losing.accept(message(['alice'], { envelopeFrom: 'other@outside.test' }))
  expect(await count('message')).toBe(3)
  await losing.stop()
})

test('nobody repeats it: what was stored goes on all the same', async () => {
  const losing = start(losesAnswers(fresh.db, 1))
  const first = message(['alice'])
  first.deliveries[0]!.hot = true
  expect(await code(losing.accept(first))).toBe('commit-unknown')
  await expect
    .poll(() => count(`delivery WHERE state = ${DeliveryState.ready} AND lease IS NULL`), { timeout: 5000 })
    .toBe(1)
  await losing.stop()
})

test('repeated after a cut that rolled back: it is stored now', async () => {
  const locker = await fresh.db.dedicated('locker')
  await locker.query('BEGIN')
  await locker.query('SELECT 1 FROM folder WHERE person_id = $1 FOR UPDATE', [org.people['alice']!.personId])
  const first = message(['alice'])
  const waiting = code(accept.accept(first))
  await systemClock.sleep(200)
  await fresh.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast accept' AND datname = current_database()`,
  )
  expect(await waiting).toBe('commit-unknown')
  await locker.query('ROLLBACK')
  await locker.close()
  const second = again(first)
  expect(await accept.accept(second)).toEqual([second.messageId])
  expect(await count('message')).toBe(1)
})

test('repeated while its commit is still under way: 451 until it is known, then the first one counts', async () => {
  const quick = start(fresh.db, 0.3)
  const locker = await fresh.db.dedicated('locker')
  await locker.query('BEGIN')
  await locker.query('SELECT 1 FROM folder WHERE person_id = $1 FOR UPDATE', [org.people['alice']!.personId])
  const first = message(['alice'])
  expect(await code(quick.accept(first))).toBe('commit-unknown')
  expect(await code(quick.accept(again(first)))).toBe('commit-unknown')
  await locker.query('ROLLBACK')
  await locker.close()
  await expect.poll(() => count('message')).toBe(1)
  await expect.poll(() => quick.accept(again(first)).catch(() => null)).toEqual([first.messageId])
  expect(await count('message')).toBe(1)
  await quick.stop()
})

test('a warning of the database makes the outcome unknown: a standby that was not waited for is no 250', async () => {
  await fresh.db.query(
    `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RAISE WARNING 'canceling wait for synchronous replication due to user request'; RETURN NULL; END $$`,
  )
  await fresh.db.query('CREATE TRIGGER warn AFTER INSERT ON message FOR EACH STATEMENT EXECUTE FUNCTION warn()')
  const first = message(['alice'])
  expect(await code(accept.accept(first))).toBe('commit-unknown')
  await fresh.db.query('DROP TRIGGER warn ON message')
  expect(await accept.accept(again(first))).toEqual([first.messageId])
  expect(await count('message')).toBe(1)
})
