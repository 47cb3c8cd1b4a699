import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { FreshDatabase } from '../../testkit/database.ts'
import { freshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { expectSound } from '../../testkit/sound.ts'
import { appendAudit, verifyAuditChain } from '../core/audit/index.ts'
import { createMailbox } from '../core/mailbox/index.ts'
import { createPacker } from '../core/packing/index.ts'
import { createBodyIntake } from '../core/queue/index.ts'
import { createOwedMail } from '../core/return/index.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { loadKeys } from '../platform/keys.ts'
import { newId } from '../platform/ids.ts'
import { silentLog } from '../platform/log.ts'
import { createMetrics } from '../platform/metrics.ts'
import { insertBatch } from '../store/accept.ts'
import { blobKey } from '../store/blobs/blob-store.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import { openBody } from '../store/bodies.ts'
import { insertDirectory } from '../store/check-sample-directory.ts'
import { dataTables } from '../store/dump.ts'
import { epochAfter } from '../store/installation.ts'
import type { Context } from './context.ts'
import { blobFolder } from './context.ts'
import { exportAll } from './export.ts'
import { importAll } from './import.ts'

const databases: FreshDatabase[] = []
afterEach(async () => {
  for (const fresh of databases.splice(0)) await fresh.drop()
})

async function contextOf(fresh: FreshDatabase): Promise<Context> {
  databases.push(fresh)
  const dataFolder = mkdtempSync(join(tmpdir(), 'hf-export-'))
  return {
    dataFolder,
    config: configSchema.parse({}),
    clock: systemClock,
    log: silentLog,
    db: fresh.db,
    connection: fresh.connection,
    databaseVersion: 'test',
    keys: () => loadKeys({ dataFolder, masterKeyFile: '', mayMake: true }),
    running: null,
    held: true,
    actor: 'cli:test',
  }
}

/** An organisation with a message in a row, one in the blob store, two old ones beyond the usual partitions, and audit. */
async function fill(context: Context): Promise<void> {
  const { db } = context
  const org = await makeOrganisation(db, { people: ['alice'], domain: 'corp.test' })
  await insertDirectory(db, org.organisationId, org.people['alice']!.personId, () => newId(Date.now()))
  await db.query(`UPDATE route SET secret_sealed = $1 WHERE route_id = $2`, [
    context.keys().seal('x', Buffer.from('s')),
    org.routeId,
  ])
  await db.query(
    `INSERT INTO app_password (app_password_id, organisation_id, person_id, name, protocols, verifier, last_used_at, last_place)
     VALUES ($1, $2, $3, 'Phone', '{1,2}', sha256('x'), now(), '2001:db8:0:0::/64'), ($4, $2, $3, 'Laptop', '{3}', sha256('y'), NULL, NULL)`,
    [newId(Date.now()), org.organisationId, org.people['alice']!.personId, newId(Date.now())],
  )
  const big = randomBytes(100_000)
  const key = blobKey(org.organisationId, Date.now(), newId(Date.now()))
  const writer = await diskBlobStore(blobFolder(context.dataFolder)).create(key)
  await writer.write(big)
  await writer.commit()
  const message = (
    ms: number,
    body: { kind: 'row'; bytes: Buffer } | { kind: 'blob'; blobKey: string },
    bytes: Buffer,
  ) => {
    const deliveryId = newId(ms)
    const copyId = newId(ms)
    return {
      organisationId: org.organisationId,
      messageId: newId(ms),
      receivedAt: ms,
      direction: 1,
      envelopeFrom: 'a@x.test',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body,
      prefix: Buffer.from('Received: x\r\n'),
      headerFrom: 'ü',
      subject: 'tab\there \\N "',
      messageIdHeader: null,
      inReplyTo: null,
      headerDate: ms,
      clientIp: null,
      helo: null,
      tls: null,
      facts: { ret: 'FULL' },
      deliveries: [
        {
          deliveryId,
          recipient: 'alice@corp.test',
          personId: org.people['alice']!.personId,
          routeId: org.routeId,
          notify: 0,
          orcpt: null,
          hot: false,
          held: false,
          parked: null,
        },
      ],
      copies: [
        {
          copyId,
          personId: org.people['alice']!.personId,
          source: 1,
          expiresAt: Infinity,
          policy: 'owed',
          deliveryId,
          threadId: copyId,
          folderNo: 1,
          flags: 0,
        },
      ],
    }
  }
  const small = Buffer.from('Subject: x\r\n\r\nhello\0\xff', 'latin1')
  await insertBatch(
    db,
    [
      message(Date.now(), { kind: 'row', bytes: small }, small),
      message(Date.now(), { kind: 'blob', blobKey: key }, big),
      message(Date.now() - 40 * 86_400_000, { kind: 'row', bytes: small }, small),
      message(Date.now() - 40 * 86_400_000, { kind: 'row', bytes: small }, small),
    ],
    { nodeId: newId(Date.now()), seconds: 60 },
  )
  await appendAudit(db, {
    organisationId: org.organisationId,
    actor: 'cli:test',
    action: 'applied',
    subject: 'x',
    detail: { ünï: [1, 2.5, null] },
  })
}

/** Every table's rows as text, in a fixed order: equal strings mean equal contents. */
async function contents(context: Context): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  for (const table of await dataTables(context.db)) {
    const rows = await context.db.query<{ t: string }>(`SELECT x::text AS t FROM ${table.name} x ORDER BY 1`)
    all[table.name] = rows.map((row) => row.t).join('\n')
  }
  return all
}

