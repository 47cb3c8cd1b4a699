/**
 * The product as its operator has it: `node server/bin/holdfast.js` in a data folder, nothing imported from its sources.
 * A server is started with `serve --json` and known by the one line it prints when it is ready.
 */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, peerFolder, stopPid } from '../peers/processes.ts'

export const program = join(import.meta.dirname, '../../server/bin/holdfast.js')

export interface Ports {
  // a process has those of its roles
  mx: number
  submission: number
  submissions: number
  http: number
}

export interface CliResult {
  code: number
  stdout: string
  stderr: string
  /** the last line of stdout, when it is JSON */
  json: any
}

export interface RunningHoldfast {
  pid: number
  ports: Ports
  /** offered while there is no administrator */
  setupLink: string | null
  /** everything it logged so far */
  log(): string
  /** resolves when it has ended */
  ended: Promise<number | null>
  stop(): Promise<void>
  kill(): Promise<void>
}

export interface StartOptions {
  roles?: string[]
  patience?: number
  env?: NodeJS.ProcessEnv
  /** before the program: how it is profiled */
  nodeArgs?: string[]
  /** files of the machine (path -> content) as this process alone sees them; as root */
  instead?: Record<string, string>
}

export interface Installation {
  data: string
  env: NodeJS.ProcessEnv
  configure(config: object): void
  start(options?: StartOptions): Promise<RunningHoldfast>
  cli(args: string[], input?: { timeout?: number; env?: NodeJS.ProcessEnv }): Promise<CliResult>
  /** cli that must succeed */
  must(args: string[], input?: { timeout?: number }): Promise<CliResult>
  postmaster(): number | null
  remove(): Promise<void>
}

/** Ports of the machine's choice and little noise; each test adds what it needs. */
const baseConfig = {
  hostname: 'mx.holdfast.test',
  listen: { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } },
  // a gigabyte for each of a hundred short lives
  database: { preparedWalBytes: 0 },
  log: { level: 'info' },
}

function merge(base: object, over: object): object {
  const out: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const old = out[key]
    out[key] =
      typeof value === 'object' && value !== null && !Array.isArray(value) && typeof old === 'object' && old !== null
        ? merge(old, value as object)
        : value
  }
  return out
}

/** Only what a program needs: no setting of the machine that runs the tests may decide them. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [key, value] of Object.entries(process.env))
    if (!/^(HOLDFAST_|DATABASE_URL|PG|NODE_OPTIONS|VITEST|TEST)/.test(key)) env[key] = value
  return env
}

/** In a mount namespace of its own, where nothing of the machine is changed. */
function seeing(instead: Record<string, string>, folder: string, args: readonly string[]): string[] {
  const mounts = Object.entries(instead).map(([path, content]) => {
    const file = join(folder, path.replaceAll('/', '-'))
    writeFileSync(file, content)
    return `mount --bind '${file}' '${path}'`
  })
  const script = [...mounts, 'exec "$@"'].join(' && ')
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, ...args]
}

