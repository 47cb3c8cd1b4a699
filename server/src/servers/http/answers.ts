/**
 * What goes wrong, as { error: { code, text, detail } } with the status of platform/errors.ts. Unexpected errors are
 * logged with the request's id and answered without their words; a database that is away is 503, never 500.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { classifyDbError } from '../../platform/db/database.ts'
import { toWireError, WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'

/** What a thrown thing means to the one who asked. */
export function wireErrorOf(thrown: unknown): WireError {
  if (thrown instanceof WireError || !(thrown instanceof Error)) return toWireError(thrown)
  const error = thrown as FastifyError
  const kind = classifyDbError(error)
  if (kind === 'connection' || kind === 'unavailable')
    return new WireError('database-unavailable', undefined, { cause: error })
  // Text PostgreSQL cannot store (NUL) or an id that is none: the request's fault.
  if (error.code === '22021' || error.code === '22P05' || error.code === '22P02')
    return new WireError('bad-request', 'the text cannot be stored')
  if (error.statusCode === 413) return new WireError('message-too-large', 'the request is larger than this page takes')
  if (error.statusCode === 429) return new WireError('rate-limited')
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new WireError('bad-request', error.message)
  return toWireError(error)
}

export function sendError(reply: FastifyReply, error: WireError): FastifyReply {
  if (error.code === 'sign-in-slow-down') void reply.header('retry-after', /\d+/.exec(error.detail ?? '')?.[0] ?? '10')
  return reply
    .code(error.spec.http)
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send({
      error: {
        code: error.code,
        text: error.spec.text,
        ...(error.detail === undefined ? {} : { detail: error.detail }),
      },
    })
}

export function addAnswers(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((thrown: unknown, request: FastifyRequest, reply) => {
    const error = wireErrorOf(thrown)
    if (error.spec.blame === 'us')
      log.error({ err: thrown, requestId: request.id, route: request.routeOptions.url }, 'request failed')
    return sendError(reply, error)
  })
}
