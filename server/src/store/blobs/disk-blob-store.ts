/**
 * BlobStore on a disk: `<folder>/<organisation>/<day>/<id>`, written under a `.part` name beside it and renamed. Names are
 * made durable like bytes: the folder by each commit, the folders above it once a process, whoever made them.
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { WireError } from '../../platform/errors.ts'
import { assertBlobKey, isBlobKey, type BlobStore } from './blob-store.ts'

interface DiskFile {
  write(bytes: Buffer, offset: number): Promise<{ bytesWritten: number }>
  datasync(): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}
/** The calls that change what is on the disk; tests put a disk behind them that forgets what was not synced. */
export interface Disk {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>
  open(path: string, flags: 'r' | 'w', mode?: number): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  rm(path: string, options: { force: true }): Promise<void>
}

const absent = (error: unknown): boolean => (error as { code?: string }).code === 'ENOENT'

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT'])

/** A full disk is said to the sender as what it is (452). */
async function inRoom<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { code } = error as { code?: unknown }
    throw typeof code === 'string' && NO_ROOM.has(code)
      ? new WireError('disk-full', undefined, { cause: error })
      : error
  }
}

export function diskBlobStore(folder: string, disk: Disk = { mkdir, open, rename, rm }): BlobStore {
  /** folders of which this process knows that their names are durable */
  const durable = new Map<string, Promise<void>>()
  const pathOf = (key: string): string => {
    assertBlobKey(key)
    return join(folder, key)
  }

  async function syncFolder(path: string): Promise<void> {
    const handle = await disk.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async function makeDurable(path: string): Promise<void> {
    await disk.mkdir(path, { recursive: true, mode: 0o700 })
    for (let at = path; at.length >= dirname(folder).length; at = dirname(at)) await syncFolder(at)
  }

  /** Also where the folder exists: another message, or a process that was killed, may have made it a moment ago. */
  function ensureFolder(path: string): Promise<void> {
    const known = durable.get(path)
    if (known) return known
    const made = makeDurable(path)
    durable.set(path, made)
    made.catch(() => durable.delete(path))
    return made
  }

  return {
    async create(key) {
      const path = pathOf(key)
      await inRoom(ensureFolder(dirname(path)))
      const part = `${path}.part`
      const handle = await inRoom(disk.open(part, 'w', 0o600))
      const commit = async (): Promise<void> => {
        await handle.datasync()
        await handle.close()
        await disk.rename(part, path)
        await syncFolder(dirname(path))
      }
      return {
        async write(chunk) {
          for (let at = 0; at < chunk.length;) at += (await inRoom(handle.write(chunk, at))).bytesWritten
        },
        commit: () => inRoom(commit()),
        async abort() {
          await handle.close().catch(() => undefined)
          await disk.rm(part, { force: true })
        },
      }
    },
    async *read(key, start = 0, end) {
      const path = pathOf(key)
      if (end !== undefined && end <= start) return
      const range = { start, ...(end === undefined ? {} : { end: end - 1 }), highWaterMark: 262_144 }
      try {
        for await (const chunk of createReadStream(path, range)) yield chunk as Buffer
      } catch (error) {
        throw absent(error) ? new WireError('bytes-missing', `there is no blob ${key}`, { cause: error }) : error
      }
    },
    async size(key) {
      try {
        return (await stat(pathOf(key))).size
      } catch (error) {
        if (absent(error)) return null
        throw error
      }
    },
    async remove(key) {
      await disk.rm(pathOf(key), { force: true })
      await disk.rm(`${pathOf(key)}.part`, { force: true })
    },
    async *list() {
      const walk = async function* (path: string): AsyncGenerator<string> {
        const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
          if (absent(error)) return []
          throw error
        })
        for (const entry of entries)
          if (entry.isDirectory()) yield* walk(join(path, entry.name))
          else yield join(path, entry.name)
      }
      for await (const path of walk(folder)) {
        const name = relative(folder, path)
        const key = name.replace(/\.part$/, '')
        const info = isBlobKey(key) ? await stat(path).catch(() => null) : null
        if (info) yield { key, changedAt: info.mtimeMs, finished: !name.endsWith('.part') }
      }
    },
  }
}
