/**
 * JMAP over HTTP: the session resource, the API, upload, download, push. Only for persons, each on the own account. What
 * is downloaded is never shown by a browser as a page of ours: it is an attachment, sandboxed, with its type not guessed.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { MailOwner } from '../../core/mailbox/index.ts'
import { WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import { parseJson, parseRequest, RequestError } from '../../protocols/jmap/index.ts'
import { withoutTurns } from '../../protocols/mime/index.ts'
import { sessionOf } from '../http/index.ts'
import { accountsOf, type Account } from './accounts.ts'
import { createAnswerRoom } from './answer-room.ts'
import { messageOfBlob, openBlob } from './blobs.ts'
import type { JmapDeps } from './call.ts'
import { dispatch } from './dispatch.ts'
import { serveEvents } from './eventsource.ts'
import { enterDownload } from './lent.ts'
import { capabilities, coreLimits } from './limits.ts'
import { sessionResource } from './session.ts'

export interface JmapRouteDeps extends JmapDeps {
  log: Log
}

/** Open push streams of one person: devices and tabs, not a flood. */
const MOST_STREAMS = 50

const config = { ability: 'mail' } as const

interface Visitor extends MailOwner {
  name: string
}

function visitor(request: FastifyRequest): Visitor {
  const session = sessionOf(request)
  if (session.kind !== 'person' || session.organisationId === null)
    throw new WireError('forbidden', 'operators have no mailbox')
  return { organisationId: session.organisationId, personId: session.subjectId, name: session.name }
}

/** The account of the path: their own, or one they share. */
async function accountOf(request: FastifyRequest, deps: Pick<JmapDeps, 'mailbox' | 'fourEyes'>): Promise<Account> {
  const { accountId } = request.params as { accountId: string }
  const account = await accountsOf(deps, visitor(request)).find(accountId)
  if (!account) throw new WireError('not-found', 'there is no such account for you')
  return account
}

/** Requests under way per person (RFC 8620 section 2, maxConcurrentRequests and maxConcurrentUpload). */
function counter(most: number, limit: string): <T>(personId: string, run: () => Promise<T>) => Promise<T> {
  const busy = new Map<string, number>()
  return async (personId, run) => {
    const now = busy.get(personId) ?? 0
    if (now >= most) throw new RequestError('limit', `at most ${most} at once`, limit)
    busy.set(personId, now + 1)
    try {
      return await run()
    } finally {
      const left = busy.get(personId)! - 1
      if (left > 0) busy.set(personId, left)
      else busy.delete(personId)
    }
  }
}

export function jmapRoutes(deps: JmapRouteDeps): FastifyPluginAsync {
  return async (app) => {
    // The bytes as they come: JSON is parsed with our own limits, uploads are streamed.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    const owners = async (request: FastifyRequest): Promise<Record<string, unknown>> => {
      const owner = visitor(request)
      const [first] = await deps.submission.identities(owner)
      const [own, ...shared] = await accountsOf(deps, owner).all()
      return sessionResource(
        { username: first?.address ?? owner.name, accounts: [own!, ...shared] },
        deps.submission.maxHold,
      )
    }
    app.get('/.well-known/jmap', { config }, owners)
    app.get('/jmap/session', { config }, owners)
    addApi(app, deps, owners)
    addUpload(app, deps)
    addDownload(app, deps)
    const listening = new Map<string, number>()
    app.get('/jmap/eventsource', { config }, (request, reply) => {
      const owner = visitor(request)
      const now = listening.get(owner.personId) ?? 0
      if (now >= MOST_STREAMS) throw new WireError('rate-limited', `at most ${MOST_STREAMS} streams of changes at once`)
      listening.set(owner.personId, now + 1)
      reply.raw.once('close', () => {
        const left = listening.get(owner.personId)! - 1
        if (left > 0) listening.set(owner.personId, left)
        else listening.delete(owner.personId)
      })
      serveEvents(deps, owner, request, reply)
      return reply
    })
  }
}

/** A request without a body has none to read. */
const bodyOf = (request: FastifyRequest): AsyncIterable<Buffer> =>
  (request.body as AsyncIterable<Buffer> | undefined) ?? Readable.from([])

async function readText(stream: AsyncIterable<Buffer>, most: number, holds: (bytes: number) => void): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > most) throw new RequestError('limit', `a request may have ${most} bytes`, 'maxSizeRequest')
    holds(chunk.length)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new RequestError('notJSON', 'the request is not UTF-8')
  }
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof RequestError)) throw error
  return reply.code(400).type('application/problem+json').send(JSON.stringify(error.problem()))
}

