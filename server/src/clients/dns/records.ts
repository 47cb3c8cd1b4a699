/** Records as libraries that check SPF and DKIM want them: in the form of Node's resolver, of the configured name servers. */
import { Resolver } from 'node:dns/promises'

/** `servers`: as `address` or `address:port`; none: the system's. Rejects with Node's errors. */
export function createRecords(servers: readonly string[]): (name: string, type: string) => Promise<unknown> {
  const resolver = new Resolver({ timeout: 3_000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  return (name, type) => resolver.resolve(name, type)
}
