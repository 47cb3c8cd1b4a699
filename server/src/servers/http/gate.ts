/**
 * Who may pass: every route declares the ability it asks for (or 'public'), and a route that declares none stops the
 * start. The session comes from the cookie alone; every request that is not a GET must carry the session's CSRF token in
 * X-Holdfast-CSRF, and a public one must come from our own pages (Sec-Fetch-Site, Origin): a form on another site can do
 * nothing here, signed in or not.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Ability, Access, Session, Visitor } from '../../core/access/index.ts'
import { checkEntered, csrfMatches, HALF_SECONDS, isAbility, LONGEST_SECONDS } from '../../core/access/index.ts'
import { WireError } from '../../platform/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    ability?: Ability | 'public'
  }
  interface FastifyRequest {
    /** null on public routes and for those who are signed out */
    session: Session | null
    /** Asked again by answers that go on for hours: signed out, disabled or changed means the end. Null on public routes. */
    stillAllowed: (() => Promise<boolean>) | null
  }
}

export const COOKIE = 'holdfast'
export const CSRF_HEADER = 'x-holdfast-csrf'
const READING = new Set(['GET', 'HEAD', 'OPTIONS'])

export function visitorOf(request: FastifyRequest): Visitor {
  return { clientIp: request.ip, userAgent: request.headers['user-agent'] ?? null }
}

/** The session of a route that is not public. */
export function sessionOf(request: FastifyRequest): Session {
  if (!request.session) throw new WireError('signed-out')
  return request.session
}

export function setSessionCookie(reply: FastifyReply, token: string | null, secure: boolean): void {
  const base = { path: '/', httpOnly: true, sameSite: 'strict', secure } as const
  if (token === null) void reply.clearCookie(COOKIE, base)
  else void reply.setCookie(COOKIE, token, { ...base, maxAge: LONGEST_SECONDS })
}

/** Of who has proved the first of two (core/access/second-factor.ts). */
export const HALF_COOKIE = 'holdfast-half'

export function setHalfCookie(reply: FastifyReply, token: string | null, secure: boolean): void {
  const base = { path: '/api/v1/session', httpOnly: true, sameSite: 'strict', secure } as const
  if (token === null) void reply.clearCookie(HALF_COOKIE, base)
  else void reply.setCookie(HALF_COOKIE, token, { ...base, maxAge: HALF_SECONDS })
}

/** What a browser says about where a request comes from (Fetch Metadata). */
function fromOurPages(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const origin = request.headers.origin
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === request.headers.host
}

function mayPass(session: Session, ability: Ability): void {
  if (session.abilities.includes(ability)) return
  checkEntered(session)
  throw new WireError('forbidden')
}

export function addGate(app: FastifyInstance, access: Pick<Access, 'session'>): void {
  app.decorateRequest('session', null)
  app.decorateRequest('stillAllowed', null)
  app.addHook('onRoute', (route) => {
    const ability = route.config?.ability
    if (ability !== 'public' && (ability === undefined || !isAbility(ability)))
      throw new Error(`route ${String(route.method)} ${route.url} declares no ability`)
  })
  app.addHook('onRequest', async (request) => {
    const ability = request.routeOptions.config.ability
    // No ability: the not-found handler, which shows nothing.
    if (ability === undefined) return
    const writing = !READING.has(request.method)
    if (ability === 'public') {
      if (writing && !fromOurPages(request)) throw new WireError('csrf')
      return
    }
    const session = await access.session(request.cookies[COOKIE])
    if (!session) throw new WireError('signed-out')
    request.session = session
    const presented = request.headers[CSRF_HEADER]
    if (writing && !csrfMatches(session, typeof presented === 'string' ? presented : undefined))
      throw new WireError('csrf')
    mayPass(session, ability)
    request.stillAllowed = async () => {
      const now = await access.session(request.cookies[COOKIE])
      return now !== null && now.abilities.includes(ability)
    }
  })
}
