/** /session/second and /me/second-factor. */
import { addressesOf } from '../../../core/access/index.ts'
import { COOKIE, HALF_COOKIE, setHalfCookie, setSessionCookie, visitorOf } from '../../http/index.ts'
import type { Handlers } from '../handler.ts'
import { isoOrNull } from '../present.ts'
import { begun } from './account.ts'

export const secondFactorHandlers: Handlers<
  'signInSecond' | 'readSecondFactor' | 'offerSecondFactor' | 'confirmSecondFactor' | 'endSecondFactor'
> = {
  async signInSecond({ deps, request, reply, body }) {
    const token = await deps.access.secondFactor.signIn({
      half: request.cookies[HALF_COOKIE],
      code: body.code,
      visitor: visitorOf(request),
      presented: request.cookies[COOKIE],
    })
    setHalfCookie(reply, null, deps.secure)
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  readSecondFactor: async ({ deps, session }) => ({ since: isoOrNull(await deps.access.secondFactor.since(session)) }),
  async offerSecondFactor({ deps, request, session, body }) {
    const { organisationId, subjectId, name } = session
    const [own] = organisationId === null ? [] : await addressesOf(deps.db, organisationId, subjectId)
    const wish = { session, current: body.current, account: own?.display ?? name, visitor: visitorOf(request) }
    return deps.access.secondFactor.offer(wish)
  },
  async confirmSecondFactor({ deps, request, session, body }) {
    await deps.access.secondFactor.confirm({
      session,
      token: request.cookies[COOKIE] ?? '',
      code: body.code,
      visitor: visitorOf(request),
    })
    return undefined
  },
  async endSecondFactor({ deps, request, session, body }) {
    await deps.access.secondFactor.end({ session, current: body.current, visitor: visitorOf(request) })
    return undefined
  },
}
