/** /me/address-book: of the organisation of whoever asks, and no other. */
import type { FastifyInstance } from 'fastify'
import type { Session } from '../../../core/access/index.ts'
import { bookPhoto, cardInBook, findInBook, placeOf } from '../../../core/directory/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { isId, type Id } from '../../../platform/ids.ts'
import { sessionOf } from '../../http/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'

function organisationOf(session: Session): Id {
  if (session.organisationId === null) throw new WireError('not-found')
  return session.organisationId
}

export const addressBookHandlers: Handlers<'searchBook' | 'getBookCard'> = {
  async searchBook({ deps, session, query }) {
    const after = query.after === undefined ? null : placeOf(query.after)
    if (query.after !== undefined && after === null) throw new WireError('bad-request', 'after: not a key of this list')
    return findInBook(deps.db, organisationOf(session), { text: query.q, after, limit: query.limit })
  },
  async getBookCard({ deps, session, params }) {
    const card = await cardInBook(deps.db, organisationOf(session), params.entry)
    if (card === null) throw new WireError('not-found')
    return card
  },
}

/** What was checked when it was stored is served as what it is, and as nothing else. */
export function addBookPhotos(app: FastifyInstance, deps: Pick<AdminDeps, 'db'>): void {
  app.get('/me/address-book/:entry/photo', { config: { ability: 'book:see' } }, async (request, reply) => {
    const { entry } = request.params as { entry: string }
    const photo = isId(entry) ? await bookPhoto(deps.db, organisationOf(sessionOf(request)), entry) : null
    if (photo === null) throw new WireError('not-found')
    return (
      reply
        .type(photo.type === 'image/png' ? 'image/png' : 'image/jpeg')
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "sandbox; default-src 'none'")
        .header('content-disposition', 'inline; filename="photo"')
        // The address moves with the photo; a shared computer keeps nothing of it on its disk.
        .header('cache-control', 'no-store')
        .send(photo.bytes)
    )
  })
}
