/**
 * The manifest of an export: what it holds, how much, and the SHA-256 of every file, so that an import proves that it
 * restores what was exported. Written last: an export without one was not finished.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { z } from 'zod'

export const MANIFEST = 'manifest.json'

const fileSchema = z.strictObject({
  file: z.string().regex(/^[a-z0-9_./-]+$/),
  bytes: z.number().int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  holdfast: z.string(),
  madeAt: z.string(),
  installationId: z.string(),
  epoch: z.number().int().positive(),
  /** true: the source promised never to run again */
  closed: z.boolean(),
  /** number of the newest migration */
  schemaVersion: z.number().int().positive(),
  postgres: z.string(),
  /** of the master key, which is not in here */
  keyFingerprint: z.string(),
  /** days that have bodies, milliseconds */
  bodyDays: z.array(z.number().int()),
  tables: z.array(
    fileSchema.extend({
      name: z.string().regex(/^[a-z_]+$/),
      columns: z.array(z.string().regex(/^[a-z0-9_]+$/)),
      rows: z.number().int().min(0),
    }),
  ),
  blobs: fileSchema.extend({ count: z.number().int().min(0) }),
})
export type Manifest = z.infer<typeof manifestSchema>
export type ManifestFile = z.infer<typeof fileSchema>

/** Writes a stream to a new file, durably, and says how much it was and its digest. */
export async function writeDigested(
  source: Readable | AsyncIterable<Buffer>,
  path: string,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  await pipeline(source, count, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }))
  return { bytes, sha256: hash.digest('hex') }
}

export async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
