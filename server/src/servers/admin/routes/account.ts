/** /session, /setup, /me. */
import type { Session } from '../../../core/access/index.ts'
import { addressesOf, networkOf } from '../../../core/access/index.ts'
import { confirmDeletions, readDeletions } from '../../../core/return/index.ts'
import { isAskedForContact } from '../../../core/ways-back/index.ts'
import { personStanding } from '../../../core/trace/index.ts'
import { Mode, Pin, wordOf } from '../../../platform/codes.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import { COOKIE, setSessionCookie, visitorOf } from '../../http/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { iso, isoOrNull } from '../present.ts'
import { locales } from '../contract/account.ts'
import { orHalf } from './half.ts'

async function present(deps: AdminDeps, session: Session) {
  const own =
    session.organisationId === null ? [] : await addressesOf(deps.db, session.organisationId, session.subjectId)
  return {
    kind: session.kind,
    id: session.subjectId,
    name: session.name,
    address: own[0]?.display ?? null,
    addresses: own.map((each) => each.display),
    organisation:
      session.organisationId === null ? null : { id: session.organisationId, name: session.organisationName ?? '' },
    role: session.role,
    locale: locales.find((locale) => locale === session.locale) ?? 'en',
    abilities: [...session.abilities],
    csrf: session.csrf,
    version: deps.version,
    mustChangePassword: session.mustChangePassword,
    choosesPassword: session.choosesPassword,
    askedForContact:
      session.organisationId !== null && (await isAskedForContact(deps.db, session.organisationId, session.subjectId)),
    lacksSecondFactor: session.lacksSecondFactor,
  }
}

function mailboxOf(session: Session): { organisationId: Id; personId: Id } {
  if (session.organisationId === null) throw new WireError('not-found')
  return { organisationId: session.organisationId, personId: session.subjectId }
}

export async function begun(deps: AdminDeps, token: string) {
  const session = await deps.access.session(token)
  if (!session) throw new WireError('signed-out')
  return present(deps, session)
}

export const accountHandlers: Handlers<
  | 'signIn'
  | 'readSession'
  | 'signOut'
  | 'changePassword'
  | 'setUp'
  | 'checkSetUp'
  | 'askForLink'
  | 'useLink'
  | 'changeMe'
  | 'readStanding'
  | 'readDeletions'
  | 'reportReach'
  | 'reportOwnReach'
  | 'confirmDeletions'
> = {
  async signIn({ deps, request, reply, body }) {
    const attempt = { ...body, visitor: visitorOf(request), presented: request.cookies[COOKIE] }
    const token = await orHalf(reply, deps.secure, deps.access.signIn(attempt))
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  readSession: ({ deps, session }) => present(deps, session),
  async signOut({ deps, request, reply }) {
    await deps.access.signOut(request.cookies[COOKIE])
    setSessionCookie(reply, null, deps.secure)
    return undefined
  },
  async changePassword({ deps, request, reply, body, session }) {
    const token = await deps.access.changePassword({ session, ...body, visitor: visitorOf(request) })
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  async setUp({ deps, request, reply, body }) {
    const token = await deps.access.setUp({ ...body, visitor: visitorOf(request) })
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  checkSetUp: async ({ deps, body }) => ({ valid: await deps.access.setupLinkValid(body.token) }),
  async askForLink({ deps, body }) {
    deps.signInLinks.ask(body.name)
    return undefined
  },
  async useLink({ deps, request, reply, body }) {
    const attempt = { token: body.token, visitor: visitorOf(request), presented: request.cookies[COOKIE] }
    const token = await orHalf(reply, deps.secure, deps.access.signInByLink(attempt))
    setSessionCookie(reply, token, deps.secure)
    return begun(deps, token)
  },
  async changeMe({ deps, session, body }) {
    await deps.access.setLocale(session, body.locale)
    return present(deps, { ...session, locale: body.locale })
  },
  async readStanding({ deps, session }) {
    const { organisationId, personId } = mailboxOf(session)
    const [row, deleted] = await Promise.all([
      personStanding(deps.db, organisationId, personId),
      readDeletions(deps.db, { organisationId, personId }),
    ])
    if (!row) throw new WireError('not-found')
    return {
      mode: wordOf(Mode, row.mode),
      since: iso(row.since),
      pin: row.pin === null ? null : wordOf(Pin, row.pin),
      cause: row.cause,
      primaryName: row.primaryName,
      waitingHere: row.waitingHere,
      sentHere: row.sentHere,
      parkedHere: row.parkedHere,
      deletedButOwed: deleted.waiting,
      return: row.returning ? { total: row.home + row.pending, home: row.home, pending: row.pending } : null,
      now: iso(row.now),
    }
  },
  async reportReach({ deps, request, body }) {
    deps.continuity.reports.claim({ address: body.address, network: networkOf(request.ip) })
    return undefined
  },
  async reportOwnReach({ deps, session }) {
    const { organisationId, personId } = mailboxOf(session)
    await deps.continuity.reports.sign(organisationId, personId)
    return undefined
  },
  async readDeletions({ deps, session }) {
    const { waiting, oldestAt, newestAt } = await readDeletions(deps.db, mailboxOf(session))
    return { waiting, oldestAt: isoOrNull(oldestAt), newestAt: isoOrNull(newestAt) }
  },
  confirmDeletions: ({ deps, session, body }) => confirmDeletions(deps, { ...mailboxOf(session), seen: body.waiting }),
}
