/**
 * The demo's data folder. A marker file says that a folder is a demo's: only then may `--fresh` empty it, and a folder
 * with anything else in it is refused.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { listFolder, makeFolder, tryWriting } from '../src/platform/own-folder.ts'

export interface Marker {
  what: 'holdfast demo'
  /** last used; tried first at the next run */
  ports: Record<string, number>
  /** the history has been sent */
  history: boolean
}

const markerFile = (folder: string): string => join(folder, 'demo.json')

export const defaultFolder = (): string =>
  process.getuid?.() === 0 ? '/var/lib/holdfast-demo' : join(homedir(), '.local/share/holdfast-demo')

function read(folder: string): Marker | null {
  try {
    const marker = JSON.parse(readFileSync(markerFile(folder), 'utf8')) as Marker
    // never what is on disk alone: an unexpected value must not become a folder to empty
    return (marker as { what?: unknown }).what === 'holdfast demo' ? marker : null
  } catch {
    return null
  }
}

export function writeMarker(folder: string, marker: Marker): void {
  writeFileSync(markerFile(folder), `${JSON.stringify(marker, null, 2)}\n`, { mode: 0o600 })
}

/** Makes the folder where it is missing; one that is not a demo's, or that this account may not use, is refused untouched. */
export function lookIntoFolder(folder: string): { inside: string[]; marker: Marker | null } {
  const own = { path: folder, what: "The demo's folder", choose: 'with --data DIR' }
  makeFolder(own)
  const inside = listFolder(own)
  const marker = read(folder)
  if (inside.length > 0 && !marker)
    throw new Error(
      `${folder} is not a demo's folder (it has no demo.json of ours). Choose another with --data, or remove it yourself.`,
    )
  tryWriting(own)
  return { inside, marker }
}

/** Makes or opens the folder; with `fresh` empties it first. */
export function openDemoFolder(folder: string, fresh: boolean): Marker {
  const { inside, marker } = lookIntoFolder(folder)
  if (fresh) for (const name of inside) rmSync(join(folder, name), { recursive: true, force: true })
  const kept: Marker = fresh || !marker ? { what: 'holdfast demo', ports: {}, history: false } : marker
  writeMarker(folder, kept)
  return kept
}
