/** One organisation with a route, a person and a proxy for each class of the fault table, before one real Postfix. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultClass, FaultClassName } from '../../server/testkit/faults/fault-table.ts'
import { faultClassNames, faultTable } from '../../server/testkit/faults/fault-table.ts'
import { startFaultyProxy } from '../peers/faulty-proxy.ts'
import type { FaultyProxy, ProxyTls } from '../peers/faulty-proxy.ts'
import type { Installation } from './holdfast.ts'

export const faultDomain = 'faults.test'
export const addressOf = (name: string): string => `${name}@${faultDomain}`

export interface FaultStand {
  name: FaultClassName
  fault: FaultClass
  proxy: FaultyProxy
}

/** Has an address of each family, IPv6 first. */
const DUAL_HOST = 'dual.faults.test'
export const hostsFile = `127.0.0.1 localhost\n::1 ${DUAL_HOST}\n127.0.0.1 ${DUAL_HOST}\n`

/** Those that another way than a proxy's brings about; both must not matter. */
export const beside = ['one-host-dead', 'ipv6-dead'] as const

/** Those that a proxy can do. */
export const injectable = faultClassNames.filter((name) => 'inject' in faultTable[name])

/** Self-signed, each vouching for itself; the second has run out. */
export function makeCertificates(folder: string): ProxyTls & { caFile: string } {
  const pair = (name: string, days: number): { key: string; cert: string } => {
    const [key, request, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) => join(folder, `${name}.${end}`))
    writeFileSync(extensions!, 'subjectAltName=DNS:primary.test\n')
    const run = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
    run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key!, '-out', request!, '-subj', '/CN=primary.test')
    run(
      'x509',
      '-req',
      '-in',
      request!,
      '-signkey',
      key!,
      '-days',
      String(days),
      '-extfile',
      extensions!,
      '-out',
      cert!,
    )
    return { key: readFileSync(key!, 'utf8'), cert: readFileSync(cert!, 'utf8') }
  }
  const valid = pair('valid', 30)
  const expired = pair('expired', -1)
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, valid.cert + expired.cert)
  return { valid, expired, caFile }
}

const wantsTls = (name: FaultClassName): boolean => /tls|certificate/.test(name)

export async function startStands(upstream: number, tls: ProxyTls): Promise<FaultStand[]> {
  return Promise.all(
    injectable.map(async (name) => ({
      name,
      fault: faultTable[name],
      proxy: await startFaultyProxy({ upstream, ...(wantsTls(name) ? { tls } : {}) }),
    })),
  )
}

export async function declareStands(
  installation: Installation,
  stands: readonly FaultStand[],
  given: { caFile: string; outboundPort: number; deadPort: number; alsoPort: number },
): Promise<void> {
  const common = { unsureWait: 5, retryFirst: 0.5, retryMax: 2 }
  const routes = stands.map(({ name, fault, proxy }) => ({
    name,
    kind: 'primary',
    ...(wantsTls(name) ? { caFile: given.caFile } : {}),
    settings: {
      hosts: [{ host: '127.0.0.1', port: proxy.port }],
      // One that is taken: what an unknown name or a foreign domain is told says less.
      probe: { recipient: addressOf(name) },
      ...(wantsTls(name) ? { tls: 'required', tlsName: 'primary.test' } : { tls: 'none' }),
      ...common,
      // At quick a probe may take 1.2 s: on a busy machine that would judge the machine.
      sensitivity: fault.outcome === 'harmless' ? 'balanced' : 'quick',
    },
  }))
  const oneDead = {
    name: 'one-host-dead',
    kind: 'primary',
    settings: {
      hosts: [
        { host: '127.0.0.1', port: given.deadPort, priority: 1 },
        { host: '127.0.0.1', port: given.alsoPort, priority: 2 },
        { host: '127.0.0.1', port: stands[0]!.proxy.port, priority: 3 },
      ],
      tls: 'none',
      ...common,
      sensitivity: 'balanced',
    },
  }
  const outside = {
    name: 'outside',
    kind: 'smarthost',
    settings: { hosts: [{ host: '127.0.0.1', port: given.outboundPort }], tls: 'none' },
  }
  // Its name has an address of each family; the one of IPv6 is to lead nowhere.
  const bothFamilies = {
    name: 'ipv6-dead',
    kind: 'primary',
    settings: {
      hosts: [{ host: DUAL_HOST, port: given.alsoPort }],
      probe: { recipient: addressOf('ipv6-dead') },
      tls: 'none',
      ...common,
      sensitivity: 'balanced',
    },
  }
  const people = [...stands.map(({ name }) => name), ...beside]
  const file = join(installation.data, 'faults.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      organisations: [
        {
          slug: 'faults',
          name: 'Everything that can go wrong',
          routes: [...routes, oneDead, bothFamilies, outside],
          outboundRoute: 'outside',
          domains: [{ name: faultDomain, route: 'one-host-dead', recipientsComplete: true }],
          people: people.map((name) => ({ name, addresses: [addressOf(name)], route: name })),
        },
      ],
    }),
  )
  await installation.must(['apply', '-f', file, '--json'])
}
