/**
 * Where big bodies live. Two kinds fit behind it: a disk (here) and S3-compatible storage. A blob is written once,
 * whole, and never changed; `commit` returns only when it is durable, so that the database may link it afterwards.
 * A key is `<organisation>/<day>/<id>`: made by us, never by a sender. Where there is no room for it, making, writing and
 * committing a blob throw WireError disk-full.
 */
export interface BlobWriter {
  write(chunk: Buffer): Promise<void>
  /** Durable from here on: fdatasync, rename, fsync of the folder. */
  commit(): Promise<void>
  abort(): Promise<void>
}

export interface BlobStore {
  create(key: string): Promise<BlobWriter>
  /** Bytes from `start` (inclusive) to `end` (exclusive, default the end). Throws WireError bytes-missing when it is not there. */
  read(key: string, start?: number, end?: number): AsyncIterable<Buffer>
  /** null when it is not there. */
  size(key: string): Promise<number | null>
  remove(key: string): Promise<void>
  /**
   * Every key with the time of its last change (ms), in no order. Unfinished writes are listed with `finished: false`;
   * what is not ours is left out.
   */
  list(): AsyncIterable<{ key: string; changedAt: number; finished: boolean }>
}

const KEY = /^[0-9a-f-]{36}\/\d{4}-\d{2}-\d{2}\/[0-9a-f-]{36}$/

export function blobKey(organisationId: string, ms: number, id: string): string {
  return `${organisationId}/${new Date(ms).toISOString().slice(0, 10)}/${id}`
}

export const isBlobKey = (key: string): boolean => KEY.test(key)

/** Throws on anything that is not a key of ours: no path of a stranger reaches the file system. */
export function assertBlobKey(key: string): void {
  if (!isBlobKey(key)) throw new RangeError(`not a blob key: ${JSON.stringify(key)}`)
}
