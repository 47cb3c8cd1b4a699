/** Answers as RFC 7644 has them, errors too: whatever goes wrong below /scim/v2 is said in its words. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorBody, ScimError } from '../../protocols/scim/index.ts'
import type { Log } from '../../platform/log.ts'
import { parseJson, RequestError, type Json } from '../../protocols/jmap/index.ts'
import { wireErrorOf } from '../http/index.ts'

export const MEDIA_TYPE = 'application/scim+json; charset=utf-8'

export const send = (reply: FastifyReply, body: object, status = 200): FastifyReply =>
  reply.code(status).type(MEDIA_TYPE).send(JSON.stringify(body))

/** Text PostgreSQL cannot keep, a body too large, a database that is away: as everywhere, in these words. */
function scimErrorOf(thrown: unknown): { error: ScimError; isOurs: boolean } {
  if (thrown instanceof ScimError) return { error: thrown, isOurs: false }
  if (thrown instanceof RequestError)
    return { error: new ScimError(400, 'invalidSyntax', thrown.message), isOurs: false }
  if ((thrown as { statusCode?: number }).statusCode === 415)
    return {
      error: new ScimError(415, null, 'The body must be application/scim+json or application/json.'),
      isOurs: false,
    }
  const { spec, detail } = wireErrorOf(thrown)
  const text = detail === undefined ? spec.text : `${spec.text} (${detail})`
  return {
    error: new ScimError(spec.http, spec.http === 400 ? 'invalidSyntax' : null, text),
    isOurs: spec.blame === 'us',
  }
}

export function addScimAnswers(app: FastifyInstance, log: Log): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    ['application/scim+json', 'application/json'],
    { parseAs: 'buffer' },
    (_request, bytes, done) => done(null, bytes),
  )
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const { error, isOurs } = scimErrorOf(thrown)
    if (isOurs) log.error({ err: thrown, requestId: request.id, route: request.routeOptions.url }, 'request failed')
    if (error.status === 401) void reply.header('www-authenticate', 'Bearer realm="scim"')
    if (error.status === 429) void reply.header('retry-after', '60')
    return send(reply.header('cache-control', 'no-store'), errorBody(error), error.status)
  })
}

export function bodyOf(request: FastifyRequest): Json {
  const bytes = request.body
  if (!Buffer.isBuffer(bytes) || bytes.length === 0)
    throw new ScimError(400, 'invalidSyntax', 'The request has no body.')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ScimError(400, 'invalidSyntax', 'The body is not UTF-8.')
  }
  return parseJson(text)
}
