/** /me/private-contact and what a help desk sees of it. Giving and removing ask for the password once more. */
import { checkEntered, checkMayHelp, type Session } from '../../../core/access/index.ts'
import type { ContactPlace, ContactStanding } from '../../../core/notices/index.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import { visitorOf } from '../../http/index.ts'
import type { Handlers } from '../handler.ts'
import { isoOrNull } from '../present.ts'

function personOf(session: Session): { organisationId: Id; personId: Id } {
  if (session.organisationId === null) throw new WireError('not-found')
  checkEntered(session)
  return { organisationId: session.organisationId, personId: session.subjectId }
}

const place = (of: ContactPlace) => ({
  ...of,
  verifiedAt: isoOrNull(of.verifiedAt),
  waitingUntil: isoOrNull(of.waitingUntil),
})
const present = (standing: ContactStanding) => ({
  ...standing,
  address: place(standing.address),
  phone: place(standing.phone),
})

export const privateContactHandlers: Handlers<
  'readOwnContact' | 'giveOwnContact' | 'confirmOwnContact' | 'removeOwnContact' | 'readContact' | 'removeContact'
> = {
  readOwnContact: async ({ deps, session }) => present(await deps.privateContacts.standing(personOf(session))),
  async giveOwnContact({ deps, session, body, request }) {
    const person = personOf(session)
    await deps.access.proveAgain(session, body.current, visitorOf(request))
    await deps.privateContacts.begin(person, body.kind, body.value)
    return present(await deps.privateContacts.standing(person))
  },
  async confirmOwnContact({ deps, session, body }) {
    const person = personOf(session)
    await deps.privateContacts.confirm(person, body.kind, body.code, session.actor)
    return present(await deps.privateContacts.standing(person))
  },
  async removeOwnContact({ deps, session, body, request }) {
    const person = personOf(session)
    await deps.access.proveAgain(session, body.current, visitorOf(request))
    await deps.privateContacts.remove(person, body.kind, session.actor)
    return present(await deps.privateContacts.standing(person))
  },
  readContact: async ({ deps, organisationId, params }) =>
    present(await deps.privateContacts.standing({ organisationId, personId: params.person })),
  async removeContact({ deps, organisationId, params, session }) {
    const person = { organisationId, personId: params.person }
    await checkMayHelp(deps.db, person, session.role)
    await deps.privateContacts.remove(person, params.kind, session.actor)
    return undefined
  },
}
