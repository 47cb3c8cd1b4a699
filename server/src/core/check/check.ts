/**
 * Proves every invariant of an installation: the tables against each other (by SQL), the blob store against the tables
 * (both ways), the bytes against their digests, the audit chain against itself. Streaming: a page of keys at a time.
 *
 * It may run beside a live server: each SQL invariant is one snapshot; what the blob walk suspects is looked at again
 * before it is called a breach. It changes nothing.
 */
import { createHash } from 'node:crypto'
import { BodyStore, reasons } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import { NIL_ID } from '../../platform/ids.ts'
import { LineEndsError, wayBack } from '../../protocols/smtp/line-ends.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import type { Breach, SqlInvariant, StoredMessage } from '../../store/check.ts'
import { bigMessages, breachesOf, mendedMessages, knownBlobs, sqlInvariants } from '../../store/check.ts'
import { isLivingPack, packPage, type Pack } from '../../store/packs.ts'
import { partitionNames, partitionsAround } from '../../store/partitions.ts'
import { SWEPT_BY_MS } from '../../store/sweep.ts'
import { auditChains, verifyAuditChain } from '../audit/index.ts'
import type { InvariantName } from './invariants.ts'
import { invariants } from './invariants.ts'

export interface Problem extends Breach {
  invariant: InvariantName
}

export interface CheckOptions {
  now: number
  /** null: no blob store at hand; messages that need one are a problem then */
  blobs: BlobStore | null
  /** recompute every digest instead of those of one message in 64 */
  full?: boolean
  /** most problems named per invariant */
  most?: number
  /** of the invariants that SQL alone can prove, only this one; left out: all */
  onlySql?: SqlInvariant
}

export interface CheckReport {
  /** names of the invariants that were examined */
  examined: InvariantName[]
  problems: Problem[]
}

const DAY = 86_400_000
const PAGE = 500
const SAMPLE = 4 // of 256

type Key = Pick<StoredMessage, 'organisationId' | 'messageId'>
type Add = (invariant: InvariantName, breach: Breach) => void

async function* pages<T extends Key>(read: (after: Key, limit: number) => Promise<T[]>): AsyncGenerator<T> {
  let after: Key = { organisationId: NIL_ID, messageId: NIL_ID }
  for (;;) {
    const page = await read(after, PAGE)
    yield* page
    const last = page.at(-1)
    if (!last) return
    after = last
  }
}

const sampled = (message: Key, full: boolean): boolean =>
  full || Number.parseInt(message.messageId.slice(-2), 16) < SAMPLE

const nowhere: BlobStore = {
  create: () => Promise.reject(new Error('no blob store')),
  async *read() {
    throw new Error('no blob store')
  },
  size: () => Promise.resolve(null),
  remove: () => Promise.resolve(),
  async *list() {},
}

async function checkBytes(sql: Sql, blobs: BlobStore, full: boolean, add: Add): Promise<void> {
  for await (const message of pages((after, limit) => bigMessages(sql, after, limit))) {
    const about = { organisationId: message.organisationId, subject: `message ${message.messageId}` }
    if (message.bodyStore === BodyStore.blob) {
      const size = message.blobKey === null ? null : await blobs.size(message.blobKey)
      if (size === null) {
        add('blob-file', { ...about, detail: `no blob ${message.blobKey ?? '(no key)'}` })
        continue
      }
      if (size !== message.size)
        add('blob-size', { ...about, detail: `${size} bytes, the message says ${message.size}` })
    }
    if (!sampled(message, full)) continue
    const hash = createHash('sha256')
    try {
      for await (const chunk of openBody(sql, blobs, { ...message, bodyId: message.messageId })) hash.update(chunk)
    } catch {
      continue // missing bytes are another invariant's
    }
    const found = hash.digest()
    if (!found.equals(message.sha256))
      add('digest-big', {
        ...about,
        detail: `SHA-256 ${found.toString('hex')}, accepted was ${message.sha256.toString('hex')}`,
      })
  }
}