function addApi(
  app: FastifyInstance,
  deps: JmapRouteDeps,
  session: (request: FastifyRequest) => Promise<Record<string, unknown>>,
): void {
  const limited = counter(coreLimits.maxConcurrentRequests, 'maxConcurrentRequests')
  app.post('/jmap', { config, bodyLimit: coreLimits.maxSizeRequest }, async (request, reply) => {
    const owner = visitor(request)
    const gone = new AbortController()
    const room = createAnswerRoom(deps.room)
    reply.raw.once('close', () => {
      gone.abort()
      room.release()
    })
    try {
      if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
        throw new RequestError('notJSON', 'the content type must be application/json')
      return await limited(owner.personId, async () => {
        // From its first byte on it counts as one under way: what it brings is in memory too.
        const text = await readText(bodyOf(request), coreLimits.maxSizeRequest, (bytes) => room.answers(bytes))
        const parsed = parseRequest(parseJson(text), capabilities, coreLimits)
        const { methodResponses, createdIds } = await dispatch(parsed, {
          ...deps,
          accounts: accountsOf(deps, owner),
          signal: gone.signal,
          answers: (bytes) => room.answers(bytes),
        })
        const { state } = await session(request)
        return reply.send({
          methodResponses,
          ...(parsed.createdIds ? { createdIds: Object.fromEntries(createdIds) } : {}),
          sessionState: state,
        })
      })
    } catch (error) {
      return refuse(reply, error)
    }
  })
}

function addUpload(app: FastifyInstance, deps: JmapRouteDeps): void {
  const limited = counter(coreLimits.maxConcurrentUpload, 'maxConcurrentUpload')
  app.post('/jmap/upload/:accountId', { config, bodyLimit: coreLimits.maxSizeUpload }, async (request, reply) => {
    const { id, owner, isReadOnly } = await accountOf(request, deps)
    if (isReadOnly) throw new WireError('forbidden', 'this mailbox is open to you for reading')
    const type = request.headers['content-type'] ?? 'application/octet-stream'
    try {
      const made = await limited(visitor(request).personId, () =>
        deps.mailbox.storeUpload(owner, type, bodyOf(request)),
      )
      return await reply
        .code(201)
        .send({ accountId: id, blobId: `U${made.uploadId}`, type: made.type, size: made.size })
    } catch (error) {
      return refuse(reply, error)
    }
  })
}

/** RFC 6266 with RFC 8187: the name in both forms, without what is a path or shows another ending than the file has. */
function attachment(name: string): string {
  const plain = withoutTurns(name)
    .replace(/[\p{Cc}/\\]/gu, '_')
    .slice(0, 200)
  const tame = plain.replace(/[^\x20-\x7e]|["%]/g, '_')
  const exact = encodeURIComponent(plain.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${tame}"; filename*=UTF-8''${exact}`
}

/** RFC 6838 section 4.2. */
const isMediaType = (type: unknown): type is string =>
  typeof type === 'string' && /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}$/.test(type)

function addDownload(app: FastifyInstance, deps: JmapRouteDeps): void {
  app.get('/jmap/download/:accountId/:blobId/:name', { config }, async (request, reply) => {
    const { owner, lent } = await accountOf(request, deps)
    const { blobId, name } = request.params as { blobId: string; name: string }
    if (lent && !(await enterDownload(deps, lent, messageOfBlob(blobId))))
      throw new WireError('not-found', 'there is no such file')
    const blob = await openBlob(deps.mailbox, owner, blobId)
    if (!blob) throw new WireError('not-found', 'there is no such file')
    const { accept } = request.query as { accept?: unknown }
    // A sender's own word for the type may be anything, also what no header takes.
    const wanted = [accept, blob.type.split(';')[0]!.trim()].find(isMediaType) ?? 'application/octet-stream'
    if (blob.size !== null) void reply.header('content-length', blob.size)
    return (
      reply
        .type(wanted)
        .header('content-disposition', attachment(name))
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "sandbox; default-src 'none'")
        // A blob never changes (RFC 8620 section 6.2), but on the shared computer of a bad day nothing may stay behind.
        .header('cache-control', 'no-store')
        // It is read as the client takes it, a piece at a time.
        .send(Readable.from(blob.bytes, { highWaterMark: 1 }))
    )
  })
}
