/**
 * The switching policy: what the engine may do by itself when a route goes away (into an emergency) and when it comes home
 * (out of it). Said by the route, and by its domains where they want it otherwise.
 *
 * Modes are a route's, and mail of several domains may share one: each way the strictest of the domains that use the route
 * decides, a domain that says nothing counting with the route's own word. So none is ever switched against its policy; a
 * domain that wants to be freer than its neighbours gets a route of its own, to the same hosts.
 */
import { z } from 'zod'

/** From the freest to the strictest. */
export const leaves = ['automatic', 'ask', 'byHand'] as const
export type Leave = (typeof leaves)[number]
export interface Switching {
  /** into an emergency */
  away: Leave
  /** out of it: what waited goes home */
  home: Leave
}
export const automatic: Switching = { away: 'automatic', home: 'automatic' }

const away = z
  .enum(leaves)
  .describe(
    'Into an emergency. automatic: the engine switches. ask: it raises an alarm and waits for one click. byHand: it only shows what it would do.',
  )
const home = z
  .enum(leaves)
  .describe('Out of it, when the system answers again and what waited would go home: the same.')

/** Of a route. */
export const switchingSchema = z
  .strictObject({ away: away.default('automatic'), home: home.default('automatic') })
  .prefault({})
  .describe(
    'What is done without asking when the system fails and when it is back. Deliveries are tried and wait in any case. Where several domains use the route, the strictest of them decides.',
  )

/** Of a domain: what it leaves out is its route's. */
export const domainSwitchingSchema = z
  .strictObject({ away: away.optional(), home: home.optional() })
  .optional()
  .describe(
    "For this domain; what is left out is its route's (settings.switching). The strictest domain of a route decides.",
  )
export interface DomainSwitching {
  away?: Leave | undefined
  home?: Leave | undefined
}

const stricter = (a: Leave, b: Leave): Leave => (leaves.indexOf(a) >= leaves.indexOf(b) ? a : b)

/** `own`: the route's; `domains`: what those that use it say, each with what it leaves out. */
export function switchingOf(own: Switching, domains: readonly DomainSwitching[]): Switching {
  const whole = domains.map((one): Switching => ({ away: one.away ?? own.away, home: one.home ?? own.home }))
  if (whole.length === 0) return own
  return whole.reduce((a, b) => ({ away: stricter(a.away, b.away), home: stricter(a.home, b.home) }))
}
