/** /Users and /Groups: the same for both, but for what a PATCH answers. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  createResource,
  deleteResource,
  findResources,
  oneResource,
  patchResource,
  presented,
  replaceResource,
} from '../../core/directory/index.ts'
import { isObject, type Json } from '../../protocols/jmap/index.ts'
import {
  etagOf,
  listBody,
  namesVersion,
  pageOf,
  parseFilter,
  ScimError,
  selected,
  selectionOf,
  type ResourceKind,
  type Selection,
} from '../../protocols/scim/index.ts'
import { bodyOf, send } from './answers.ts'
import { keyOfRequest } from './gate.ts'
import { config, GROUP_BYTES, USER_BYTES } from './limits.ts'
import { baseFrom, type ScimRouteDeps } from './place.ts'

type Row = Awaited<ReturnType<typeof oneResource>>

interface Query {
  filter?: string
  startIndex?: string
  count?: string
  attributes?: string
  excludedAttributes?: string
}

/** One value of each; a name that comes twice is none. */
function queryOf(request: FastifyRequest): Query {
  const query: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    if (typeof value !== 'string') throw new ScimError(400, 'invalidValue', `${name} is there twice.`)
    query[name] = value
  }
  return query
}

/** The same in the body of POST /.search. */
function searchOf(body: Json): Query {
  if (!isObject(body)) throw new ScimError(400, 'invalidSyntax', 'The body must be an object.')
  const query: Record<string, string> = {}
  for (const [name, value] of Object.entries(body))
    if (Array.isArray(value)) query[name] = value.filter((one) => typeof one === 'string').join(',')
    else if (typeof value === 'string' || typeof value === 'number') query[name] = String(value)
  return query
}

const whichOf = (request: FastifyRequest): { id: string; ifMatch: string | undefined } => ({
  id: (request.params as { id: string }).id,
  ifMatch: request.headers['if-match'],
})

export function addResources(app: FastifyInstance, deps: ScimRouteDeps, kind: ResourceKind): void {
  const { db } = deps
  const baseOf = baseFrom(deps)
  const asked = (request: FastifyRequest) => ({ sql: db, key: keyOfRequest(request), kind, base: baseOf(request) })
  const selection = ({ attributes, excludedAttributes }: Query): Selection =>
    selectionOf(kind, attributes, excludedAttributes)
  const writing = { config, bodyLimit: kind.name === 'User' ? USER_BYTES : GROUP_BYTES }

  async function sendOne(request: FastifyRequest, reply: FastifyReply, row: Row, status = 200): Promise<FastifyReply> {
    const wish = selection(queryOf(request))
    const [resource] = await presented(asked(request), [row], wish)
    void reply.header('etag', etagOf(row.version))
    return send(reply, selected(resource!, wish), status)
  }

  async function sendList(request: FastifyRequest, reply: FastifyReply, query: Query): Promise<FastifyReply> {
    const wish = selection(query)
    const page = pageOf(query)
    const filter = query.filter === undefined || query.filter.trim() === '' ? null : parseFilter(kind, query.filter)
    const { total, rows } = await findResources(asked(request), filter, page, wish)
    const resources = await presented(asked(request), rows, wish)
    return send(
      reply,
      listBody(
        total,
        page.startIndex,
        resources.map((one) => selected(one, wish)),
      ),
    )
  }

  app.get(kind.endpoint, { config }, (request, reply) => sendList(request, reply, queryOf(request)))
  app.post(`${kind.endpoint}/.search`, writing, (request, reply) => sendList(request, reply, searchOf(bodyOf(request))))
  app.post(kind.endpoint, writing, async (request, reply) => {
    const row = await createResource(deps, keyOfRequest(request), kind, bodyOf(request))
    void reply.header('location', `${baseOf(request)}${kind.endpoint}/${row.id}`)
    return sendOne(request, reply, row, 201)
  })
  app.get(`${kind.endpoint}/:id`, { config }, async (request, reply) => {
    const row = await oneResource(asked(request), whichOf(request).id)
    const known = request.headers['if-none-match']
    if (known !== undefined && namesVersion(known, row.version))
      return reply.header('etag', etagOf(row.version)).code(304).send()
    return sendOne(request, reply, row)
  })
  app.put(`${kind.endpoint}/:id`, writing, async (request, reply) =>
    sendOne(
      request,
      reply,
      await replaceResource(deps, keyOfRequest(request), kind, whichOf(request), bodyOf(request)),
    ),
  )
  app.patch(`${kind.endpoint}/:id`, writing, async (request, reply) => {
    const row = await patchResource(deps, keyOfRequest(request), kind, whichOf(request), bodyOf(request))
    // A group may be large, and whoever changed it asks for nothing more.
    if (kind.name === 'Group' && queryOf(request).attributes === undefined)
      return reply.header('etag', etagOf(row.version)).code(204).send()
    return sendOne(request, reply, row)
  })
  app.delete(`${kind.endpoint}/:id`, { config }, async (request, reply) => {
    await deleteResource(deps, keyOfRequest(request), kind, whichOf(request))
    return reply.code(204).send()
  })
}
