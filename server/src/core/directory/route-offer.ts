/**
 * What the hosts of a route offered at their last EHLO, as it is kept in `route.last_ehlo`: host and port to offer. Pure.
 * All hosts together can be counted on for what each of them takes: the smallest SIZE, the extensions all have.
 */
import { z } from 'zod'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'

const hostOffer = z.object({
  /** octets; 0: no limit, or none was told (RFC 1870 section 4) */
  size: z.number().int().min(0),
  smtputf8: z.boolean(),
  eightBitMime: z.boolean(),
  dsn: z.boolean(),
  requireTls: z.boolean().default(false),
})
export type Offer = z.infer<typeof hostOffer>
export type HostOffers = Record<string, Offer>

const storedOffers = z.record(z.string(), hostOffer)

export const hostKey = ({ host, port }: { host: string; port: number }): string => `${host.toLowerCase()}:${port}`

export const offerOf = ({ size, smtputf8, eightBitMime, dsn, all }: Capabilities): Offer => ({
  size: size ?? 0,
  smtputf8,
  eightBitMime,
  dsn,
  requireTls: all.has('REQUIRETLS'),
})

export const sameOffer = (a: Offer | undefined, b: Offer): boolean =>
  a !== undefined &&
  a.size === b.size &&
  a.smtputf8 === b.smtputf8 &&
  a.eightBitMime === b.eightBitMime &&
  a.dsn === b.dsn &&
  a.requireTls === b.requireTls

/** Those of the route's present hosts; what cannot be read was never seen. */
export function readOffers(stored: unknown, hosts: readonly { host: string; port: number }[]): HostOffers {
  const parsed = storedOffers.safeParse(stored)
  if (!parsed.success) return {}
  const keys = new Set(hosts.map(hostKey))
  return Object.fromEntries(Object.entries(parsed.data).filter(([key]) => keys.has(key)))
}

/** null: none was ever seen. */
export function commonOffer(offers: HostOffers): Offer | null {
  const all = Object.values(offers)
  if (all.length === 0) return null
  const limits = all.map(({ size }) => size).filter((size) => size > 0)
  return {
    size: limits.length > 0 ? Math.min(...limits) : 0,
    smtputf8: all.every((one) => one.smtputf8),
    eightBitMime: all.every((one) => one.eightBitMime),
    dsn: all.every((one) => one.dsn),
    requireTls: all.every((one) => one.requireTls),
  }
}
