/**
 * `holdfast serve`: the real server. The first start makes data folder, keys, a self-signed certificate and a one-time
 * link for the first administrator, and says where the recovery sheet is to be had. Before it makes anything it looks at
 * every port and file it is told to use (start-check.ts). `--json` prints one line with the
 * ports when it is ready. SIGTERM and Ctrl-C stop it in order, a second one at once; SIGHUP looks at the certificates.
 */
import { statfsSync } from 'node:fs'
import type { Command } from 'commander'
import { systemClock } from '../platform/clock.ts'
import { roleNames, type Config } from '../platform/config/config.ts'
import { clearRunning, writeRunning } from '../platform/data-folder.ts'
import { prepareWal } from '../platform/db/prepare-wal.ts'
import { loadKeys } from '../platform/keys.ts'
import { tellProgress } from '../platform/progress.ts'
import { startServer, type RunningServer } from '../roles/server.ts'
import { hasSealedSecrets } from '../store/installation.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { openSettings, readSettings } from './context.ts'
import { refuseBadStart } from './start-check.ts'
import { openStorage } from './storage.ts'
import { version } from './version.ts'

interface ServeOptions extends GlobalOptions {
  roles?: string
}

function rolesOf(text: string | undefined): Config['roles'] | undefined {
  if (text === undefined) return undefined
  return text.split(',').map((word) => {
    const role = roleNames.find((name) => name === word.trim())
    if (!role)
      throw new CommandError(
        `--roles: "${word}" is not a role. The roles are ${roleNames.join(', ')}.`,
        exitCodes.usage,
      )
    return role
  })
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

export interface Serving {
  server: RunningServer
  ports: Record<string, number>
  config: Config
  dataFolder: string
  setupLink: string | null
  firstStart: boolean
  stop(): Promise<void>
}

/** Opens everything and starts; used by `serve` and by the demo. */
export async function startServing(options: ServeOptions, flags: Record<string, unknown> = {}): Promise<Serving> {
  const roles = rolesOf(options.roles)
  const chosen = { ...flags, ...(roles ? { roles } : {}) }
  await refuseBadStart(readSettings(options, chosen))
  const { dataFolder, config, log } = openSettings(options, chosen)
  // Roles apart: the one with `work` runs the embedded database, the others wait for it and join it.
  const works = config.roles.includes('work')
  const hold = config.database.url === '' && works
  const storage = await openStorage({
    dataFolder,
    config,
    clock: systemClock,
    log,
    tell: tellProgress(log, process.stderr),
    profile: 'serve',
    hold,
    join: !works,
    schema: 'bring',
  })
  try {
    // A new key beside secrets that an older one sealed would lose them silently.
    const mayMake = !(await hasSealedSecrets(storage.db))
    const keys = loadKeys({ dataFolder, masterKeyFile: config.masterKeyFile, mayMake })
    const server = await startServer({ config, dataFolder, db: storage.db, keys, clock: systemClock, log, version })
    let isStopping = false
    const prepared = storage.server
      ? prepareWal({
          db: storage.db,
          log,
          bytes: config.database.preparedWalBytes,
          room: () => freeBytes(dataFolder) - config.storage.reserveBytes,
          isStopping: () => isStopping,
        }).catch((error: unknown) => {
          if (!isStopping)
            log.warn({ err: String(error) }, 'the write-ahead log could not be made ready; the next start tries again')
        })
      : Promise.resolve()
    const url =
      config.publicUrl ||
      (server.ports.http === undefined
        ? ''
        : `http://${config.listen.http.host.includes(':') ? `[${config.listen.http.host}]` : config.listen.http.host}:${server.ports.http}`)
    const needsSetup = server.ports.http !== undefined && (await server.access.operatorCount()) === 0
    const setupLink = needsSetup ? `${url}/setup#${await server.access.makeSetupLink(storage.db, 'cli:serve')}` : null
    if (config.roles.includes('work'))
      writeRunning(dataFolder, {
        version,
        startedAt: new Date(systemClock.now()).toISOString(),
        ports: server.ports,
        embedded: storage.server !== null,
      })
    return {
      server,
      ports: server.ports,
      config,
      dataFolder,
      setupLink,
      firstStart: keys.isNew,
      async stop() {
        if (config.roles.includes('work')) clearRunning(dataFolder)
        isStopping = true
        await server.stop()
        await prepared
        await storage.close()
      },
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

function story(serving: Serving): string {
  const { config, ports } = serving
  const lines = ['Holdfast is running.']
  if (ports.mx !== undefined) lines.push(`  Mail (MX)   ${config.listen.mx.host}:${ports.mx}`)
  if (ports.submission !== undefined)
    lines.push(`  Sending     ${config.listen.submission.host}:${ports.submission} (STARTTLS)`)
  if (ports.submissions !== undefined)
    lines.push(`  Sending     ${config.listen.submissions.host}:${ports.submissions} (TLS)`)
  if (ports.http !== undefined) lines.push(`  Web         http://${config.listen.http.host}:${ports.http}`)
  if (ports.https !== undefined) lines.push(`  Web         https://${config.listen.https.host}:${ports.https}`)
  lines.push(`  Data        ${serving.dataFolder}`)
  if (serving.setupLink)
    lines.push('', 'Make the first administrator here (the link works once, for a day):', `  ${serving.setupLink}`)
  if (serving.firstStart)
    lines.push(
      '',
      'A master key was made. Without it sealed secrets cannot be opened on another machine.',
      `Print its recovery sheet and keep it on paper:  npx holdfast admin recovery-sheet --data ${serving.dataFolder}`,
    )
  return lines.join('\n')
}

export function register(program: Command): void {
  addCommand(program, 'serve', 'run Holdfast')
    .option('--roles <list>', `what this process does, with commas: ${roleNames.join(', ')} (default all)`)
    .action(async (options: ServeOptions) => {
      // Before anything is started: a signal that comes early must still stop in order what has begun.
      let serving: Serving | null = null
      const asked = new Promise<void>((resolve) => {
        let times = 0
        for (const signal of ['SIGINT', 'SIGTERM'] as const)
          process.on(signal, () => {
            if (++times > 1) process.exit(1)
            resolve()
          })
        // A terminal that closes ends what was started in it; a service is told to look at its certificates.
        process.on('SIGHUP', () => (process.stdin.isTTY ? resolve() : serving?.server.reload()))
      })
      serving = await startServing(options)
      show(
        options,
        { ready: true, ports: serving.ports, dataFolder: serving.dataFolder, setupLink: serving.setupLink },
        story(serving),
      )
      await asked
      await serving.stop()
    })
}
