/** /me/app-passwords. While a one-time password waits to be replaced, none of it: what stands there is looked at after. */
import type { AppPassword, Session } from '../../../core/access/index.ts'
import { checkEntered, MOST_APP_PASSWORDS } from '../../../core/access/index.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import { visitorOf } from '../../http/index.ts'
import type { Handlers } from '../handler.ts'
import { iso, isoOrNull } from '../present.ts'

function personOf(session: Session): { organisationId: Id; personId: Id } {
  if (session.organisationId === null) throw new WireError('not-found')
  checkEntered(session)
  return { organisationId: session.organisationId, personId: session.subjectId }
}

const present = ({ id, name, protocols, createdAt, lastUsedAt, lastPlace }: AppPassword) => ({
  id,
  name,
  protocols,
  createdAt: iso(createdAt),
  lastUsedAt: isoOrNull(lastUsedAt),
  lastPlace,
})

export const appPasswordHandlers: Handlers<'listAppPasswords' | 'makeAppPassword' | 'revokeAppPassword'> = {
  async listAppPasswords({ deps, session }) {
    const items = await deps.access.appPasswords.list(personOf(session))
    return { items: items.map(present), most: MOST_APP_PASSWORDS }
  },
  async makeAppPassword({ deps, request, session, body }) {
    personOf(session)
    const made = await deps.access.appPasswords.make({ session, ...body, visitor: visitorOf(request) })
    return { ...present(made), password: made.password }
  },
  async revokeAppPassword({ deps, session, params }) {
    if (!(await deps.access.appPasswords.revoke(personOf(session), params.device, session.actor)))
      throw new WireError('not-found')
    return undefined
  },
}
