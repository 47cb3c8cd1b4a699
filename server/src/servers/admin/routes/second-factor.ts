/** /session/second and /me/second-factor. */
import { addressesOf, type Session } from '../../../core/access/index.ts'
import { COOKIE, HALF_COOKIE, setHalfCookie, setSessionCookie, visitorOf } from '../../http/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { isoOrNull } from '../present.ts'
import { begun } from './account.ts'

/** Operators have no private address. */
export async function tellOfFactor(
  { privateContacts }: AdminDeps,
  { organisationId, subjectId: personId }: Session,
  kind: 'factorMade' | 'factorEnded',
): Promise<void> {
  if (organisationId !== null) await privateContacts.tell({ organisationId, personId }, kind)
}

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
    await tellOfFactor(deps, session, 'factorMade')
    return undefined
  },
  async endSecondFactor({ deps, request, session, body }) {
    await deps.access.secondFactor.end({ session, current: body.current, visitor: visitorOf(request) })
    await tellOfFactor(deps, session, 'factorEnded')
    return undefined
  },
}
