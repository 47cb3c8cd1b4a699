/**
 * Signing in by the identity provider of one's organisation: the browser goes there with what only it can bring back, and whoever
 * comes back is the person that the provider's own id means. Which organisation it is follows from the domain that was typed, never
 * from whether somebody has that name.
 *
 * Promises: a sign-in that was begun is good once, for ten minutes, in the browser that began it (login CSRF); the session is a new
 * one (fixation); the first time, a person is found by a name of this organisation that may be believed (provider-claims.ts), and
 * from then on by `sub` alone; who is disabled here is so whatever the provider says. No second factor of ours is asked for.
 */
import { createHash, randomBytes } from 'node:crypto'
import { AwayError, RefusedError } from '../../clients/oidc/client.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import * as store from '../../store/provider-sign-in.ts'
import { appendAudit } from '../audit/index.ts'
import { foldDomain, signInProvider, type SignInProvider } from '../directory/index.ts'
import { foldSignInName } from './names.ts'
import { claimsProblem, nameIn, type Claims } from './provider-claims.ts'
import type { Providers } from './providers.ts'
import { beginSession, type Visitor } from './sessions.ts'

export const ATTEMPT_SECONDS = 600
/** Where browsers come back to, below the public address; registered at the provider. */
export const RETURN_PATH = '/sign-in/provider'
const TOKEN = /^[A-Za-z0-9_-]{43}$/
const MOST_QUERY = 8_000

export interface ByProvider {
  /** What people of a domain may sign in by; null: they have none. */
  offered(domain: string): Promise<{ name: string; standing: 'answers' | 'away' } | null>
  /** Where the browser goes, and the cookie it is known by. Throws not-found, provider-away. */
  begin(name: string, publicUrl: string): Promise<{ url: string; browser: string }>
  /** Gives the session's cookie. Throws provider-ended, provider-away, provider-refused, provider-stranger. */
  finish(back: {
    query: string
    browser: string | undefined
    publicUrl: string
    visitor: Visitor
    presented?: string | undefined
  }): Promise<string>
}

export interface ByProviderDeps {
  db: Database
  log: Log
  keys: () => Keys
  providers: Providers
  done: (outcome: 'good' | 'failed') => void
}

const digest = (...parts: string[]): Buffer => createHash('sha256').update(parts.join('\0')).digest()
const derived = (purpose: string, browser: string, state: string): string =>
  digest(purpose, browser, state).toString('base64url')
const tieName = ({ issuer, clientId }: SignInProvider): string => `${issuer} ${clientId}`

const tryOf = (browser: string, state: string, publicUrl: string) => ({
  redirectUri: publicUrl.replace(/\/$/, '') + RETURN_PATH,
  state,
  nonce: derived('nonce', browser, state),
  verifier: derived('verifier', browser, state),
})

