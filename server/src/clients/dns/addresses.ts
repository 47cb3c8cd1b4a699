/**
 * The addresses of hosts by their names, remembered: a few names at a time are asked for, and what was known stays when
 * nobody answers. For whoever compares hosts, not for connecting (clients/smtp/dial.ts asks the system each time).
 */
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '../../platform/clock.ts'

export interface AddressBook {
  /** as last heard; empty: never */
  of(host: string): readonly string[]
  /** Asks again for a few of `hosts` whose turn it is, and forgets those that are not among them. */
  refresh(hosts: Iterable<string>): Promise<void>
}

/** Of a name or an address, as the system knows them (its hosts file too); empty where it knows none. Never throws. */
export const systemAddresses = (host: string): Promise<string[]> =>
  lookup(host, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  )

const AGAIN_MS = 600_000
const AT_ONCE = 10
const MOST_ADDRESSES = 8

export function createAddressBook(
  clock: Clock,
  resolver: Pick<Resolver, 'resolve4' | 'resolve6'> = new Resolver({ timeout: 2_000, tries: 1 }),
): AddressBook {
  const known = new Map<string, { askedAt: number; addresses: readonly string[] }>()

  async function ask(host: string): Promise<void> {
    const entry = { askedAt: clock.monotonic(), addresses: known.get(host)?.addresses ?? [] }
    known.set(host, entry)
    const asked = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (found.length > 0) entry.addresses = found.slice(0, MOST_ADDRESSES)
  }

  return {
    of: (host) => known.get(host)?.addresses ?? [],
    async refresh(hosts) {
      const wanted = new Set([...hosts].filter((host) => isIP(host) === 0))
      for (const host of known.keys()) if (!wanted.has(host)) known.delete(host)
      const now = clock.monotonic()
      const due = [...wanted].filter((host) => now - (known.get(host)?.askedAt ?? -Infinity) >= AGAIN_MS)
      await Promise.all(due.slice(0, AT_ONCE).map(ask))
    },
  }
}