/** Of what was mended: the way back leads to what came. */
async function checkMended(sql: Sql, blobs: BlobStore, full: boolean, add: Add): Promise<void> {
  for await (const message of pages((after, limit) => mendedMessages(sql, after, limit))) {
    if (!sampled(message, full)) continue
    const hash = createHash('sha256')
    try {
      const back = wayBack(message.ends)
      for await (const chunk of openBody(sql, blobs, { ...message, bodyId: message.messageId }))
        hash.update(back.write(chunk))
      back.end()
    } catch (error) {
      // Missing bytes are another invariant's.
      if (!(error instanceof LineEndsError)) continue
      hash.update(error.message)
    }
    const found = hash.digest('hex')
    if (found !== message.original)
      add('original-mended', {
        organisationId: message.organisationId,
        subject: `message ${message.messageId}`,
        detail: `SHA-256 ${found}, what came was ${message.original}`,
      })
  }
}

/** A pack that ends while the check runs loses its blob later: what looks lost is looked at again. */
async function checkPacks(sql: Sql, blobs: BlobStore, add: Add): Promise<void> {
  let page: Pack[]
  for (let after = ''; (page = await packPage(sql, after, PAGE)).length > 0; after = page.at(-1)!.blobKey)
    for (const { blobKey, organisationId, bytes } of page) {
      const size = await blobs.size(blobKey)
      if (size === bytes) continue
      if (!(await isLivingPack(sql, blobKey))) continue
      const found = size === null ? 'no blob' : `a blob of ${size} bytes`
      add('pack-blob', { organisationId, subject: `pack ${blobKey}`, detail: `${found}, the pack says ${bytes}` })
    }
}

async function checkBlobOwners(sql: Sql, blobs: BlobStore, now: number, add: Add): Promise<void> {
  let batch: string[] = []
  const flush = async (): Promise<void> => {
    const known = await knownBlobs(sql, batch)
    for (const key of batch)
      if (!known.has(key))
        add('blob-owner', {
          organisationId: key.slice(0, 36),
          subject: `blob ${key}`,
          detail: 'belongs to no message or pack',
        })
    batch = []
  }
  for await (const { key, changedAt } of blobs.list()) {
    if (changedAt > now - SWEPT_BY_MS) continue
    batch.push(key)
    if (batch.length >= PAGE) await flush()
  }
  if (batch.length > 0) await flush()
}

async function checkAudit(sql: Sql, add: Add): Promise<void> {
  for (const organisationId of await auditChains(sql)) {
    const verdict = await verifyAuditChain(sql, organisationId)
    if (!verdict.ok) add('audit-chain', { organisationId, subject: `row ${verdict.seq}`, detail: verdict.problem })
  }
}

async function checkPartitions(sql: Sql, now: number, add: Add): Promise<void> {
  const there = await partitionNames(sql)
  const wanted = partitionsAround(now).filter((partition) => partition.day <= now + DAY)
  for (const { name } of wanted)
    if (!there.has(name)) add('partitions', { organisationId: null, subject: name, detail: 'is missing' })
}

/** Examines everything; the report's `problems` is empty when all is well. */
export async function checkDatabase(sql: Sql, options: CheckOptions): Promise<CheckReport> {
  const most = options.most ?? 50
  const problems: Problem[] = []
  const counts = new Map<InvariantName, number>()
  const add: Add = (invariant, breach) => {
    const count = (counts.get(invariant) ?? 0) + 1
    counts.set(invariant, count)
    if (count <= most) problems.push({ invariant, ...breach })
  }
  const parameters = { most, now: options.now, reasons, sample: options.full ? 256 : SAMPLE }
  const wanted = options.onlySql === undefined ? sqlInvariants : [options.onlySql]
  for (const name of wanted) for (const breach of await breachesOf(sql, name, parameters)) add(name, breach)
  const blobs = options.blobs ?? nowhere
  await checkBytes(sql, blobs, options.full ?? false, add)
  await checkMended(sql, blobs, options.full ?? false, add)
  await checkPacks(sql, blobs, add)
  await checkBlobOwners(sql, blobs, options.now, add)
  await checkAudit(sql, add)
  await checkPartitions(sql, options.now, add)
  return { examined: Object.keys(invariants) as InvariantName[], problems }
}
