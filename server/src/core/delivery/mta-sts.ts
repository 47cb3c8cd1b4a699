/**
 * Which MTA-STS policy holds for a domain (RFC 8461 section 5.1): asked for at the first message, looked at again every few
 * minutes by its id, kept as long as it says, over restarts too. What cannot be fetched leaves the one that is kept in force;
 * a domain of which none is known is written to as if it had none. Never throws, and mail never waits longer than a fetch.
 */
import type { PolicyHost } from '../../clients/mta-sts/fetch.ts'
import { within, type Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Policy } from '../../protocols/mta-sts/policy.ts'

export interface KeptPolicy extends Policy {
  domain: string
  id: string
  /** milliseconds since the epoch */
  expiresAt: number
}

export interface PolicyStore {
  read(domain: string): Promise<KeptPolicy | null>
  write(policy: KeptPolicy): Promise<void>
}

export type PolicyOf = (domain: string) => Promise<Policy | null>

/** The record is looked at again after this, and so is a policy that could not be fetched (RFC 8461 section 3.3 suggests five minutes). */
const LOOK_AGAIN_MS = 300_000
/** So long the first message to a domain waits at most. */
const FIRST_LOOK_MS = 15_000
/** Domains remembered in memory; of the others the store knows. */
const MOST_KNOWN = 20_000

interface Known {
  kept: KeptPolicy | null
  /** monotonic */
  lookAt: number
}

export function createPolicies(deps: {
  host: PolicyHost
  store: PolicyStore
  clock: Clock
  log: Log
  /** a domain says that it has a policy, which cannot be had */
  onFault?: (domain: string, error: Error) => void
}): PolicyOf {
  const { host, store, clock, log } = deps
  const known = new Map<string, Known>()
  const asking = new Map<string, Promise<Known>>()

  const inForce = (kept: KeptPolicy | null): KeptPolicy | null =>
    kept !== null && kept.expiresAt > clock.now() ? kept : null

  async function look(domain: string): Promise<Known> {
    const before = known.get(domain)?.kept ?? (await store.read(domain).catch(() => null))
    const kept = await ask(domain, inForce(before)).catch((error: unknown) => {
      log.info({ domain, err: (error as Error).message }, 'the MTA-STS policy could not be asked for')
      return inForce(before)
    })
    if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!)
    const now = { kept, lookAt: clock.monotonic() + LOOK_AGAIN_MS }
    known.set(domain, now)
    return now
  }

  async function ask(domain: string, before: KeptPolicy | null): Promise<KeptPolicy | null> {
    const id = await host.lookUpId(domain)
    // No record is no news (section 5.1): an attacker could make it disappear. The policy ends with its time, or says so itself.
    if (id === null) return before
    // Section 10.2: renewed long before it ends, or who can hold back one answer at that moment could end it.
    if (before?.id === id && before.expiresAt - clock.now() > (before.maxAge * 1000) / 2) return before
    const policy = await host.fetch(domain).catch((error: unknown) => {
      deps.onFault?.(domain, error as Error)
      throw error
    })
    const kept = { ...policy, domain, id, expiresAt: clock.now() + policy.maxAge * 1000 }
    await store
      .write(kept)
      .catch((error: unknown) => log.warn({ domain, err: String(error) }, 'an MTA-STS policy could not be kept'))
    return kept
  }

  return async (domain) => {
    const one = known.get(domain)
    if (one && clock.monotonic() < one.lookAt) return inForce(one.kept)
    const asked = lookOnce(domain)
    // What is known is the answer meanwhile: only the first message to a domain waits, and not for long.
    if (one) return inForce(one.kept)
    const none = { kept: null, lookAt: 0 }
    const first = await within(clock, FIRST_LOOK_MS, asked, () => new Error('no answer')).catch(() => none)
    return inForce(first.kept)
  }

  function lookOnce(domain: string): Promise<Known> {
    let asked = asking.get(domain)
    if (!asked) {
      asked = look(domain).finally(() => asking.delete(domain))
      asking.set(domain, asked)
    }
    return asked
  }
}
