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
}

export interface DnsPeer {
  /** of the validating resolver, for dns.servers */
  resolver: string
  remove(): Promise<void>
}

const headOf = (zone: string): string =>
  `$ORIGIN ${zone}.\n$TTL 60\n@ SOA ns.test. root.test. 1 3600 600 86400 60\n@ NS ns.test.\n`

export async function startDns({ signed, plain, forge }: DnsWish): Promise<DnsPeer> {
  const folder = peerFolder('dns')
  const [nsdPort, port] = (await freePorts(2)) as [number, number]
  writeFileSync(join(folder, 'test.zone'), `${headOf('test')}ns A 127.0.0.1\nplain NS ns.test.\n${signed.join('\n')}\n`)
  writeFileSync(join(folder, 'plain.zone'), `${headOf('plain.test')}${plain.join('\n')}\n`)
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
  writeFileSync(
    join(folder, 'unbound.conf'),
    `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: "${folder}/unbound.pid"
  interface: 127.0.0.1
  port: ${port}
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  logfile: ""
  val-log-level: 2
  module-config: "validator iterator"
  trust-anchor-file: "${folder}/${readdirSync(folder).find((name) => name.endsWith('.key'))!}"
  do-not-query-localhost: no
  local-zone: "test." nodefault
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
  let said = ''
  const start = (program: string, ...args: string[]): ChildProcess => {
    const child = spawn(findProgram(program)!, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    return child
  }
  const children = [
    start('nsd', '-d', '-c', join(folder, 'nsd.conf')),
    start('unbound', '-d', '-c', join(folder, 'unbound.conf')),
  ]
  const remove = async (): Promise<void> => {
    for (const child of children) await stopPid(child.pid ?? null)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    // Both take TCP as well.
    await waitForPort(nsdPort)
    await waitForPort(port)
  } catch (error) {
    await remove()
    throw new Error(`the name servers did not start: ${said}`, { cause: error })
  }
  return { resolver: `127.0.0.1:${port}`, remove }
}