async function target(source: Context): Promise<Context> {
  const context = await contextOf(await freshDatabase({ empty: true }))
  copyFileSync(join(source.dataFolder, 'master.key'), join(context.dataFolder, 'master.key'))
  return context
}

async function exported(close = false): Promise<{ source: Context; dir: string }> {
  const source = await contextOf(await freshDatabase())
  source.keys()
  await fill(source)
  const dir = join(source.dataFolder, 'export')
  await exportAll(source, dir, close, '0.0.0')
  return { source, dir }
}

test('an export of a closed installation comes back row for row, with its epoch and its blobs', async () => {
  const { source, dir } = await exported(true)
  const context = await target(source)
  const result = await importAll(context, dir)
  expect(result.epoch).toBe(1)
  const [before, after] = [await contents(source), await contents(context)]
  const differing = Object.keys(before).filter((name) => before[name] !== after[name])
  expect(before['app_password']!.split('\n')).toHaveLength(2)
  // the import writes its own audit row and takes the closing back
  expect(differing.sort()).toEqual(['audit', 'audit_head', 'installation'])
  const [blob] = await context.db.query<{ key: string }>(
    'SELECT blob_key AS key FROM message WHERE blob_key IS NOT NULL',
  )
  expect(await diskBlobStore(blobFolder(context.dataFolder)).size(blob!.key)).toBe(100_000)
  const [org] = await context.db.query<{ id: string }>('SELECT organisation_id AS id FROM organisation')
  expect(await verifyAuditChain(context.db, org!.id)).toMatchObject({ ok: true })
  // the old day has its partition
  expect(await context.db.query('SELECT count(*)::int AS n FROM body_default')).toEqual([{ n: 0 }])
})

test('packs are exported once each, ended ones not, and every message is found in its pack after the import', async () => {
  const source = await contextOf(await freshDatabase())
  source.keys()
  await fill(source)
  const { db, clock, log, config } = source
  const room = { check: () => undefined, spend: () => undefined, isFull: () => false }
  const blobs = diskBlobStore(blobFolder(source.dataFolder))
  const packer = createPacker({ db, blobs, clock, log, config, metrics: createMetrics(), disk: room })
  expect(await packer.run()).toMatchObject({ packs: 1, messages: 2 })
  await db.query(
    `INSERT INTO pack SELECT replace(blob_key, '-', 'a'), organisation_id, first_id, last_id, 7, 7, now(), now(), now() FROM pack`,
  )
  await expectSound(db, blobs)
  const dir = join(source.dataFolder, 'export')
  expect((await exportAll(source, dir, true, '0.0.0')).blobs.count).toBe(2)
  const context = await target(source)
  await importAll(context, dir)
  const arrived = diskBlobStore(blobFolder(context.dataFolder))
  const packed = await context.db.query<{ organisationId: string; bodyId: string }>(
    'SELECT organisation_id AS "organisationId", message_id AS "bodyId" FROM message WHERE body_store = 5',
  )
  expect(packed).toHaveLength(2)
  for (const one of packed) {
    const pieces: Buffer[] = []
    for await (const piece of openBody(context.db, arrived, { ...one, bodyStore: 5, blobKey: null })) pieces.push(piece)
    expect(Buffer.concat(pieces).toString('latin1')).toBe('Subject: x\r\n\r\nhello\0\xff')
  }
  await expectSound(context.db, arrived)
})

test('an import from a source that may go on begins an epoch and makes open deliveries unsure', async () => {
  const { source, dir } = await exported()
  const context = await target(source)
  const result = await importAll(context, dir)
  expect(result.unsure).toBe(4)
  expect(result.epoch).toBeGreaterThan(1)
  expect(await context.db.query('SELECT epoch FROM installation')).toEqual([{ epoch: result.epoch }])
  expect(await context.db.query('SELECT DISTINCT state, reason FROM delivery')).toEqual([
    { state: 3, reason: 'restored' },
  ])
  await expect(importAll(context, dir)).rejects.toThrow(/not empty/)
})

