/**
 * /scim/v2: users and groups of one source, for whoever has its token (RFC 7644). What is written here is kept and answered as
 * written; people change by the run that follows, within the limits of the source (core/directory/sources/scim).
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import {
  resourceKinds,
  resourceType,
  schemaBodies,
  ScimError,
  serviceProviderConfig,
} from '../../protocols/scim/index.ts'
import { addScimAnswers, send } from './answers.ts'
import { addScimGate } from './gate.ts'
import { config } from './limits.ts'
import { baseFrom, type ScimRouteDeps } from './place.ts'
import { addResources } from './resources.ts'

export function scimRoutes(deps: ScimRouteDeps): FastifyPluginAsync {
  return async (root) => {
    await root.register(
      async (app) => {
        addScimAnswers(app, deps.log)
        addScimGate(app, deps)
        addAbout(app, deps)
        for (const kind of resourceKinds) addResources(app, deps, kind)
        addOthers(app)
      },
      { prefix: '/scim/v2' },
    )
  }
}

function addAbout(app: FastifyInstance, deps: ScimRouteDeps): void {
  const baseOf = baseFrom(deps)
  const list = (resources: object[]): object => ({
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: resources.length,
    itemsPerPage: resources.length,
    startIndex: 1,
    Resources: resources,
  })
  const known = <T extends { id: string }>(all: T[], id: string): T => {
    const found = all.find((one) => one.id.toLowerCase() === id.toLowerCase())
    if (!found) throw new ScimError(404, null, 'There is nothing of this name.')
    return found
  }
  const idOf = (params: unknown): string => (params as { id: string }).id
  const types = (base: string) => resourceKinds.map((kind) => resourceType(kind, base))
  app.get('/ServiceProviderConfig', { config }, (request, reply) => send(reply, serviceProviderConfig(baseOf(request))))
  app.get('/ResourceTypes', { config }, (request, reply) => send(reply, list(types(baseOf(request)))))
  app.get('/ResourceTypes/:id', { config }, (request, reply) =>
    send(reply, known(types(baseOf(request)), idOf(request.params))),
  )
  app.get('/Schemas', { config }, (request, reply) => send(reply, list(schemaBodies(baseOf(request)))))
  app.get('/Schemas/:id', { config }, (request, reply) =>
    send(reply, known(schemaBodies(baseOf(request)), idOf(request.params))),
  )
}

/** What the standard has and this server has not is said plainly; the rest is nothing. */
function addOthers(app: FastifyInstance): void {
  const missing = (what: string) => () => {
    throw new ScimError(501, null, `${what} is not supported. See /ServiceProviderConfig.`)
  }
  app.post('/Bulk', { config }, missing('Bulk'))
  app.all('/Me', { config }, missing('/Me'))
  app.post('/.search', { config }, missing('A search over all resources'))
  app.all('/*', { config }, () => {
    throw new ScimError(404, null, 'There is nothing at this place.')
  })
  app.all('/', { config }, () => {
    throw new ScimError(404, null, 'There is nothing at this place.')
  })
}
