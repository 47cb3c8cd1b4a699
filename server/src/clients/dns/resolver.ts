/**
 * Asking the DNS by a client of our own: Node's neither asks for TLSA records nor tells whether an answer is authenticated
 * (the AD bit), and DANE rests on both (docs/decisions/0015). It trusts a resolver and validates nothing itself: AD counts only of
 * name servers on this machine, between which and us nobody stands, or of all where the configuration says so.
 *
 * Promises: where some servers are trusted, only those are asked, or who silences them could have others answer without
 * proof. Answers are kept for as long as they say, an hour at most; failures are not kept. Nobody waits longer than two
 * rounds of the servers.
 */
import { getServers } from 'node:dns'
import type { Clock } from '../../platform/clock.ts'
import { DnsSyntax, type RecordData, type RecordType } from '../../protocols/dns/message.ts'
import { DnsFailure, exchange, parseNameServer, rcodeName, type NameServer } from './exchange.ts'

export { DnsFailure } from './exchange.ts'

export type TrustAd = 'loopback' | 'all' | 'none'

export interface DnsAnswer<T extends RecordType = RecordType> {
  /** empty: there are none of this type, or no such name */
  records: RecordData[T][]
  /** where aliases (CNAME) led */
  canonical: string
  /** DNSSEC proves it, says a resolver that is trusted */
  authenticated: boolean
}

export interface Dns {
  /** Throws DnsFailure when nobody knows. */
  ask<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<T>>
  /** the servers that are asked */
  servers: readonly NameServer[]
  /** their word that an answer is authenticated counts */
  isTrusted: boolean
}

export interface DnsOptions {
  clock: Clock
  /** as `address` or `address:port`; none: the system's */
  servers?: readonly string[]
  trustAd?: TrustAd
  /** for one try */
  timeoutMs?: number
}

const ROUNDS = 2
const MOST_SERVERS = 3
const MOST_KEPT = 10_000
const MOST_KEPT_OCTETS = 4_096
const LONGEST_MS = 3_600_000
/** RFC 2308 section 5 allows hours; who has just set up a domain should not wait for those. */
const LONGEST_NEGATIVE_MS = 300_000
/** Questions on their way at once: each has a socket. */
const MOST_AT_ONCE = 100

interface Kept {
  answer: DnsAnswer
  /** monotonic */
  until: number
}

/** What the system has that we cannot read is not asked. */
const systemServers = (): NameServer[] =>
  getServers().flatMap((text) => {
    try {
      return [parseNameServer(text)]
    } catch {
      return []
    }
  })

export function createDns(options: DnsOptions): Dns {
  const { clock, trustAd = 'loopback', timeoutMs = 3_000 } = options
  const all = options.servers && options.servers.length > 0 ? options.servers.map(parseNameServer) : systemServers()
  const trusted = all.filter(({ isLocal }) => trustAd === 'all' || (trustAd === 'loopback' && isLocal))
  const isTrusted = trusted.length > 0
  const servers = (isTrusted ? trusted : all).slice(0, MOST_SERVERS)
  const kept = new Map<string, Kept>()
  const asking = new Map<string, Promise<DnsAnswer>>()
  const waiting: (() => void)[] = []
  let atOnce = 0

  async function inTurn<R>(work: () => Promise<R>): Promise<R> {
    if (atOnce >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else atOnce++
    try {
      return await work()
    } finally {
      // Its place goes to the one who waits longest.
      const next = waiting.shift()
      if (next) next()
      else atOnce--
    }
  }

  async function askServers<T extends RecordType>(key: string, name: string, type: T): Promise<DnsAnswer<T>> {
    let failure = new DnsFailure('NOSERVER', 'no name server is configured')
    for (let round = 0; round < ROUNDS; round++)
      for (const server of servers)
        try {
          const reply = await exchange({ server, name, type, clock, timeoutMs })
          if (reply.rcode !== 0 && reply.rcode !== 3)
            throw new DnsFailure(rcodeName(reply.rcode), `${server.address} answers ${rcodeName(reply.rcode)}`)
          const { records, canonical, ttl, octets } = reply
          const answer = { records, canonical, authenticated: isTrusted && reply.authenticated }
          // Strangers choose how much they answer.
          if (octets <= MOST_KEPT_OCTETS) keep(key, answer, ttl)
          return answer
        } catch (error) {
          if (error instanceof DnsSyntax) throw new DnsFailure('BADNAME', error.message)
          if (!(error instanceof DnsFailure)) throw error
          failure = error
        }
    throw failure
  }

  function keep(key: string, answer: DnsAnswer, ttl: number | null): void {
    if (ttl === null || ttl <= 0) return
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!)
    const longest = answer.records.length > 0 ? LONGEST_MS : LONGEST_NEGATIVE_MS
    kept.set(key, { answer, until: clock.monotonic() + Math.min(ttl * 1000, longest) })
  }

  return {
    servers,
    isTrusted,
    async ask<T extends RecordType>(name: string, type: T) {
      const key = `${type} ${name.toLowerCase()}`
      const known = kept.get(key)
      if (known && known.until > clock.monotonic()) return known.answer as DnsAnswer<T>
      kept.delete(key)
      let asked = asking.get(key)
      if (!asked) {
        asked = inTurn(() => askServers(key, name, type)).finally(() => asking.delete(key))
        asking.set(key, asked)
      }
      return (await asked) as DnsAnswer<T>
    },
  }
}
