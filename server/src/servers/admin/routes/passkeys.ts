/** /session/passkey, /session/second/passkey, /me/passkeys: the cookie that binds what is asked to its browser, and the session. */
import type { FastifyReply } from 'fastify'
import { addressesOf, CHALLENGE_SECONDS, MOST_PASSKEYS, type Passkey } from '../../../core/access/index.ts'
import { COOKIE, HALF_COOKIE, setHalfCookie, setSessionCookie, visitorOf } from '../../http/index.ts'
import type { Handlers } from '../handler.ts'
import { iso, isoOrNull } from '../present.ts'
import { begun } from './account.ts'
import { tellOfFactor } from './second-factor.ts'

export const PASSKEY_COOKIE = 'holdfast-passkey'

function setBrowser(reply: FastifyReply, browser: string | null, secure: boolean): void {
  const base = { path: '/api/v1/session/passkey', httpOnly: true, sameSite: 'strict', secure } as const
  if (browser === null) void reply.clearCookie(PASSKEY_COOKIE, base)
  else void reply.setCookie(PASSKEY_COOKIE, browser, { ...base, maxAge: CHALLENGE_SECONDS })
}

const present = ({ id, name, isBackedUp, isForeign, createdAt, lastUsedAt }: Passkey) => ({
  ...{ id, name, isBackedUp, isForeign },
  createdAt: iso(createdAt),
  lastUsedAt: isoOrNull(lastUsedAt),
})

export const passkeyHandlers: Handlers<
  | 'readPasskeyPlace'
  | 'beginPasskey'
  | 'signInByPasskey'
  | 'beginSecondPasskey'
  | 'signInSecondByPasskey'
  | 'listPasskeys'
  | 'offerPasskey'
  | 'addPasskey'
  | 'removePasskey'
> = {
  readPasskeyPlace: ({ deps }) => Promise.resolve({ origin: deps.access.passkeys.place?.origin ?? null }),
  async beginPasskey({ deps, request, reply }) {
    const { options, browser } = await deps.access.passkeys.begin(visitorOf(request))
    setBrowser(reply, browser, deps.secure)
    return options
  },
  async signInByPasskey({ deps, request, reply, body }) {
    const browser = request.cookies[PASSKEY_COOKIE]
    setBrowser(reply, null, deps.secure)
    const token = await deps.access.passkeys.signIn({
      ...{ browser, used: body, visitor: visitorOf(request), presented: request.cookies[COOKIE] },
    })
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  beginSecondPasskey: ({ deps, request }) =>
    deps.access.passkeys.beginSecond(request.cookies[HALF_COOKIE], visitorOf(request)),
  async signInSecondByPasskey({ deps, request, reply, body }) {
    const token = await deps.access.passkeys.signInSecond({
      ...{ half: request.cookies[HALF_COOKIE], used: body },
      ...{ visitor: visitorOf(request), presented: request.cookies[COOKIE] },
    })
    setHalfCookie(reply, null, deps.secure)
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  async listPasskeys({ deps, session }) {
    const { passkeys } = deps.access
    const items = (await passkeys.list(session)).map(present)
    return { items, most: MOST_PASSKEYS, origin: passkeys.place?.origin ?? null }
  },
  async offerPasskey({ deps, request, session, body }) {
    const { organisationId, subjectId, name } = session
    const [own] = organisationId === null ? [] : await addressesOf(deps.db, organisationId, subjectId)
    return deps.access.passkeys.offer({
      ...{ session, token: request.cookies[COOKIE] ?? '', visitor: visitorOf(request) },
      ...{ current: body.current, account: own?.display ?? name },
    })
  },
  async addPasskey({ deps, request, session, body }) {
    const { name, ...made } = body
    const token = request.cookies[COOKIE] ?? ''
    const one = await deps.access.passkeys.add({ session, token, visitor: visitorOf(request), name, made })
    await tellOfFactor(deps, session, 'factorMade')
    return present(one)
  },
  async removePasskey({ deps, request, session, params, body }) {
    const wish = { session, id: params.passkey, current: body.current, visitor: visitorOf(request) }
    await deps.access.passkeys.remove(wish)
    await tellOfFactor(deps, session, 'factorEnded')
    return undefined
  },
}
