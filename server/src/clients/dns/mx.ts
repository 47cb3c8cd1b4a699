/**
 * Where mail for a domain goes in the outside world (RFC 5321 section 5.1; null MX, RFC 7505): its MX hosts with their
 * addresses, by priority. Bounded: at most five hosts, four addresses of each, a few seconds a question.
 */
import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export interface MxHost {
  /** the name certificates are for */
  host: string
  /** what to connect to */
  address: string
  priority: number
}

export type MxAnswer =
  | { kind: 'hosts'; hosts: MxHost[] }
  /** the domain says that it takes no mail, or does not exist: final */
  | { kind: 'none'; text: string; enhanced: '5.1.2' | '5.1.10' }
  /** no answer just now */
  | { kind: 'later'; text: string }

export type MxLookup = (domain: string) => Promise<MxAnswer>

const NOTHING = new Set(['ENODATA', 'ENOTFOUND'])
const MOST_HOSTS = 5
const MOST_ADDRESSES = 4

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

/** An address of the world, not of our own machine or network: strangers' DNS must not point us at those. */
const isPublic = (address: string): boolean => ipaddr.process(address).range() === 'unicast'

/** `timeoutMs`: for the first try of a question; `servers`: name servers to ask, as `address` or `address:port`; none: the system's. */
export function createMxLookup(servers: readonly string[] = [], timeoutMs = 3_000, allowPrivate = false): MxLookup {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)

  /** Addresses of a name; empty: it has none. Throws when nobody answers. */
  async function addresses(name: string): Promise<string[]> {
    if (isIP(name)) return [name]
    const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const silent = asked.find((one) => one.status === 'rejected' && !NOTHING.has(codeOf(one.reason)))
    if (found.length === 0 && silent?.status === 'rejected') throw silent.reason
    return found.slice(0, MOST_ADDRESSES)
  }

  async function mxOf(domain: string): Promise<{ exchange: string; priority: number }[] | null> {
    try {
      return await resolver.resolveMx(domain)
    } catch (error) {
      if (NOTHING.has(codeOf(error))) return null
      throw error
    }
  }

  return async (domain) => {
    const allowed = ({ address }: MxHost): boolean => allowPrivate || isPublic(address)
    const privateOnly = {
      kind: 'none',
      text: `mail for ${domain} would go to an address inside a private network`,
      enhanced: '5.1.2',
    } as const
    // RFC 5321 section 4.1.3: an address literal is the host itself.
    const literal = /^\[(?:IPv6:)?([0-9a-fA-F.:]+)\]$/i.exec(domain)
    if (literal && isIP(literal[1]!)) {
      const host = { host: literal[1]!, address: literal[1]!, priority: 0 }
      return allowed(host) ? { kind: 'hosts', hosts: [host] } : privateOnly
    }
    try {
      const mx = await mxOf(domain)
      if (mx?.length === 1 && mx[0]!.exchange.replace('.', '') === '')
        return { kind: 'none', text: `${domain} takes no mail (null MX, RFC 7505)`, enhanced: '5.1.10' }
      // Without MX the domain's own address is its MX, with preference 0.
      const wanted = mx ?? [{ exchange: domain, priority: 0 }]
      const hosts: MxHost[] = []
      let silent: unknown = null
      for (const { exchange, priority } of [...wanted].sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS))
        try {
          hosts.push(...(await addresses(exchange)).map((address) => ({ host: exchange, address, priority })))
        } catch (error) {
          silent = error
        }
      const open = hosts.filter(allowed)
      if (open.length > 0) return { kind: 'hosts', hosts: open }
      if (hosts.length > 0) return privateOnly
      if (silent !== null)
        return { kind: 'later', text: `DNS did not answer for the mail servers of ${domain} (${codeOf(silent)})` }
      return {
        kind: 'none',
        text: mx
          ? `the mail servers of ${domain} have no address`
          : `the domain ${domain} has neither mail servers nor an address`,
        enhanced: '5.1.2',
      }
    } catch (error) {
      return { kind: 'later', text: `DNS did not answer for ${domain} (${codeOf(error)})` }
    }
  }
}
