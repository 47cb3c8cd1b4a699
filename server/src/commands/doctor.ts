/**
 * `holdfast doctor`: looks at everything around Holdfast that can be wrong, and says for each either ok or what to do.
 * Changes nothing, and refuses a folder where no Holdfast is. Also the way to the recovery sheet (--recovery-sheet) and back
 * (--restore-master-key, which may come before everything else and so makes its folder).
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createDns, type Dns } from '../clients/dns/resolver.ts'
import { lookUpHostTlsa } from '../clients/dns/tlsa.ts'
import { createPolicyHost } from '../clients/mta-sts/fetch.ts'
import type { HostTlsa } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import type { Config } from '../platform/config/config.ts'
import { loadCertificate } from '../platform/certificate.ts'
import { readRunning, writeWhole } from '../platform/data-folder.ts'
import { chooseAccount, folderClosedTo } from '../platform/db/account.ts'
import { fileWords } from '../platform/file-words.ts'
import { findBinaries } from '../platform/db/binaries.ts'
import { pendingMigrations, readMigrations } from '../platform/db/migrate.ts'
import { loadKeys, type Keys } from '../platform/keys.ts'
import { silentLog } from '../platform/log.ts'
import { portProblem, portRemedy } from '../platform/net/free-port.ts'
import { keyFromSheet } from '../platform/recovery-sheet.ts'
import { hasSealedSecrets } from '../store/installation.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { hostName, openSettings, refuseNowhere } from './context.ts'
import { diskFinding } from './doctor-disk.ts'
import { resolverFinding } from './doctor-dns.ts'
import { providerFindings } from './doctor-provider.ts'
import { signInFindings } from './doctor-sign-in.ts'
import { policyFindings } from './doctor-policies.ts'
import { clientCertificates, daysUntil, routeFindings } from './doctor-routes.ts'
import { sourceFindings } from './doctor-sources.ts'
import { sightFindings } from './doctor-sight.ts'
import { openStorage } from './storage.ts'

export interface Finding {
  name: string
  standing: 'ok' | 'warning' | 'wrong'
  text: string
  /** what to do; empty when ok */
  remedy: string
}

const ok = (name: string, text: string): Finding => ({ name, standing: 'ok', text, remedy: '' })
const warning = (name: string, text: string, remedy: string): Finding => ({ name, standing: 'warning', text, remedy })
const wrong = (name: string, text: string, remedy: string): Finding => ({ name, standing: 'wrong', text, remedy })

function node(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major! > 20 || (major === 20 && minor! >= 19)) return ok('node', `Node ${process.versions.node}`)
  return wrong('node', `Node ${process.versions.node}`, 'Install Node 20.19 or later.')
}

async function ports(dataFolder: string, config: Config): Promise<Finding[]> {
  const running = readRunning(dataFolder)
  return Promise.all(
    Object.entries(config.listen).map(async ([name, listener]) => {
      const { host, port } = listener
      const label = `port ${name}`
      if ('enabled' in listener && !listener.enabled) return ok(label, 'not used: the listener is turned off')
      if (running)
        return ok(
          label,
          `${running.ports[name] ?? port} is used by the running server (process ${running.process.pid})`,
        )
      if (port === 0) return ok(label, 'any free one')
      const problem = await portProblem(host, port)
      if (problem === null) return ok(label, `${host}:${port} is free`)
      return wrong(label, `${host}:${port}: ${problem}`, portRemedy(problem, `listen.${name}`, port))
    }),
  )
}

function folder(dataFolder: string): Finding {
  const mode = statSync(dataFolder).mode & 0o777
  if ((mode & 0o066) !== 0)
    return wrong('data folder', `${dataFolder} has mode ${mode.toString(8)}`, `Run: chmod 711 ${dataFolder}`)
  return ok('data folder', `${dataFolder}, mode ${mode.toString(8)}`)
}

