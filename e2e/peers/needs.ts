/**
 * Which real programs a test needs. Missing ones skip the test on a developer's machine and fail it where CI=true:
 * a proof that silently did not run proves nothing. tools/test.mjs prints one line per missing peer from the same table.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import peers from './peers.json' with { type: 'json' }

export type PeerName = keyof typeof peers

const runnable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin']

/** Full path of a program (`a|b` = either), or null. */
export function findProgram(names: string): string | null {
  for (const name of names.split('|')) {
    if (name.startsWith('/')) {
      if (runnable(name)) return name
      continue
    }
    const folder = folders.find((one) => one !== '' && runnable(join(one, name)))
    if (folder) return join(folder, name)
  }
  return null
}

export const hasPeer = (name: PeerName): boolean =>
  name === 'root' ? process.getuid?.() === 0 : peers[name].programs.every((program) => findProgram(program) !== null)

/** True: skip the tests of this file. Throws (and so fails the file) where CI demands that everything is there. */
export function missing(...names: PeerName[]): boolean {
  const absent = names.filter((name) => !hasPeer(name))
  if (absent.length === 0) return false
  if (process.env.CI === 'true')
    throw new Error(`needed here: ${absent.map((name) => `${name} (${peers[name].get})`).join(', ')}`)
  return true
}
