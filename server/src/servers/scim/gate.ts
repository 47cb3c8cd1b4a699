/** Who asks: the bearer of a token, and so one source of one organisation. Everything else is one and the same 401. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { networkOf, placeText } from '../../core/access/index.ts'
import { openScim, type ScimDeps, type ScimKey } from '../../core/directory/index.ts'
import { ScimError } from '../../protocols/scim/index.ts'
import { createPace } from './pace.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** null before the token was looked at, and beyond /scim */
    scim: ScimKey | null
  }
}

const BEARER = /^bearer +(\S{1,200})$/i

export function keyOfRequest(request: FastifyRequest): ScimKey {
  if (request.scim === null) throw new ScimError(401, null, 'A valid bearer token is needed.')
  return request.scim
}

export function addScimGate(app: FastifyInstance, deps: ScimDeps): void {
  const pace = createPace(deps.clock)
  app.decorateRequest('scim', null)
  app.addHook('onRequest', async (request, reply) => {
    const network = networkOf(request.ip)
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1] ?? ''
    pace.mayTry(network, token)
    request.scim = await openScim(deps, token, placeText(network))
    if (request.scim === null) {
      pace.wrong(network)
      throw new ScimError(401, null, 'A valid bearer token is needed.')
    }
    pace.good(token)
    reply.raw.once('close', pace.begin(request.scim.sourceId))
  })
}
