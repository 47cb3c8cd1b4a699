/**
 * Where mail for a domain goes in the outside world (RFC 5321 section 5.1; null MX, RFC 7505): its MX hosts with their
 * addresses, by priority, and for DANE under which names their TLSA records would be (RFC 7672 section 2.2). Bounded: at most
 * five hosts, four addresses of each, a few seconds a question.
 */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import ipaddr from 'ipaddr.js'
import { RecordType } from '../../protocols/dns/message.ts'
import { DnsFailure, type Dns, type DnsAnswer } from './resolver.ts'

export interface MxHost {
  /** the name certificates are for */
  host: string
  /** what to connect to */
  address: string
  priority: number
  /** TLSA base domains, the first that has records is the one; left out where DNSSEC does not prove host and address */
  tlsaBases?: string[]
}

export type MxAnswer =
  | { kind: 'hosts'; hosts: MxHost[] }
  /** the domain says that it takes no mail, or does not exist: final */
  | { kind: 'none'; text: string; enhanced: '5.1.2' | '5.1.10' }
  /** no answer just now */
  | { kind: 'later'; text: string }

export type MxLookup = (domain: string) => Promise<MxAnswer>

const MOST_HOSTS = 5
const MOST_ADDRESSES = 4

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

/** An address of the world, not of our own machine or network: strangers' DNS must not point us at those. */
const isPublic = (address: string): boolean => ipaddr.process(address).range() === 'unicast'

export interface HostAddresses {
  addresses: string[]
  /** as MxHost's, from the addresses alone */
  tlsaBases: string[] | null
}

/** Addresses of a name; empty: it has none. Throws DnsFailure when nobody knows. */
export async function lookUpHost(dns: Dns, name: string): Promise<HostAddresses> {
  if (isIP(name)) return { addresses: [name], tlsaBases: null }
  const asked = await Promise.allSettled([dns.ask(name, RecordType.A), dns.ask(name, RecordType.AAAA)])
  const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const found = answers.flatMap(({ records }) => records)
  const silent = asked.find((one) => one.status === 'rejected')
  if (found.length === 0 && silent) throw silent.reason
  const tlsaBases = dns.isTrusted && found.length > 0 ? await basesOf(dns, name, answers) : null
  return { addresses: found.slice(0, MOST_ADDRESSES), tlsaBases }
}

/**
 * RFC 7672 section 2.2.2: where the addresses are authenticated, the name at the end of the aliases, then the one they begin
 * at. Where they are not but the name is an alias in a signed zone, that one alone.
 */
async function basesOf(dns: Dns, name: string, answers: readonly DnsAnswer[]): Promise<string[] | null> {
  const base = name.toLowerCase()
  const proved = answers.find(({ authenticated, records }) => authenticated && records.length > 0)
  if (proved) return [...new Set([proved.canonical, base])]
  if (answers.every(({ canonical }) => canonical === base)) return null
  const alias = await dns.ask(name, RecordType.CNAME)
  return alias.authenticated && alias.records.length > 0 ? [base] : null
}

export function createMxLookup(dns: Dns, allowPrivate = false): MxLookup {
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
      const { records: mx, authenticated } = await dns.ask(domain, RecordType.MX)
      if (mx.length === 1 && mx[0]!.exchange === '')
        return { kind: 'none', text: `${domain} takes no mail (null MX, RFC 7505)`, enhanced: '5.1.10' }
      // Without MX the domain's own address is its MX, with preference 0.
      const wanted = mx.length > 0 ? [...mx] : [{ exchange: domainToASCII(domain) || domain, priority: 0 }]
      const hosts: MxHost[] = []
      let silent: unknown = null
      for (const { exchange, priority } of wanted.sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS))
        try {
          const { addresses, tlsaBases } = await lookUpHost(dns, exchange)
          // Section 2.2.1: an MX that anybody could have written proves nothing about its host.
          const dane = authenticated && tlsaBases ? { tlsaBases } : {}
          hosts.push(...addresses.map((address) => ({ host: exchange, address, priority, ...dane })))
        } catch (error) {
          // A name that is none has no address; for anything else somebody may know more later.
          if (codeOf(error) !== 'BADNAME') silent = error
        }
      const open = hosts.filter(allowed)
      if (open.length > 0) return { kind: 'hosts', hosts: open }
      if (hosts.length > 0) return privateOnly
      if (silent !== null)
        return { kind: 'later', text: `DNS did not answer for the mail servers of ${domain} (${codeOf(silent)})` }
      return {
        kind: 'none',
        text:
          mx.length > 0
            ? `the mail servers of ${domain} have no address`
            : `the domain ${domain} has neither mail servers nor an address`,
        enhanced: '5.1.2',
      }
    } catch (error) {
      if (error instanceof DnsFailure && error.code === 'BADNAME')
        return { kind: 'none', text: `${domain.slice(0, 255)} is no domain name`, enhanced: '5.1.2' }
      return { kind: 'later', text: `DNS did not answer for ${domain} (${codeOf(error)})` }
    }
  }
}
