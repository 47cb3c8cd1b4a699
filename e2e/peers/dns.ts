/**
 * A real DNS: NSD serves a zone that ldns has signed, and a zone below it that is not signed, and unbound asks NSD and validates, as
 * a resolver on the same machine does. All in a folder of its own on loopback, with no way to the world's DNS.
 *
 * `forge` changes a record after it was signed, which is what an attacker's answer looks like to the resolver.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './needs.ts'
import { freePorts, peerFolder, stopPid, waitForPort } from './processes.ts'

export interface DnsWish {
  /** lines of the zone `test`, which is signed */
  signed: readonly string[]
  /** lines of the zone `plain.test`, which is not */
  plain: readonly string[]
  /** text in the signed zone and what stands there instead when it is served */
  forge?: readonly [string, string]
  /** where the resolver listens, as resolv.conf can say it; left out: 127.0.0.1 and a free port */
  resolverAt?: { host: string; port: number }
}

export interface DnsPeer {
  /** of the validating resolver, for dns.servers */
  resolver: string
  /** Other lines of the zone that is not signed, known at once. */
  setPlain(lines: readonly string[]): Promise<void>
  /** From here on the resolver says of every name that it does not exist; or what is so. */
  setLying(lies: boolean): void
  stopResolver(): Promise<void>
  startResolver(): Promise<void>
  remove(): Promise<void>
}

const headOf = (zone: string): string =>
  `$ORIGIN ${zone}.\n$TTL 60\n@ SOA ns.test. root.test. 1 3600 600 86400 60\n@ NS ns.test.\n`

export async function startDns({ signed, plain, forge, resolverAt }: DnsWish): Promise<DnsPeer> {
  const folder = peerFolder('dns')
  const [nsdPort, free] = (await freePorts(2)) as [number, number]
  const { host, port } = resolverAt ?? { host: '127.0.0.1', port: free }
  const putPlain = (lines: readonly string[]): void =>
    writeFileSync(join(folder, 'plain.zone'), `${headOf('plain.test')}${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'test.zone'), `${headOf('test')}ns A 127.0.0.1\nplain NS ns.test.\n${signed.join('\n')}\n`)
  putPlain(plain)
  const run = (program: string, ...args: string[]): string =>
    execFileSync(findProgram(program)!, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const key = run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', 'test').trim()
  run('ldns-signzone', '-f', 'test.signed', 'test.zone', key)
  if (forge) {
    const zone = readFileSync(join(folder, 'test.signed'), 'utf8')
    if (!zone.includes(forge[0])) throw new Error(`the signed zone has no ${forge[0]}`)
    writeFileSync(join(folder, 'test.signed'), zone.replace(forge[0], forge[1]))
  }
  writeFileSync(
    join(folder, 'nsd.conf'),
    `server:
  ip-address: 127.0.0.1@${nsdPort}
  username: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/nsd.pid"
  database: ""
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: test.signed
zone:
  name: plain.test
  zonefile: plain.zone
`,
  )
  const writeResolver = (lies: boolean): void =>
    writeFileSync(
      join(folder, 'unbound.conf'),
      `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: "${folder}/unbound.pid"
  interface: ${host}
  port: ${port}
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  logfile: ""
  val-log-level: 2
  module-config: "validator iterator"
  trust-anchor-file: "${folder}/${readdirSync(folder).find((name) => name.endsWith('.key'))!}"
  do-not-query-localhost: no
  local-zone: "${lies ? '.' : 'test.'}" ${lies ? 'always_nxdomain' : 'nodefault'}
remote-control:
  control-enable: no
stub-zone:
  name: test
  stub-addr: 127.0.0.1@${nsdPort}
stub-zone:
  name: plain.test
  stub-addr: 127.0.0.1@${nsdPort}
`,
    )
  writeResolver(false)
  let said = ''
  const start = (program: string, ...args: string[]): ChildProcess => {
    const child = spawn(findProgram(program)!, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    return child
  }
  let nsd: ChildProcess | null = null
  let unbound: ChildProcess | null = null
  async function startNsd(): Promise<void> {
    nsd = start('nsd', '-d', '-c', join(folder, 'nsd.conf'))
    // Both take TCP as well.
    await waitForPort(nsdPort)
  }
  async function startResolver(): Promise<void> {
    unbound = start('unbound', '-d', '-c', join(folder, 'unbound.conf'))
    await waitForPort(port, 15_000, host)
  }
  const stopResolver = (): Promise<void> => stopPid(unbound?.pid ?? null)
  const remove = async (): Promise<void> => {
    await stopResolver()
    await stopPid(nsd?.pid ?? null)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await startNsd()
    await startResolver()
  } catch (error) {
    await remove()
    throw new Error(`the name servers did not start: ${said}`, { cause: error })
  }
  return {
    resolver: `${host}:${port}`,
    stopResolver,
    startResolver,
    setLying(lies) {
      writeResolver(lies)
      // It reads that anew, and is never silent.
      process.kill(unbound!.pid!, 'SIGHUP')
    },
    async setPlain(lines) {
      putPlain(lines)
      await stopPid(nsd?.pid ?? null)
      await startNsd()
      // It remembers what it was told.
      await stopResolver()
      await startResolver()
    },
    remove,
  }
}