function account(dataFolder: string): Finding[] {
  const pgdata = join(dataFolder, 'postgres')
  const found = chooseAccount(existsSync(pgdata) ? statSync(pgdata).uid || undefined : undefined)
  const closed = folderClosedTo(found, dataFolder)
  if (closed !== null)
    return [
      wrong(
        'database account',
        `${found.name} may not enter ${closed}`,
        `Run: chmod o+x ${closed}, or choose another data folder.`,
      ),
    ]
  const binaries = findBinaries(found, dataFolder)
  const programs = ok('database programs', `${binaries.postgres} (${binaries.version})`)
  if (found.name === 'nobody')
    return [
      warning('database account', 'nobody, which other services may share', 'Run: useradd --system holdfast'),
      programs,
    ]
  return [ok('database account', found.name), programs]
}

async function database(dataFolder: string, config: Config): Promise<Finding[]> {
  const storage = await openStorage({
    dataFolder,
    config,
    clock: systemClock,
    log: silentLog,
    schema: 'leave',
    poolSize: 1,
  })
  try {
    const findings = [
      ok(
        'database',
        `PostgreSQL ${storage.version}, ${config.database.url === '' ? 'embedded' : 'external'}; fsync, full_page_writes and synchronous_commit are on`,
      ),
    ]
    const pending = await pendingMigrations(storage.db)
    findings.push(
      pending.length === 0
        ? ok('tables', 'up to date')
        : pending.length === readMigrations().length
          ? ok('tables', 'none yet; made at the first start')
          : warning(
              'tables',
              `${pending.length} migration(s) of this version are missing`,
              'Run: holdfast migrate (serve does it too)',
            ),
    )
    const before = systemClock.now()
    const [row] = await storage.db.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    const off = Math.round(row!.now.getTime() - (before + systemClock.now()) / 2)
    findings.push(
      Math.abs(off) < 2000
        ? ok(
            'clock',
            config.database.url === ''
              ? `${new Date(before).toISOString().slice(0, 19)}Z; the database is on this machine (is a time service running? doctor cannot see it)`
              : `agrees with the database's (${off} ms)`,
          )
        : wrong(
            'clock',
            `differs from the database's by ${off} ms`,
            'Run a time service (chrony, systemd-timesyncd) on both machines.',
          ),
    )
    const file = config.masterKeyFile || join(dataFolder, 'master.key')
    if (pending.length === 0 && !existsSync(file) && (await hasSealedSecrets(storage.db)))
      findings.push(
        wrong(
          'sealed secrets',
          `${file} is missing, but passwords of routes or DKIM keys were sealed with it; serve will not start`,
          'Bring it back from a backup, or from the recovery sheet: holdfast doctor --restore-master-key FILE',
        ),
      )
    if (pending.length === 0) {
      const dns = resolverOf(config)
      const hostTlsa: HostTlsa = (host, port) => lookUpHostTlsa(dns, host, port)
      const asked = { servers: config.dns.servers, hostTlsa }
      findings.push(...(await routeFindings(storage.db, config.hostname || 'localhost', asked)))
      findings.push(...(await clientCertificates(storage.db, () => keysOf(dataFolder, config))))
      findings.push(...(await sourceFindings(storage.db, config.smtp.proxies)))
      findings.push(
        ...(await policyFindings(storage.db, createPolicyHost({ servers: config.dns.servers, allowPrivate: true }))),
      )
      findings.push(...(await signInFindings(storage.db, systemClock, () => keysOf(dataFolder, config))))
      findings.push(
        ...(await providerFindings(storage.db, {
          clock: systemClock,
          keys: () => keysOf(dataFolder, config),
          publicUrl: config.publicUrl,
        })),
      )
      findings.push(...(await sightFindings(storage.db, config.continuity.references)))
    }
    return findings
  } finally {
    await storage.close()
  }
}

const keysOf = (dataFolder: string, { masterKeyFile }: Config): Keys =>
  loadKeys({ dataFolder, masterKeyFile, mayMake: false })

const resolverOf = ({ dns: { servers, trustAd } }: Config): Dns =>
  createDns({ clock: systemClock, servers, trustAd, timeoutMs: 1_000 })

function keys(dataFolder: string, config: Config): Finding {
  const file = config.masterKeyFile || join(dataFolder, 'master.key')
  if (!existsSync(file))
    return warning(
      'master key',
      `${file} is not there`,
      'The first start makes it; then print the recovery sheet: holdfast admin recovery-sheet',
    )
  const loaded = keysOf(dataFolder, config)
  return ok('master key', `${loaded.file}, fingerprint ${loaded.fingerprint}`)
}

