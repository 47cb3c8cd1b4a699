/**
 * Can people reach a page, and the identity provider? One HTTPS request, bounded in time and size, with a valid certificate,
 * no redirects followed. Never throws.
 *
 * An OpenID provider (OpenID Connect Discovery 1.0 section 4) is asked for its configuration, and its token endpoint for a
 * token that it must refuse (RFC 6749 section 5.2): who can say no can say yes, and no account is touched.
 */
import { request as requestClear, type IncomingMessage } from 'node:http'
import { request as requestSecure } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../platform/clock.ts'
import { reached, unreached, type ReachResult } from './result.ts'

export interface PageTarget {
  url: string
  /** answers that are good; none: 200 to 399, and 401 */
  status: readonly number[]
  text?: string | undefined
  /** days before its end from which a certificate is spoken of */
  certificateDays: number
  ca?: string | undefined
  timeoutMs: number
}

export interface ProviderTarget {
  issuer: string
  ca?: string | undefined
  timeoutMs: number
}

interface Page {
  status: number
  body: string
  /** days its certificate is still good for; null: not encrypted */
  days: number | null
}

const MOST_BODY = 262_144
const DAY = 86_400_000
/** We were asked to come less often, which says nothing about anybody else. */
const TOO_OFTEN = 429

export async function askPage(target: PageTarget, clock: Clock): Promise<ReachResult> {
  try {
    const { status, body, days } = await get({ ...target, method: 'GET' }, clock)
    if (status === TOO_OFTEN) return reached('ours', 'it answers 429: it is asked too often')
    const isGood = target.status.length > 0 ? target.status.includes(status) : status < 400 || status === 401
    if (!isGood) return reached('bad', `it answers ${status}`)
    if (target.text !== undefined && !body.includes(target.text))
      return reached('bad', `it answers ${status}, without the words “${target.text}”`)
    if (days === null || days > target.certificateDays) return reached('good', `it answers ${status}`)
    const text = `it answers ${status}; its certificate ends in ${days} days`
    return { ...reached('good', text), certificateDays: days }
  } catch (error) {
    return unreached(error)
  }
}

export async function askProvider(target: ProviderTarget, clock: Clock): Promise<ReachResult> {
  const until = clock.monotonic() + target.timeoutMs
  const left = (): number => Math.max(1, until - clock.monotonic())
  try {
    const url = `${target.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const found = await get({ ...target, url, method: 'GET', timeoutMs: left() }, clock)
    if (found.status === TOO_OFTEN) return reached('ours', 'its configuration answers 429: it is asked too often')
    if (found.status !== 200) return reached('bad', `its configuration answers ${found.status}`)
    const endpoint = tokenEndpointOf(found.body, target.issuer)
    const body = 'grant_type=client_credentials'
    const said = await get({ ...target, url: endpoint, method: 'POST', body, timeoutMs: left() }, clock)
    if (said.status === TOO_OFTEN) return reached('ours', 'its token endpoint answers 429: it is asked too often')
    return said.status >= 400 && said.status < 500
      ? reached('good', `its token endpoint answers (${said.status}, as it must to us)`)
      : reached('bad', `its token endpoint answers ${said.status}`)
  } catch (error) {
    return unreached(error)
  }
}

/** Throws with a sentence where the configuration is none, or leads to what is not encrypted. */
function tokenEndpointOf(text: string, issuer: string): string {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    throw new Error('its configuration is not JSON')
  }
  const { issuer: named, token_endpoint: endpoint } = (found ?? {}) as Record<string, unknown>
  // Section 4.3: the issuer must be the one that was asked for.
  if (named !== issuer) throw new Error(`its configuration is that of ${String(named).slice(0, 100)}`)
  const url = typeof endpoint === 'string' ? URL.parse(endpoint) : null
  if (url === null || (url.protocol !== 'https:' && new URL(issuer).protocol === 'https:'))
    throw new Error('its configuration names no token endpoint')
  return url.href
}

function get(
  asked: { url: string; method: 'GET' | 'POST'; body?: string; ca?: string | undefined; timeoutMs: number },
  clock: Clock,
): Promise<Page> {
  const { url, method, body, ca } = asked
  return new Promise((resolve, reject) => {
    const isSecure = url.startsWith('https:')
    const sent = (isSecure ? requestSecure : requestClear)(url, {
      method,
      agent: false,
      headers: {
        'accept': '*/*',
        'user-agent': 'Holdfast',
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(isSecure && ca !== undefined ? { ca } : {}),
    })
    const timer = clock.after(asked.timeoutMs, () => {
      const text = `no answer for ${Math.round(asked.timeoutMs / 1000)} s`
      sent.destroy(Object.assign(new Error(text), { code: 'ETIMEDOUT' }))
    })
    const end = (tell: () => void): void => {
      timer.cancel()
      tell()
      sent.destroy()
    }
    sent.once('response', (answer) => {
      const days = isSecure ? daysLeft(answer, clock) : null
      const parts: Buffer[] = []
      let size = 0
      const done = (): void =>
        end(() => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString(), days }))
      answer.on('data', (part: Buffer) => {
        parts.push(part)
        size += part.length
        if (size >= MOST_BODY) done()
      })
      answer.once('end', done)
      answer.once('error', (error) => end(() => reject(error)))
    })
    sent.once('error', (error) => end(() => reject(error)))
    sent.end(body)
  })
}

function daysLeft(answer: IncomingMessage, clock: Clock): number | null {
  const { valid_to: until } = (answer.socket as TLSSocket).getPeerCertificate() as { valid_to?: string }
  return until === undefined ? null : Math.floor((Date.parse(until) - clock.now()) / DAY)
}
