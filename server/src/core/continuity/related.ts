/**
 * Which routes have to do with each other: those that share a host, the domain of a host, or a network (/24, /48). An
 * outage of the provider they share is one outage, not many. Pure; addresses of names are what the caller knows of them.
 */
import ipaddr from 'ipaddr.js'

/** Domains under which anybody may have a name: co.uk, com.au. */
const isPublicSuffix = (second: string, top: string): boolean => top.length === 2 && second.length <= 3

/** mail.example.co.uk -> example.co.uk; what is too short to tell stays as it is. */
export function domainOf(host: string): string {
  const labels = host.toLowerCase().replace(/\.$/, '').split('.')
  const [second, top] = labels.slice(-2)
  if (labels.length < 3 || second === undefined || top === undefined) return labels.join('.')
  return labels.slice(isPublicSuffix(second, top) ? -3 : -2).join('.')
}

export function networkOf(address: string): string {
  const parsed = ipaddr.process(address)
  const bits = parsed.kind() === 'ipv4' ? 3 : 6
  return parsed.toByteArray().slice(0, bits).join('.')
}

/** A group's number for each route. */
export function groupRelated<T>(
  routes: readonly { id: T; hosts: readonly string[] }[],
  addressesOf: (host: string) => readonly string[],
): Map<T, number> {
  const parent = routes.map((_, i) => i)
  const rootOf = (i: number): number => {
    let at = i
    while (parent[at] !== at) at = parent[at] = parent[parent[at]!]!
    return at
  }
  const firstWith = new Map<string, number>()
  routes.forEach(({ hosts }, i) => {
    for (const host of hosts)
      for (const key of ipaddr.isValid(host)
        ? [networkOf(host)]
        : [domainOf(host), ...addressesOf(host).map(networkOf)]) {
        const known = firstWith.get(key)
        if (known === undefined) firstWith.set(key, i)
        else parent[rootOf(i)] = rootOf(known)
      }
  })
  return new Map(routes.map(({ id }, i) => [id, rootOf(i)]))
}
