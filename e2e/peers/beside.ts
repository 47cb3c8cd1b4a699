/**
 * Programs of Debian packages that are unpacked and not installed (unpack-beside.sh): each runs in a mount namespace of its
 * own, where the accounts it wants exist and the folders it is built for are ours. Nothing of the machine is changed.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, closeSync, copyFileSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, killFamily, stopPid } from './processes.ts'

export const UNPACKED = '/opt/holdfast-peers'

export interface BesideOptions {
  folder: string
  /** name → number of user and group */
  accounts: Record<string, number>
  /** path that the program is built for → our folder */
  folders?: Record<string, string>
  program: string
  args: readonly string[]
  /** file for what it says */
  said: string
}

export interface Beside {
  start(): void
  running(): boolean
  stop(): Promise<void>
  kill(): Promise<void>
  /** runs a program where the server lives */
  inside(program: string, ...args: string[]): void
}

export function besideDaemon({ folder, accounts, folders = {}, program, args, said }: BesideOptions): Beside {
  const etc = join(folder, 'etc')
  mkdirSync(etc, { recursive: true, mode: 0o755 })
  for (const file of ['passwd', 'group']) copyFileSync(`/etc/${file}`, join(etc, file))
  for (const [name, id] of Object.entries(accounts)) {
    appendFileSync(join(etc, 'passwd'), `${name}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin\n`)
    appendFileSync(join(etc, 'group'), `${name}:x:${id}:\n`)
  }
  const binds = { '/etc/passwd': join(etc, 'passwd'), '/etc/group': join(etc, 'group'), ...folders }
  const script = [...Object.entries(binds).map(([path, ours]) => `mount --bind '${ours}' '${path}'`), 'exec "$@"'].join(
    ' && ',
  )
  let child: ChildProcess | null = null
  const pid = (): number | null => (child?.pid !== undefined && isAlive(child.pid) ? child.pid : null)
  return {
    start() {
      const output = openSync(said, 'a')
      // detached: a signal to the tests' own group must not reach it halfway
      child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', program, ...args], {
        stdio: ['ignore', output, output],
        detached: true,
      })
      child.on('error', () => undefined)
      closeSync(output)
    },
    running: () => pid() !== null,
    stop: () => stopPid(pid()),
    kill: () => killFamily(pid()),
    inside(tool, ...rest) {
      execFileSync('nsenter', ['--target', String(pid()), '--mount', tool, ...rest], { stdio: 'pipe' })
    },
  }
}
