/**
 * The part of `holdfast doctor` that looks at who may send to the world through us: a proxy among the outboundSources makes
 * its every client one of the organisation's own systems, which is an open relay.
 */
import type { Config } from '../platform/config/config.ts'
import type { Finding } from './doctor.ts'
import { isFrom, outboundSourceSchema, overlaps, parseNetwork } from '../core/directory/index.ts'
import type { Sql } from '../platform/db/database.ts'
import { allOutboundSources, manyNamed } from '../store/outbound-sources.ts'

const LOOPBACK = ['127.0.0.0/8', '::1']

export async function sourceFindings(sql: Sql, proxies: Config['smtp']['proxies']): Promise<Finding[]> {
  const findings: Finding[] = []
  const listed = proxies.flatMap((proxy) => (proxy === 'loopback' ? LOOPBACK : [proxy]))
  for (const { organisationId, sources } of await allOutboundSources(sql)) {
    const parsed = outboundSourceSchema.array().safeParse(sources)
    const named = parsed.success ? parsed.data.flatMap(({ networks }) => networks ?? []) : []
    const networks = named.map(parseNetwork).filter((one) => one !== null)
    for (const proxy of listed) {
      const at = networks.findIndex((network) => overlaps(network, parseNetwork(proxy)!))
      if (at >= 0)
        findings.push({
          name: 'outbound sources',
          standing: 'warning',
          text: `the proxy ${proxy} of smtp.proxies is in outboundSources too (${named[at]}): on the day it is not in smtp.proxies any more, everybody who comes through it may write to the world`,
          remedy:
            'Take its address out of outboundSources and name the mail systems behind it, or give them a username.',
        })
    }
    for (const { clientIp, names } of await manyNamed(sql, organisationId))
      if (
        isFrom(networks, clientIp) &&
        !isFrom(
          listed.map((one) => parseNetwork(one)!),
          clientIp,
        )
      )
        findings.push({
          name: 'outbound sources',
          standing: 'wrong',
          text: `${clientIp} is in outboundSources, and mail came from it under ${names} names of servers: it looks like a proxy, and then anybody may write to the world through it`,
          remedy: `If it is one: let it send the PROXY header, put ${clientIp} into smtp.proxies, and take it out of outboundSources.`,
        })
  }
  return findings
}
