/**
 * Does `check` find what it is there to find? A sound sample installation in a scratch database is corrupted in one way
 * after the other, each in a transaction that is rolled back (blobs are put back), and every corruption must be named by
 * the invariant that is meant for it. The sound sample itself must give no problem.
 */
import type { Database, Sql } from '../../platform/db/database.ts'
import { firstIdAt, newId } from '../../platform/ids.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { blobKey } from '../../store/blobs/blob-store.ts'
import { corrupt, corruptions, dropPartition } from '../../store/check-corruptions.ts'
import { sqlInvariants, type SqlInvariant } from '../../store/check.ts'
import type { Sample } from '../../store/check-sample.ts'
import { fillSample } from '../../store/check-sample.ts'
import { ensureInstallation } from '../../store/installation.ts'
import { ensurePartitions, partitionsAround } from '../../store/partitions.ts'
import { SWEPT_BY_MS } from '../../store/sweep.ts'
import { appendAudit } from '../audit/index.ts'
import type { CheckReport } from './check.ts'
import { checkDatabase } from './check.ts'
import type { InvariantName } from './invariants.ts'

export interface SelfTestResult {
  corruption: string
  expected: InvariantName
  /** the invariants that were named */
  named: InvariantName[]
  found: boolean
}

interface Bench {
  db: Database
  blobs: BlobStore
  now: number
  sample: Sample
}

const namesOf = (report: CheckReport): InvariantName[] => [
  ...new Set(report.problems.map((problem) => problem.invariant)),
]

class RolledBack extends Error {}

const isSql = (name: InvariantName): name is SqlInvariant => (sqlInvariants as readonly string[]).includes(name)

/** What check says after `act`, as far as it can be of `expected`; everything is undone afterwards. */
async function during(
  bench: Bench,
  expected: InvariantName,
  act: (sql: Sql) => Promise<void>,
): Promise<InvariantName[]> {
  const only = isSql(expected) ? { onlySql: expected } : {}
  let named: InvariantName[] = []
  try {
    await bench.db.transaction(async (sql) => {
      await act(sql)
      named = namesOf(await checkDatabase(sql, { now: bench.now, blobs: bench.blobs, full: true, ...only }))
      throw new RolledBack()
    })
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  }
  return named
}

async function writeBlob(blobs: BlobStore, key: string, bytes: Buffer): Promise<void> {
  const writer = await blobs.create(key)
  await writer.write(bytes)
  await writer.commit()
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  changed[7]! ^= 1
  return changed
}

interface BlobCorruption {
  expected: InvariantName
  text: string
  act: (bench: Bench) => Promise<void>
  /** the check's clock, so that a new blob counts as old */
  later?: number
}

const blobCorruptions: readonly BlobCorruption[] = [
  { expected: 'blob-file', text: 'a blob is gone', act: ({ blobs, sample }) => blobs.remove(sample.blobKey) },
  {
    expected: 'blob-size',
    text: 'a blob was cut short',
    act: ({ blobs, sample }) => writeBlob(blobs, sample.blobKey, sample.blobBytes.subarray(1)),
  },
  {
    expected: 'digest-big',
    text: 'one bit of a blob flipped',
    act: ({ blobs, sample }) => writeBlob(blobs, sample.blobKey, flipped(sample.blobBytes)),
  },
  {
    expected: 'digest-big',
    text: 'one bit of a message in a pack flipped',
    act: ({ blobs, sample }) => writeBlob(blobs, sample.pack.blobKey, flipped(sample.pack.bytes)),
  },
  {
    expected: 'pack-blob',
    text: "a pack's blob is gone",
    act: ({ blobs, sample }) => blobs.remove(sample.pack.blobKey),
  },
  {
    expected: 'pack-blob',
    text: "a pack's blob was cut short",
    act: ({ blobs, sample }) => writeBlob(blobs, sample.pack.blobKey, sample.pack.bytes.subarray(0, -1)),
  },
  {
    expected: 'blob-owner',
    text: 'an old blob without a message',
    act: ({ blobs, sample, now }) =>
      writeBlob(blobs, blobKey(sample.organisationId, now, newId(now)), Buffer.from('x')),
    later: SWEPT_BY_MS + 3_600_000,
  },
]

/** `db` is a migrated, empty database that may be spoilt; `blobs` an empty store. */
export async function selfTest(db: Database, blobs: BlobStore, now: number): Promise<SelfTestResult[]> {
  await ensureInstallation(db, newId(now))
  await ensurePartitions(db, now)
  const sample = await fillSample(db, blobs, now)
  for (let i = 0; i < 3; i++)
    await appendAudit(db, {
      organisationId: sample.organisationId,
      actor: 'engine',
      action: 'applied',
      subject: 'sample',
      detail: { i },
    })
  const bench: Bench = { db, blobs, now, sample }
  const sound = namesOf(await checkDatabase(db, { now, blobs, full: true }))
  if (sound.length > 0) throw new Error(`The sound sample is not sound: ${sound.join(', ')}`)

  const results: SelfTestResult[] = []
  const record = (expected: InvariantName, corruption: string, named: InvariantName[]): void => {
    results.push({ corruption, expected, named, found: named.includes(expected) })
  }
  for (const seed of corruptions)
    record(seed.expected, seed.text, await during(bench, seed.expected, (sql) => corrupt(sql, seed)))
  const today = partitionsAround(now).find(
    (partition) => partition.from <= firstIdAt(now) && firstIdAt(now) < partition.to,
  )!
  record(
    'partitions',
    "today's partition is missing",
    await during(bench, 'partitions', (sql) => dropPartition(sql, today.name)),
  )
  for (const seed of blobCorruptions) {
    await seed.act(bench)
    const report = await checkDatabase(db, { now: now + (seed.later ?? 0), blobs, full: true })
    record(seed.expected, seed.text, namesOf(report))
    await writeBlob(blobs, sample.blobKey, sample.blobBytes)
    await writeBlob(blobs, sample.pack.blobKey, sample.pack.bytes)
  }
  return results
}
