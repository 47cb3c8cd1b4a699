/**
 * The identity providers of organisations, each with what was learned of it: its discovery document and keys for an hour, and whether it
 * answers. One that could not be reached rests, for longer each time, so that the sign-in page says so at once and a crowd does not wait
 * for it one by one; who looks while it rests hears `away` without asking anybody.
 * Failure: AwayError.
 */
import { AwayError, discover, openProvider, type ProviderClient } from '../../clients/oidc/client.ts'
import { within, type Clock } from '../../platform/clock.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { SignInProvider } from '../directory/index.ts'

const KNOWN_MS = 3_600_000
/** So long a good answer counts for the sign-in page, and for whoever is about to be sent there. */
const FRESH_MS = { page: 20_000, leaving: 2_000 }
/** The sign-in page waits so long for a first word. */
const LOOK_MS = 3_000
/** For a whole step: the token, its keys, userinfo. */
const STEP_MS = 10_000
const FIRST_REST_MS = 5_000
const MOST_REST_MS = 60_000
const AT_ONCE = 50

interface Known {
  /** the settings it was opened with: others mean another provider */
  as: string
  client: ProviderClient | null
  openedAt: number
  /** last answer */
  goodAt: number
  failures: number
  restsUntil: number
  running: number
  opening: Promise<ProviderClient> | null
}

export interface Providers {
  /** Does it answer? At once where that is known, else within seconds. */
  standing(organisationId: Id, provider: SignInProvider, asks: keyof typeof FRESH_MS): Promise<'answers' | 'away'>
  /** Runs a step with the provider's client; its outcome tells whether the provider answers. */
  use<T>(organisationId: Id, provider: SignInProvider, step: (client: ProviderClient) => Promise<T>): Promise<T>
}

export function createProviders({ clock, log }: { clock: Clock; log: Log }): Providers {
  const all = new Map<Id, Known>()

  function of(organisationId: Id, provider: SignInProvider): Known {
    const as = JSON.stringify(provider)
    let known = all.get(organisationId)
    if (known?.as !== as) {
      known = {
        ...{ as, client: null, openedAt: -Infinity, goodAt: -Infinity, failures: 0, restsUntil: -Infinity },
        ...{ running: 0, opening: null },
      }
      all.set(organisationId, known)
    }
    return known
  }

  function answered(known: Known, issuer: string): void {
    if (known.failures > 0) log.info({ issuer }, 'an identity provider answers again')
    known.failures = 0
    known.restsUntil = -Infinity
    known.goodAt = clock.monotonic()
  }

  function failed(known: Known, issuer: string, began: number, error: Error): void {
    // Those that were under way together failed together.
    if (known.failures > 0 && began < known.restsUntil - restOf(known)) return
    known.failures++
    known.goodAt = -Infinity
    known.restsUntil = clock.monotonic() + restOf(known)
    log.warn({ issuer, reason: error.message, restsMs: restOf(known) }, 'an identity provider does not answer')
  }
  const restOf = ({ failures }: Known): number => Math.min(MOST_REST_MS, FIRST_REST_MS * 2 ** (failures - 1))

  /** Its keys are kept so long: one that is not among them is asked for before, but at most once a minute. */
  const isFresh = (known: Known): boolean => clock.monotonic() - known.openedAt < KNOWN_MS

  /** Discovery afresh, shared by all who wait for it. */
  function opened(known: Known, provider: SignInProvider): Promise<ProviderClient> {
    if (known.opening) return known.opening
    const began = clock.monotonic()
    known.opening = discover(provider)
      .then(
        (metadata) => {
          answered(known, provider.issuer)
          const { client } = known
          if (client && isFresh(known) && JSON.stringify(client.metadata) === JSON.stringify(metadata)) return client
          known.openedAt = clock.monotonic()
          return (known.client = openProvider(provider, metadata))
        },
        (error: unknown) => {
          failed(known, provider.issuer, began, error as Error)
          throw error
        },
      )
      .finally(() => {
        known.opening = null
      })
    return known.opening
  }

  return {
    async standing(organisationId, provider, asks) {
      const known = of(organisationId, provider)
      const now = clock.monotonic()
      if (known.restsUntil > now) return 'away'
      if (now - known.goodAt < FRESH_MS[asks]) return 'answers'
      try {
        await within(clock, LOOK_MS, opened(known, provider), () => new AwayError('it is slow'))
        return 'answers'
      } catch {
        return 'away'
      }
    },

    async use(organisationId, provider, step) {
      const known = of(organisationId, provider)
      if (known.running >= AT_ONCE) throw new AwayError('too many ask at once')
      known.running++
      const began = clock.monotonic()
      try {
        const client = known.client && isFresh(known) ? known.client : await opened(known, provider)
        const work = step(client)
        work.catch(() => undefined)
        const result = await within(clock, STEP_MS, work, () => new AwayError(`no answer within ${STEP_MS / 1000} s`))
        return result
      } catch (error) {
        if (error instanceof AwayError) failed(known, provider.issuer, began, error)
        throw error
      } finally {
        known.running--
      }
    },
  }
}