function certificates(dataFolder: string, config: Config): Finding[] {
  return [config.tls, ...config.tls.names].map((pair) => certificate(dataFolder, config, pair))
}

function certificate(
  dataFolder: string,
  config: Config,
  { certFile, keyFile }: { certFile: string; keyFile: string },
): Finding {
  if (certFile === '' && !existsSync(join(dataFolder, 'tls.crt')))
    return ok('certificate', 'none yet; a self-signed one is made at the first start')
  const found = loadCertificate({ dataFolder, certFile, keyFile, hostname: config.hostname, clock: systemClock })
  const days = daysUntil(found.expires)
  const text = `${found.selfSigned ? 'self-signed' : certFile}, ends in ${days} days`
  if (days < 0) return wrong('certificate', text, 'Renew it.')
  if (days < 21) return warning('certificate', text, 'Renew it.')
  return found.selfSigned
    ? warning(
        'certificate',
        text,
        'Most senders take it for encryption; to be verified set tls.certFile and tls.keyFile.',
      )
    : ok('certificate', text)
}

/** Runs a look; what it throws is a finding, so that one broken thing does not hide the others. */
async function look(name: string, work: () => Finding | Finding[] | Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await work()].flat()
  } catch (error) {
    return [wrong(name, (error as Error).message, 'See the sentence.')]
  }
}

export async function examine(dataFolder: string, config: Config): Promise<Finding[]> {
  const parts = [
    await look('node', node),
    await look('data folder', () => folder(dataFolder)),
    await look('disk', () => diskFinding(dataFolder, config)),
    await look('ports', () => ports(dataFolder, config)),
    config.database.url === '' ? await look('database account', () => account(dataFolder)) : [],
    await look('database', () => database(dataFolder, config)),
    await look('master key', () => keys(dataFolder, config)),
    await look('certificate', () => certificates(dataFolder, config)),
    await look('name server', () => resolverFinding(resolverOf(config))),
  ]
  return parts.flat()
}

interface DoctorOptions extends GlobalOptions {
  recoverySheet?: boolean
  restoreMasterKey?: string
}

function restoreMasterKey(dataFolder: string, sheet: string): string {
  const file = join(dataFolder, 'master.key')
  if (existsSync(file))
    throw new CommandError(`${file} exists. Move it away first if the sheet's key is the right one.`)
  let typed: string
  try {
    typed = readFileSync(sheet, 'utf8')
  } catch (error) {
    throw new CommandError(
      `The file with the typed recovery sheet, ${sheet}, ${fileWords(error)}. Check --restore-master-key.`,
      exitCodes.usage,
    )
  }
  writeWhole(file, `${keyFromSheet(typed).toString('base64')}\n`)
  return file
}

export function register(program: Command): void {
  addCommand(program, 'doctor', 'look at everything around Holdfast and say what to do')
    .option('--recovery-sheet', 'print the master key for paper')
    .option('--restore-master-key <file>', 'write the master key back from a typed recovery sheet')
    .action(async (options: DoctorOptions) => {
      if (!options.restoreMasterKey) refuseNowhere(options)
      const { dataFolder, config } = openSettings(options)
      if (options.recoverySheet) {
        const loaded = keysOf(dataFolder, config)
        const sheet = loaded.recoverySheet({ hostname: hostName(config), now: systemClock.now() })
        show(options, { sheet }, sheet)
        return
      }
      if (options.restoreMasterKey) {
        const file = restoreMasterKey(dataFolder, options.restoreMasterKey)
        show(options, { file }, `Master key written to ${file}.`)
        return
      }
      const findings = await examine(dataFolder, config)
      const width = Math.max(...findings.map((finding) => finding.name.length))
      const text = findings.map((finding) => {
        const head = `${finding.standing.padEnd(8)}${finding.name.padEnd(width + 2)}${finding.text}`
        return finding.remedy === '' ? head : `${head}\n${' '.repeat(width + 10)}-> ${finding.remedy}`
      })
      show(options, { findings }, text.join('\n'))
      if (findings.some((finding) => finding.standing === 'wrong')) process.exitCode = exitCodes.failed
    })
}