export function createByProvider({ db, log, keys, providers, done }: ByProviderDeps): ByProvider {
  function opened(stored: store.StoredProvider | null): SignInProvider | null {
    if (!stored) return null
    try {
      return signInProvider(stored, keys)
    } catch (error) {
      const { organisationId } = stored
      log.warn({ organisationId, reason: (error as Error).message }, 'the identity provider cannot be asked')
      throw new WireError('provider-away')
    }
  }

  async function ofDomain(domain: string): Promise<store.StoredProvider | null> {
    const folded = foldDomain(domain.trim().toLowerCase())
    return folded === null ? null : store.providerOfDomain(db, folded)
  }

  async function whoIs(
    sql: Sql,
    organisationId: Id,
    provider: SignInProvider,
    claims: Claims,
  ): Promise<{ personId: Id; isFirst: boolean }> {
    const refuse = (why: string): never => {
      log.info({ organisationId, issuer: provider.issuer, why }, 'a sign-in by the identity provider was refused')
      throw new WireError('provider-stranger')
    }
    const problem = claimsProblem(provider, claims)
    if (problem !== null) return refuse(problem)
    const of = { organisationId, provider: tieName(provider), subject: claims.sub }
    const tied = await store.tiedPerson(sql, of)
    if (tied) return tied.isDisabled ? refuse('the person is disabled') : { personId: tied.personId, isFirst: false }
    const name = nameIn(provider, claims)
    if (name === null) return refuse(`there is no ${provider.claim} that may be believed`)
    const found = await store.personNamed(sql, { organisationId, name, upnToo: provider.claim !== 'email' })
    if (!found || found.isDisabled) return refuse('nobody who may sign in has this name')
    if (!(await store.tie(sql, { ...of, personId: found.personId })))
      return refuse('the person is tied to another account there ("holdfast admin provider --untie")')
    return { personId: found.personId, isFirst: true }
  }

  /** What went wrong at the provider, as it is told. */
  function told(error: unknown, organisationId: Id): WireError {
    if (error instanceof AwayError) return new WireError('provider-away')
    if (!(error instanceof RefusedError)) throw error
    log.info({ organisationId, why: error.message }, 'the identity provider did not let somebody in')
    return new WireError('provider-refused')
  }

  async function enter(
    organisationId: Id,
    provider: SignInProvider,
    claims: Claims,
    visitor: Visitor,
    presented: string | undefined,
  ): Promise<string> {
    return db.transaction(async (sql) => {
      const { personId, isFirst } = await whoIs(sql, organisationId, provider, claims)
      const subject = `person:${personId}`
      await appendAudit(sql, {
        ...{ organisationId, actor: subject, action: 'signed-in', subject },
        detail: { clientIp: visitor.clientIp, by: 'identity provider', ...(isFirst ? { tied: true } : {}) },
      })
      return beginSession(sql, { subjectId: personId, organisationId, byProvider: true }, visitor, presented)
    })
  }

  return {
    async offered(domain) {
      const stored = await ofDomain(domain)
      const provider = opened(stored)
      if (!stored || !provider) return null
      return { name: provider.name, standing: await providers.standing(stored.organisationId, provider, 'page') }
    },

    async begin(name, publicUrl) {
      const folded = foldSignInName(name)?.address ?? ''
      const stored = await ofDomain(folded.slice(folded.lastIndexOf('@') + 1))
      const provider = opened(stored)
      if (!stored || !provider) throw new WireError('not-found')
      const { organisationId } = stored
      const [browser, state] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')]
      // Fresh: whoever is sent away must find somebody there.
      if ((await providers.standing(organisationId, provider, 'leaving')) === 'away')
        throw new WireError('provider-away')
      const one = tryOf(browser, state, publicUrl)
      try {
        const url = await providers.use(organisationId, provider, (client) => client.authorizationUrl(one, folded))
        await store.insertAttempt(db, {
          ...{ stateHash: digest(state), browserHash: digest(browser), organisationId },
          ...{ provider: tieName(provider), seconds: ATTEMPT_SECONDS },
        })
        return { url: url.href, browser }
      } catch (error) {
        throw told(error, organisationId)
      }
    },

    async finish({ query, browser, publicUrl, visitor, presented }) {
      const states = query.length > MOST_QUERY ? [] : new URLSearchParams(query).getAll('state')
      const [state] = states
      if (states.length !== 1 || !TOKEN.test(state!) || browser === undefined || !TOKEN.test(browser))
        throw new WireError('provider-ended')
      const attempt = await store.takeAttempt(db, { stateHash: digest(state!), browserHash: digest(browser) })
      const provider = attempt && opened(await store.providerOf(db, attempt.organisationId))
      if (!attempt || !provider || tieName(provider) !== attempt.provider) throw new WireError('provider-ended')
      const { organisationId } = attempt
      try {
        const one = tryOf(browser, state!, publicUrl)
        const claims = await providers.use(organisationId, provider, (client) => client.exchange(one, query))
        const token = await enter(organisationId, provider, claims, visitor, presented)
        done('good')
        return token
      } catch (error) {
        done('failed')
        throw error instanceof WireError ? error : told(error, organisationId)
      }
    },
  }
}
