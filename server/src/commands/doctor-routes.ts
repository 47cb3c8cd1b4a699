/**
 * The part of `holdfast doctor` that looks at routes: does each host have an address, does a mail server answer there, and
 * how long does the certificate last that is shown to it?
 */
import { X509Certificate } from 'node:crypto'
import type { Finding } from './doctor.ts'
import { failedProbe, probeSmtp } from '../clients/smtp/probe.ts'
import { askReachBy, type Question } from '../core/continuity/index.ts'
import { proved, routeSettingsSchema, trustOf, type HostTlsa } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import type { Keys } from '../platform/keys.ts'
import type { Sql } from '../platform/db/database.ts'
import { allRoutes, type RouteRow } from '../store/routes.ts'

/** More than an admin reads. */
const MOST = 100
const TIMEOUT_MS = 5_000

export async function routeFindings(
  sql: Sql,
  helo: string,
  dns: { servers: readonly string[]; hostTlsa: HostTlsa },
): Promise<Finding[]> {
  const routes = await allRoutes(sql)
  const asked = routes.flatMap((route) => hostsOf(route)).slice(0, MOST)
  const probes = routes.flatMap((route) => probesOf(route)).slice(0, MOST)
  return Promise.all([
    ...asked.map(({ name, ...target }) => ask(name, { ...target, helo }, dns.hostTlsa)),
    ...probes.map(({ name, probe }) => askProbe(name, probe, dns.servers)),
  ])
}

/** Those that sign in are asked by the server alone: their passwords are sealed. */
function probesOf(route: RouteRow) {
  const settings = routeSettingsSchema.safeParse(route.settings)
  const reach = settings.success ? settings.data.reach : []
  return reach
    .filter((probe) => probe.kind !== 'imap' && probe.kind !== 'roundTrip')
    .map((probe) => ({ name: `route ${route.name}, probe ${probe.name}`, probe }))
}

async function askProbe(name: string, probe: Question, dnsServers: readonly string[]): Promise<Finding> {
  const { outcome, text } = await askReachBy(systemClock, dnsServers)(probe, { timeoutMs: TIMEOUT_MS, password: '' })
  if (outcome === 'good') return { name, standing: 'ok', text, remedy: '' }
  const remedy =
    outcome === 'ours'
      ? 'Holdfast cannot see from here: look at the resolver and the network of this machine.'
      : 'People can reach their mail? Then correct the probe (settings.reach of the route): while it fails, Holdfast takes it for an outage.'
  return { name, standing: 'warning', text, remedy }
}

function hostsOf(route: RouteRow) {
  const settings = routeSettingsSchema.safeParse(route.settings)
  if (!settings.success) return []
  const { hosts, protocol, probe } = settings.data
  // Without our certificate, whose key is sealed: a host that insists on it says so.
  const trust = trustOf({ settings: settings.data, clientTlsSealed: null, routeId: route.routeId }, () => '')
  return hosts.map(({ host, port }) => ({
    name: `route ${route.name}`,
    host,
    port,
    ...trust,
    ...(settings.data.clientAddress === 'proxy' ? { clientAddress: 'proxy' as const } : {}),
    protocol,
    rcpt: probe.recipient || `postmaster@${route.domain ?? host}`,
  }))
}

async function ask(
  name: string,
  target: Omit<Parameters<typeof probeSmtp>[0], 'from' | 'timeoutMs'>,
  hostTlsa: HostTlsa,
): Promise<Finding> {
  const result = await proved(target, hostTlsa).then(
    (ready) => probeSmtp({ ...ready, from: '', timeoutMs: TIMEOUT_MS }, systemClock),
    failedProbe,
  )
  const text = `${target.host}:${target.port}: ${result.text}`
  switch (result.stage) {
    case 'dns':
      return {
        name,
        standing: 'wrong',
        text,
        remedy: `Holdfast cannot find ${target.host}, so it can neither deliver there nor judge it: correct the name, or the resolver of this machine.`,
      }
    case 'connect':
    case 'greeting':
      return {
        name,
        standing: 'warning',
        text,
        remedy:
          'No mail server answers there just now. If the mail system should be up: is the port right, does its firewall let this machine in?',
      }
    case 'tls':
      return {
        name,
        standing: 'warning',
        text,
        remedy: 'TLS does not come about: is the certificate valid for this host name? (settings.tls of the route)',
      }
    default:
      return { name, standing: 'ok', text, remedy: '' }
  }
}

const RENEW_DAYS = 21

export const daysUntil = (end: Date): number => Math.floor((end.getTime() - systemClock.now()) / 86_400_000)

/** The certificates of ours that routes show to their hosts (clientCertificateFile). `keys`: called where there is one. */
export async function clientCertificates(sql: Sql, keys: () => Pick<Keys, 'open'>): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name: route, routeId, clientTlsSealed } of await allRoutes(sql)) {
    if (clientTlsSealed === null || findings.length >= MOST) continue
    const name = `route ${route}`
    const renew = 'Renew it, and apply the file that names it (clientCertificateFile, clientKeyFile) again.'
    try {
      const pem = keys().open(`route.client_tls_sealed:${routeId}`, clientTlsSealed).toString()
      const days = daysUntil(new Date(new X509Certificate(pem).validTo))
      const text = `its client certificate ${days < 0 ? `ended ${-days} days ago` : `ends in ${days} days`}`
      if (days < 0) findings.push({ name, standing: 'wrong', text, remedy: renew })
      else if (days < RENEW_DAYS) findings.push({ name, standing: 'warning', text, remedy: renew })
      else findings.push({ name, standing: 'ok', text, remedy: '' })
    } catch (error) {
      const text = `its client certificate cannot be opened: ${(error as Error).message}`
      findings.push({ name, standing: 'wrong', text, remedy: 'Apply the file that names it again.' })
    }
  }
  return findings
}
