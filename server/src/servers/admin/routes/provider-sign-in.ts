/** /session/provider: the cookie that binds a sign-in under way to its browser, and the session at its end. */
import type { FastifyReply } from 'fastify'
import { ATTEMPT_SECONDS } from '../../../core/access/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { COOKIE, setSessionCookie, visitorOf } from '../../http/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { begun } from './account.ts'

export const PROVIDER_COOKIE = 'holdfast-provider'

/** Strict does, for it is our own page that asks when the browser is back. */
function setBrowser(reply: FastifyReply, browser: string | null, secure: boolean): void {
  const base = { path: '/api/v1/session/provider', httpOnly: true, sameSite: 'strict', secure } as const
  if (browser === null) void reply.clearCookie(PROVIDER_COOKIE, base)
  else void reply.setCookie(PROVIDER_COOKIE, browser, { ...base, maxAge: ATTEMPT_SECONDS })
}

/** Providers send browsers back to a registered address, so it must be known. */
const placeOf = ({ publicUrl }: AdminDeps): string => {
  if (publicUrl === '') throw new WireError('not-found')
  return publicUrl
}

export const providerSignInHandlers: Handlers<'readProvider' | 'beginProvider' | 'finishProvider'> = {
  readProvider: async ({ deps, body }) => ({
    provider: deps.publicUrl === '' ? null : await deps.access.byProvider.offered(body.domain),
  }),
  async beginProvider({ deps, reply, body }) {
    const { url, browser } = await deps.access.byProvider.begin(body.name, placeOf(deps))
    setBrowser(reply, browser, deps.secure)
    return { url }
  },
  async finishProvider({ deps, request, reply, body }) {
    const browser = request.cookies[PROVIDER_COOKIE]
    setBrowser(reply, null, deps.secure)
    const token = await deps.access.byProvider.finish({
      ...{ query: body.query, browser, publicUrl: placeOf(deps) },
      ...{ visitor: visitorOf(request), presented: request.cookies[COOKIE] },
    })
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
}
