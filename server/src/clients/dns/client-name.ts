/**
 * The name of a client by its address, as mail servers know it: what reverse DNS says, where that name's own addresses say
 * the same (RFC 8601 section 3, `iprev`). Asked only for next hops that want to know who the client was, never while a
 * message is taken.
 */
import { Resolver } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import type { Clock } from '../../platform/clock.ts'

export interface ClientNames {
  /** null: it has none that holds; undefined: nobody could say just now. Never throws. */
  of: (ip: string) => Promise<string | null | undefined>
}

const KEPT_MS = 600_000
/** Nobody could say: soon again. */
const UNKNOWN_MS = 30_000
/** Addresses remembered; the ones asked for first go first. */
const MOST = 10_000
/** An address may have many names; the first few are asked. */
const MOST_NAMES = 3

/** Of Node's resolver (c-ares): there is no such name, or nothing of this kind. */
const isNone = (error: unknown): boolean => /^(ENOTFOUND|ENODATA)$/.test((error as NodeJS.ErrnoException).code ?? '')

/** `servers`: as `address` or `address:port`; none: the system's. */
export function createClientNames(options: {
  clock: Pick<Clock, 'monotonic'>
  servers?: readonly string[]
  resolver?: Pick<Resolver, 'reverse' | 'resolve4' | 'resolve6'>
}): ClientNames {
  const { clock } = options
  const resolver = options.resolver ?? systemResolver(options.servers ?? [])
  const known = new Map<string, { until: number; name: Promise<string | null | undefined> }>()

  async function confirmed(name: string, ip: ipaddr.IPv4 | ipaddr.IPv6): Promise<boolean> {
    try {
      const found = await (ip.kind() === 'ipv6' ? resolver.resolve6(name) : resolver.resolve4(name))
      return found.some((one) => ipaddr.process(one).toNormalizedString() === ip.toNormalizedString())
    } catch (error) {
      if (isNone(error)) return false
      throw error
    }
  }
  async function look(ip: ipaddr.IPv4 | ipaddr.IPv6): Promise<string | null> {
    let names: string[]
    try {
      names = await resolver.reverse(ip.toString())
    } catch (error) {
      if (isNone(error)) return null
      throw error
    }
    for (const name of names.slice(0, MOST_NAMES)) if (await confirmed(name, ip)) return name
    return null
  }

  return {
    of(text) {
      if (!ipaddr.isValid(text)) return Promise.resolve(null)
      const ip = ipaddr.process(text)
      const key = ip.toNormalizedString()
      const now = clock.monotonic()
      const before = known.get(key)
      if (before && before.until > now) return before.name
      known.delete(key)
      const entry = { until: now + KEPT_MS, name: look(ip).catch(() => undefined) }
      void entry.name.then((name) => {
        if (name === undefined) entry.until = now + UNKNOWN_MS
      })
      for (const oldest of known.keys()) {
        if (known.size < MOST) break
        known.delete(oldest)
      }
      known.set(key, entry)
      return entry.name
    },
  }
}

function systemResolver(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: 1_000, tries: 2 })
  if (servers.length > 0) resolver.setServers([...servers])
  return resolver
}
