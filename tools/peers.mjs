/** The peers table (e2e/peers/peers.json) seen from the tools: which real programs are missing on this machine. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const table = JSON.parse(readFileSync(join(import.meta.dirname, '../e2e/peers/peers.json'), 'utf8'))
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
].filter(Boolean)

const runnable = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
const found = (names) =>
  names
    .split('|')
    .some((name) => (name.startsWith('/') ? runnable(name) : folders.some((folder) => runnable(join(folder, name)))))

export const hasPeer = (name) => (name === 'root' ? process.getuid?.() === 0 : table[name].programs.every(found))

/** [{ name, get }] */
export const missingPeers = () =>
  Object.entries(table)
    .filter(([name]) => !hasPeer(name))
    .map(([name, { get }]) => ({ name, get }))