/** What clients hold on to: UIDVALIDITY per folder, and a JMAP state. */
async function known(context: Context) {
  const { db, config, clock, log } = context
  const blobs = diskBlobStore(blobFolder(context.dataFolder))
  const bodies = createBodyIntake({ db, blobs, clock, config })
  const mailbox = createMailbox({ db, blobs, bodies, config, clock, log, owed: createOwedMail({ clock }) })
  const folders = await db.query<{ no: number; uidvalidity: number }>(
    'SELECT folder_no AS no, uidvalidity FROM folder ORDER BY folder_no',
  )
  const state = await mailbox.formatState('e', new Map([[1, { modseq: 7, uid: Number.MAX_SAFE_INTEGER, base: 7 }]]))
  await bodies.stop()
  return { folders, state, parses: async (text: string) => (await mailbox.parseState('e', text)) !== null }
}

test('after an import no client trusts what it knew: UIDVALIDITY and states are new, unless the source was closed', async () => {
  for (const close of [false, true]) {
    const { source, dir } = await exported(close)
    const before = await known(source)
    const context = await target(source)
    await importAll(context, dir)
    const after = await known(context)
    expect(after.folders).toHaveLength(6)
    expect(await before.parses(before.state)).toBe(true)
    expect(await after.parses(after.state)).toBe(true)
    if (close) {
      expect(after.folders).toEqual(before.folders)
      expect(after.state).toBe(before.state)
      continue
    }
    expect(after.state).not.toBe(before.state)
    expect(await after.parses(before.state)).toBe(false)
    after.folders.forEach(({ no, uidvalidity }, i) => {
      expect(no).toBe(before.folders[i]!.no)
      // RFC 9051 section 2.3.1.1: it only grows.
      expect(uidvalidity).toBeGreaterThan(before.folders[i]!.uidvalidity)
    })
    expect(new Set(after.folders.map((folder) => folder.uidvalidity)).size).toBe(6)
  }
})

test('the same export restored again is another epoch: what was learned from the first restore is not trusted', async () => {
  const { source, dir } = await exported()
  const restores = []
  for (const later of [0, 1000]) {
    const context = await target(source)
    const clock = { ...systemClock, now: () => systemClock.now() + later }
    restores.push({ ...(await importAll({ ...context, clock }, dir)), ...(await known(context)) })
  }
  const [first, second] = restores
  expect(second!.epoch).toBeGreaterThan(first!.epoch)
  expect(await second!.parses(first!.state)).toBe(false)
  second!.folders.forEach(({ uidvalidity }, i) => {
    expect(uidvalidity).toBeGreaterThan(first!.folders[i]!.uidvalidity)
    expect(uidvalidity).toBeLessThan(2 ** 32)
  })
})

test('an epoch is above its source, however far the clock is behind', () => {
  expect(epochAfter(1, Date.UTC(2025, 0, 1, 0, 0, 7))).toBe(7)
  expect(epochAfter(9, Date.UTC(2025, 0, 1, 0, 0, 7))).toBe(10)
  expect(epochAfter(9, 0)).toBe(10)
})

test('a damaged, unfinished or foreign export changes nothing', async () => {
  const { source, dir } = await exported()
  const context = await target(source)
  const file = join(dir, 'tables/message.copy')
  const good = readFileSync(file)
  appendFileSync(file, 'x')
  await expect(importAll(context, dir)).rejects.toThrow(/message\.copy is not what was exported/)
  writeFileSync(file, good)
  const key = join(context.dataFolder, 'master.key')
  writeFileSync(key, `${randomBytes(32).toString('base64')}\n`)
  await expect(importAll(context, dir)).rejects.toThrow(/sealed under/)
  rmSync(key)
  await expect(importAll(context, dir)).rejects.toThrow(/master key of the source/)
  copyFileSync(join(source.dataFolder, 'master.key'), key)
  rmSync(join(dir, 'manifest.json'))
  await expect(importAll(context, dir)).rejects.toThrow(/not finished/)
  expect(await context.db.query(`SELECT to_regclass('message') AS t`)).toEqual([{ t: null }])
})

test('the export has no master key, and refuses a folder with something in it', async () => {
  const { source, dir } = await exported()
  expect(existsSync(join(dir, 'master.key'))).toBe(false)
  await expect(exportAll(source, dir, false, '0')).rejects.toThrow(/not empty/)
})
