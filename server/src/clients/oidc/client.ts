/**
 * An OpenID Connect provider as the client of one organisation sees it: where to send a browser, and who came back. openid-client
 * speaks the protocol; this file holds it to what an organisation may rely on. The discovery document must say exactly the issuer that
 * was declared (the library takes any tenant's word for Entra ID), the ID token's signature is verified although it comes over TLS,
 * and its issuer is compared once more.
 *
 * Failure: AwayError where the provider did not answer as one that works, RefusedError where it did and the answer is no.
 */
import * as oidc from 'openid-client'
import { ask, AwayError, checkPlace, type AskRules } from './ask.ts'

export { AwayError } from './ask.ts'
/** The provider's answer is no, or is not one that can be believed. */
export class RefusedError extends Error {}

export interface ProviderClientSettings {
  issuer: string
  clientId: string
  /** null: a public client */
  clientSecret: string | null
  scopes: readonly string[]
  claim: string
  ca?: string | undefined
  insecureLoopback: boolean
}

export interface OneTry {
  redirectUri: string
  state: string
  nonce: string
  verifier: string
}

export interface ProviderClient {
  /** Where the browser goes. `hint`: the name that was typed. */
  authorizationUrl(one: OneTry, hint: string): Promise<URL>
  /** Claims of the ID token, and of userinfo where the one that is looked for was not in it. `query`: of the URL it came back to. */
  exchange(one: OneTry, query: string): Promise<Record<string, unknown> & { sub: string }>
  /** The keys are there: for doctor. How many. */
  keys(): Promise<number>
  metadata: oidc.ServerMetadata
}

/** For each request; the library asks for at most four in one step. */
export const REQUEST_SECONDS = 5

const rulesOf = (settings: ProviderClientSettings, signal: AbortSignal): AskRules => ({
  ca: settings.ca,
  insecureLoopback: settings.insecureLoopback,
  signal,
})

/** The discovery document, which must be that of the declared issuer to the letter. */
export async function discover(
  settings: ProviderClientSettings,
  onDate?: (date: string) => void,
): Promise<oidc.ServerMetadata> {
  const url = new URL(`${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const rules = { ...rulesOf(settings, AbortSignal.timeout(REQUEST_SECONDS * 1000)), ...(onDate && { onDate }) }
  const answer = await ask(url, { method: 'GET', headers: { accept: 'application/json' } }, rules)
  if (answer.status !== 200) throw new AwayError(`${url.href}: answered ${answer.status}`)
  let found: unknown
  try {
    found = await answer.json()
  } catch {
    throw new AwayError(`${url.href}: is not a discovery document`)
  }
  const document = (typeof found === 'object' ? found : null) as Partial<oidc.ServerMetadata> | null
  if (document?.issuer !== settings.issuer)
    throw new AwayError(
      `${url.href} speaks for the issuer ${JSON.stringify(document?.issuer ?? null).slice(0, 200)}, declared is "${settings.issuer}"`,
    )
  for (const key of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
    const place: unknown = document[key]
    if (typeof place !== 'string' || !URL.canParse(place)) throw new AwayError(`${url.href} has no ${key}`)
    checkPlace(new URL(place), rules)
  }
  return document as oidc.ServerMetadata
}

/** Basic where the provider takes it (RFC 6749 section 2.3.1), else in the body. */
function clientAuth(secret: string | null): oidc.ClientAuth {
  if (secret === null) return oidc.None()
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)]
  return (as, client, body, headers) => {
    const taken = as.token_endpoint_auth_methods_supported
    const way = taken && !taken.includes('client_secret_basic') ? post : basic
    way(as, client, body, headers)
  }
}

/** `metadata`: what discover() found. The keys are kept as long as the client is. */
export function openProvider(settings: ProviderClientSettings, metadata: oidc.ServerMetadata): ProviderClient {
  const config = new oidc.Configuration(metadata, settings.clientId, undefined, clientAuth(settings.clientSecret))
  config.timeout = REQUEST_SECONDS
  // Marked so that it stands out; ask.ts lets it go to this machine alone.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  if (settings.insecureLoopback) oidc.allowInsecureRequests(config)
  oidc.enableNonRepudiationChecks(config)
  const fetchHere: oidc.CustomFetch = (url, { method, headers, body, signal }) =>
    ask(
      new URL(url),
      { method, headers, body: body === undefined || body === null ? undefined : String(body as URLSearchParams) },
      rulesOf(settings, signal ?? AbortSignal.timeout(REQUEST_SECONDS * 1000)),
    )
  config[oidc.customFetch] = fetchHere

  return {
    metadata,
    async authorizationUrl({ redirectUri, state, nonce, verifier }, hint) {
      return oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...(hint === '' ? {} : { login_hint: hint }),
      })
    },
    async exchange({ redirectUri, state, nonce, verifier }, query) {
      try {
        const back = new URL(redirectUri)
        back.search = query
        const tokens = await oidc.authorizationCodeGrant(config, back, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        })
        const claims: Record<string, unknown> & { sub: string } = { ...tokens.claims()! }
        if (claims.iss !== settings.issuer) throw new RefusedError('the ID token is of another issuer')
        if (claims[settings.claim] !== undefined || metadata.userinfo_endpoint === undefined) return claims
        const more = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)
        return { ...more, ...claims }
      } catch (error) {
        throw judged(error)
      }
    },
    async keys() {
      const url = new URL(metadata.jwks_uri!)
      const answer = await ask(
        url,
        { method: 'GET', headers: { accept: 'application/json' } },
        rulesOf(settings, AbortSignal.timeout(REQUEST_SECONDS * 1000)),
      )
      const found = (await answer.json().catch(() => null)) as { keys?: unknown } | null
      return answer.status === 200 && Array.isArray(found?.keys) ? found.keys.length : 0
    },
  }
}

/** What a provider says of itself at the address we gave it (RFC 6749 section 4.1.2.1). */
const AWAY_WORDS = new Set(['server_error', 'temporarily_unavailable'])
const AWAY_CODES = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
])

function judged(error: unknown): Error {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof AwayError || at instanceof RefusedError) return at
  if (error instanceof oidc.AuthorizationResponseError)
    return AWAY_WORDS.has(error.error)
      ? new AwayError(`it says ${error.error}`)
      : new RefusedError(`it says ${error.error.slice(0, 100)}`)
  if (error instanceof oidc.ResponseBodyError)
    return new RefusedError(`its token endpoint says ${error.error.slice(0, 100)}`)
  const { code, message, cause } = error as Error & { code?: string }
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message
  return code !== undefined && AWAY_CODES.has(code) ? new AwayError(why) : new RefusedError(why)
}
