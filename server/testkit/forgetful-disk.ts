/**
 * A disk that loses at a crash whatever was not synced, as a machine does that loses its power: bytes of a file that were
 * not forced out, names in a folder that was not. It does its work on a real folder (so anybody may read there) and
 * remembers beside it what would survive; `crash` puts the folder back to that.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../src/store/blobs/disk-blob-store.ts'

interface Inode {
  written: Buffer[]
  durable: Buffer
}
type Entries = Map<string, Inode | 'folder'>

export interface ForgetfulDisk extends Disk {
  /** calls until now that changed or synced something */
  calls(): number
  /** The machine dies before this call is carried out; from then on no call ever returns. */
  dieAt(call: number): void
  isDead(): boolean
  /** Dies now if it has not, and leaves on the folder what was synced. */
  crash(): Promise<void>
}

/** `root` is there and empty; its own name is durable. */
export function forgetfulDisk(root: string): ForgetfulDisk {
  /** what is there now, and what a crash leaves, by folder */
  const now = new Map<string, Entries>([[root, new Map()]])
  const kept = new Map<string, Entries>([[root, new Map()]])
  const handles = new Set<FileHandle>()
  let calls = 0
  let last = Infinity
  let dead = false

  /** calls that the real folder is carrying out just now: a crash must not meet them half way */
  const underWay = new Set<Promise<unknown>>()
  function real<T>(call: Promise<T>): Promise<T> {
    const ended = call.catch(() => undefined).finally(() => underWay.delete(ended))
    underWay.add(ended)
    return call
  }

  /** Never returns once dead: nobody is there to go on. */
  async function step(): Promise<void> {
    if (!dead && ++calls >= last) dead = true
    if (dead) await new Promise<never>(() => undefined)
  }
  const entriesOf = (path: string): Entries => {
    const entries = now.get(path)
    if (!entries) throw Object.assign(new Error(`no folder ${path}`), { code: 'ENOENT' })
    return entries
  }

  function addFolder(path: string): void {
    if (now.has(path)) return
    addFolder(dirname(path))
    entriesOf(dirname(path)).set(basename(path), 'folder')
    now.set(path, new Map())
    kept.set(path, new Map())
  }

  async function openFolder(path: string): ReturnType<Disk['open']> {
    await step()
    const no = (): Promise<never> => Promise.reject(new Error('a folder is only synced'))
    return {
      write: no,
      datasync: no,
      async sync() {
        await step()
        kept.set(path, new Map(entriesOf(path)))
      },
      close: async () => undefined,
    }
  }

  async function openFile(path: string, mode: number | undefined): ReturnType<Disk['open']> {
    await step()
    const handle = await real(open(path, 'w', mode))
    handles.add(handle)
    const inode: Inode = { written: [], durable: Buffer.alloc(0) }
    entriesOf(dirname(path)).set(basename(path), inode)
    const force = async (): Promise<void> => {
      await step()
      inode.durable = Buffer.concat(inode.written)
    }
    return {
      async write(bytes, offset) {
        await step()
        inode.written.push(Buffer.from(bytes.subarray(offset)))
        return real(handle.write(bytes, offset))
      },
      datasync: force,
      sync: force,
      close() {
        handles.delete(handle)
        return handle.close()
      },
    }
  }

  function restore(path: string): void {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    for (const [name, entry] of kept.get(path) ?? [])
      if (entry === 'folder') restore(join(path, name))
      else writeFileSync(join(path, name), entry.durable)
  }

  return {
    async mkdir(path, options) {
      await step()
      addFolder(path)
      return real(mkdir(path, options))
    },
    open: (path, flags, mode) => (flags === 'r' ? openFolder(path) : openFile(path, mode)),
    async rename(from, to) {
      await step()
      const entries = entriesOf(dirname(from))
      const entry = entries.get(basename(from))
      if (!entry) throw Object.assign(new Error(`no file ${from}`), { code: 'ENOENT' })
      entries.delete(basename(from))
      entriesOf(dirname(to)).set(basename(to), entry)
      return real(rename(from, to))
    },
    async rm(path, options) {
      await step()
      now.get(dirname(path))?.delete(basename(path))
      return real(rm(path, options))
    },
    calls: () => calls,
    dieAt(call) {
      last = call
    },
    isDead: () => dead,
    async crash() {
      dead = true
      while (underWay.size > 0) await Promise.all(underWay)
      for (const handle of handles) await handle.close()
      rmSync(root, { recursive: true, force: true })
      restore(root)
    },
  }
}
