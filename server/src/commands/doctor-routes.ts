/** The part of `holdfast doctor` that looks at routes: does each host have an address, and does a mail server answer there? */
import type { Finding } from './doctor.ts'
import { failedProbe, probeSmtp } from '../clients/smtp/probe.ts'
import { proved, routeSettingsSchema, trustOf, type HostTlsa } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import type { Sql } from '../platform/db/database.ts'
import { allRoutes, type RouteRow } from '../store/routes.ts'

/** More than an admin reads. */
const MOST = 100
const TIMEOUT_MS = 5_000

export async function routeFindings(sql: Sql, helo: string, hostTlsa: HostTlsa): Promise<Finding[]> {
  const asked = (await allRoutes(sql)).flatMap((route) => hostsOf(route)).slice(0, MOST)
  return Promise.all(asked.map(({ name, ...target }) => ask(name, { ...target, helo }, hostTlsa)))
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
