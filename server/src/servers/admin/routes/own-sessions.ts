/** /me/sessions. */
import { WireError } from '../../../platform/errors.ts'
import { COOKIE } from '../../http/index.ts'
import type { Handlers } from '../handler.ts'
import { iso } from '../present.ts'

export const ownSessionHandlers: Handlers<'listOwnSessions' | 'endOwnSession' | 'endOtherSessions'> = {
  async listOwnSessions({ deps, request, session }) {
    const list = await deps.access.ownSessions.list({ session, token: request.cookies[COOKIE] ?? '' })
    return list.map((one) => ({ ...one, createdAt: iso(one.createdAt), seenAt: iso(one.seenAt) }))
  },
  async endOwnSession({ deps, request, session, params }) {
    const ended = await deps.access.ownSessions.end({
      session,
      token: request.cookies[COOKIE] ?? '',
      id: params.session,
    })
    if (ended === 0) throw new WireError('not-found')
    return { ended }
  },
  async endOtherSessions({ deps, request, session }) {
    return { ended: await deps.access.ownSessions.end({ session, token: request.cookies[COOKIE] ?? '', id: null }) }
  },
}
