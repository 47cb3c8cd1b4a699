/**
 * Haraka (npm) as a relay that queues: its own queue on disk and its outbound part, as it comes. It does not sync its
 * queue files before it says 250. Installed once into a folder beside the bench's results; the versions are those of
 * haraka/package-lock.json.
 */
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, isAlive, killFamily, peerFolder, waitForPort } from '../../e2e/peers/processes.ts'
import { domains, type Subject, type Ways } from './subject.ts'

const run = promisify(execFile)
const wanted = join(import.meta.dirname, '../haraka')
const cache = join(import.meta.dirname, '../results/haraka')

/** Installs it where it is not there yet; returns its program. */
async function install(): Promise<string> {
  const lock = join(wanted, 'package-lock.json')
  const program = join(cache, 'node_modules/Haraka/bin/haraka')
  const installed = join(cache, 'package-lock.json')
  if (existsSync(program) && readFileSync(installed, 'utf8') === readFileSync(lock, 'utf8')) return program
  mkdirSync(cache, { recursive: true })
  cpSync(wanted, cache, { recursive: true })
  await run('npm', ['ci', '--no-audit', '--no-fund', '--omit=optional', '--ignore-scripts'], {
    cwd: cache,
    timeout: 300_000,
  })
  return program
}

/** Relays what comes from this machine, each domain its way. */
const plugin = (ways: Ways): string => `
exports.register = function () {
  this.register_hook('connect', 'allow')
  this.register_hook('get_mx', 'way')
}
exports.allow = function (next, connection) {
  connection.relaying = true
  next(OK)
}
exports.way = function (next, hmail, domain) {
  const port = { '${domains.down}': ${ways.down}, '${domains.gone}': 1 }[domain] || ${ways.up}
  next(OK, { priority: 0, exchange: '127.0.0.1', port })
}
`

export async function startHaraka(ways: Ways): Promise<Subject> {
  const program = await install()
  const folder = peerFolder('bench-haraka')
  const port = await freePort()
  for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(folder, name))
  const config: Record<string, string> = {
    'smtp.ini': `listen=127.0.0.1:${port}\n`,
    'plugins': 'way\n',
    'me': 'bench.test\n',
    'log.ini': '[main]\nlevel=error\n',
    'outbound.ini': 'enable_tls=false\nlocal_mx_ok=true\n',
    'connection.ini': readFileSync(join(program, '../../config/connection.ini'), 'utf8'),
    'package.json': '{}',
  }
  for (const [name, text] of Object.entries(config)) writeFileSync(join(folder, 'config', name), text)
  writeFileSync(join(folder, 'plugins/way.js'), plugin(ways))
  const child = spawn(process.execPath, [program, '-c', folder], { stdio: 'ignore' })
  await waitForPort(port, 30_000)
  return {
    name: 'haraka',
    port,
    roots: () => [child.pid!],
    flush: async () => {
      await run(process.execPath, [program, '-c', folder, '--qunstick'], { timeout: 30_000 })
    },
    async stop() {
      if (isAlive(child.pid!)) await killFamily(child.pid!)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
