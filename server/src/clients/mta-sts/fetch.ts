/**
 * Asking a domain for its MTA-STS policy (RFC 8461 section 3): the TXT record, and the policy by HTTPS. Bounded in time
 * and size; no redirects (section 3.3), a valid certificate or nothing, and no address inside our own networks.
 */
import { Resolver } from 'node:dns/promises'
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { MOST_POLICY, parsePolicy, parseRecord, type Policy } from '../../protocols/mta-sts/policy.ts'

export interface PolicyHost {
  /** The id of the domain's policy; null: it has none. Throws when nobody answers. */
  lookUpId(domain: string): Promise<string | null>
  /** The policy; throws with a sentence when it cannot be had or is not one. */
  fetch(domain: string): Promise<Policy>
}

export interface PolicyHostOptions {
  /** name servers, as `address` or `address:port`; none: the system's */
  servers?: readonly string[]
  /** policies may be on private addresses */
  allowPrivate?: boolean
  /** for tests */
  port?: number
  ca?: string
  timeoutMs?: number
}

const NOTHING = new Set(['ENODATA', 'ENOTFOUND'])
/** Mail waits for this at the first message to a domain: less than the minute section 3.3 allows. */
const TIMEOUT_MS = 10_000
const PATH = '/.well-known/mta-sts.txt'

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

export function createPolicyHost(options: PolicyHostOptions = {}): PolicyHost {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const resolver = new Resolver({ timeout: Math.min(3_000, timeoutMs), tries: 2 })
  if (options.servers && options.servers.length > 0) resolver.setServers(options.servers)

  const isAllowed = (address: string): boolean =>
    options.allowPrivate === true || ipaddr.process(address).range() === 'unicast'

  async function addressOf(name: string): Promise<string> {
    const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])).find(isAllowed)
    if (found === undefined) throw new Error(`${name} has no address that may be asked`)
    return found
  }

  function get(host: string, address: string): Promise<string> {
    // The name stays the certificate's and the request's; where it leads was decided above.
    const lookup: LookupFunction = (_, { all }, done) => {
      const family = ipaddr.parse(address).kind() === 'ipv4' ? 4 : 6
      if (all) done(null, [{ address, family }])
      else done(null, address, family)
    }
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        asked.destroy()
        reject(new Error(`https://${host}${PATH}: ${why}`))
      }
      const asked = request(
        {
          host,
          port: options.port ?? 443,
          path: PATH,
          lookup,
          servername: host,
          headers: { accept: 'text/plain' },
          ...(options.ca === undefined ? {} : { ca: options.ca }),
          signal: AbortSignal.timeout(timeoutMs),
        },
        (answer) => {
          // Section 3.3: a redirect must not be followed; anything but 200 is no policy.
          if (answer.statusCode !== 200) return fail(`answered ${answer.statusCode}`)
          const type = (answer.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
          if (type !== 'text/plain') return fail('is not text/plain')
          const parts: Buffer[] = []
          let size = 0
          answer.on('data', (part: Buffer) => {
            size += part.length
            if (size > MOST_POLICY) return fail('is too long')
            parts.push(part)
          })
          answer.on('end', () => resolve(Buffer.concat(parts).toString('latin1')))
          answer.on('error', (error) => fail(error.message))
        },
      )
      asked.on('error', (error) => fail(error.message))
      asked.end()
    })
  }

  return {
    async lookUpId(domain) {
      try {
        return parseRecord(await resolver.resolveTxt(`_mta-sts.${domain}`))
      } catch (error) {
        if (NOTHING.has(codeOf(error))) return null
        throw error
      }
    },
    async fetch(domain) {
      const host = `mta-sts.${domain}`
      const policy = parsePolicy(await get(host, await addressOf(host)))
      if (!policy) throw new Error(`https://${host}${PATH}: is not a policy`)
      return policy
    },
  }
}