export function createInstallation(
  options: {
    config?: object
    env?: NodeJS.ProcessEnv
    name?: string
    program?: string
    /** what all its processes are started by: a command that ends with them */
    under?: readonly string[]
  } = {},
): Installation {
  const data = peerFolder(options.name ?? 'data')
  const { under = [] } = options
  const itsProgram = options.program ?? program
  const configFile = join(data, 'holdfast.yaml')
  const env = { ...cleanEnvironment(), ...options.env }
  const children = new Set<ChildProcess>()
  // JSON is YAML
  const configure = (config: object): void =>
    writeFileSync(configFile, JSON.stringify(merge(baseConfig, config), null, 2))
  configure(options.config ?? {})

  const installation: Installation = {
    data,
    env,
    configure,
    postmaster() {
      // the embedded database's folder holds postmaster.pid, wherever below the data folder that is
      const look = (folder: string, depth: number): number | null => {
        const file = join(folder, 'postmaster.pid')
        if (existsSync(file)) return Number(readFileSync(file, 'utf8').split('\n')[0])
        if (depth === 0) return null
        for (const entry of readdirSync(folder, { withFileTypes: true }))
          if (entry.isDirectory()) {
            const found = look(join(folder, entry.name), depth - 1)
            if (found !== null) return found
          }
        return null
      }
      const pid = look(data, 2)
      return pid !== null && isAlive(pid) ? pid : null
    },
    start({ roles, patience = 60_000, env: more, nodeArgs = [], instead } = {}) {
      const args = [
        ...nodeArgs,
        itsProgram,
        'serve',
        '--json',
        '--data',
        data,
        '--config',
        configFile,
        ...(roles ? ['--roles', roles.join(',')] : []),
      ]
      const started = instead === undefined ? [process.execPath, ...args] : seeing(instead, data, args)
      const [command, ...rest] = [...under, ...started]
      const child = spawn(command!, rest, {
        env: { ...env, ...more },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      children.add(child)
      let log = ''
      let out = ''
      const ended = new Promise<number | null>((resolve) => {
        child.once('close', (code) => {
          children.delete(child)
          resolve(code)
        })
      })
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        // for looking into a failure: HOLDFAST_E2E_LOG=FILE
        if (process.env.HOLDFAST_E2E_LOG) appendFileSync(process.env.HOLDFAST_E2E_LOG, chunk)
        if (log.length > 4_000_000) log = log.slice(-2_000_000)
      })
      return new Promise<RunningHoldfast>((resolve, reject) => {
        const timer = setTimeout(() => {
          child.kill('SIGKILL')
          reject(new Error(`not ready after ${patience} ms:\n${out}\n${log.slice(-4000)}`))
        }, patience)
        void ended.then((code) => {
          clearTimeout(timer)
          reject(new Error(`serve ended with ${code} before it was ready:\n${out}\n${log.slice(-4000)}`))
        })
        child.stdout.on('data', (chunk: Buffer) => {
          out += chunk.toString()
          const line = out
            .split('\n')
            .find((one) => one.startsWith('{') && one.includes('"ports"') && one.endsWith('}'))
          if (!line) return
          clearTimeout(timer)
          const { ports, setupLink } = JSON.parse(line) as { ports: Ports; setupLink: string | null }
          resolve({
            pid: child.pid!,
            ports,
            setupLink,
            log: () => log,
            ended,
            async stop() {
              child.kill('SIGTERM')
              await Promise.race([ended, stopPid(child.pid!, 'SIGTERM', 30_000)])
            },
            async kill() {
              child.kill('SIGKILL')
              await ended
            },
          })
        })
      })
    },
    cli(args, { timeout = 120_000, env: more } = {}) {
      return new Promise((resolve) => {
        const [command, ...rest] = [...under, process.execPath, itsProgram, ...args, '--data', data]
        execFile(
          command,
          [...rest, ...(args.includes('--config') ? [] : ['--config', configFile])],
          { env: { ...env, ...more }, timeout, maxBuffer: 64 * 2 ** 20 },
          (error, stdout, stderr) => {
            let json: unknown = null
            try {
              json = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
            } catch {
              // not every command prints JSON
            }
            const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
            resolve({ code, stdout, stderr, json })
          },
        )
      })
    },
    async must(args, input) {
      const result = await installation.cli(args, input)
      if (result.code !== 0)
        throw new Error(
          `holdfast ${args.join(' ')} ended with ${result.code}\n${result.stdout.slice(-3000)}\n${result.stderr.slice(-3000)}`,
        )
      return result
    },
    async remove() {
      for (const child of children) child.kill('SIGTERM')
      for (let i = 0; i < 150 && children.size > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100))
      for (const child of children) child.kill('SIGKILL')
      await stopPid(installation.postmaster(), 'SIGINT')
      rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
  return installation
}
