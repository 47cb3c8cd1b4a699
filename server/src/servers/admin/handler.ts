/** From an operation of the contract to a route: validate, find the organisation, hand over, present. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Access, Session } from '../../core/access/index.ts'
import type { Continuity } from '../../core/continuity/index.ts'
import type { FourEyes } from '../../core/four-eyes/index.ts'
import type { PrivateContacts, SignInLinks } from '../../core/notices/index.ts'
import { organisations } from '../../core/trace/index.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { sessionOf } from '../http/index.ts'
import type { contract, Operation, OperationId } from './contract/index.ts'
import { scopeOf } from './scope.ts'

export interface AdminDeps {
  db: Database
  clock: Clock
  access: Access
  continuity: Pick<Continuity, 'overview' | 'returnNumbers' | 'pins' | 'reports'>
  signInLinks: Pick<SignInLinks, 'ask'>
  privateContacts: PrivateContacts
  fourEyes: FourEyes
  disk: Pick<DiskGuard, 'isFull' | 'fullInMs'>
  version: string
  /** where people sign in; '' where it is not set */
  publicUrl: string
  /** cookies are Secure: the pages are reached by https */
  secure: boolean
}

/** Open to everybody, and each asks the database or hashes. */
const COSTLY = [
  ...['askForLink', 'useLink', 'signIn', 'signInSecond', 'setUp', 'checkSetUp', 'reportReach'],
  ...['readProvider', 'beginProvider', 'finishProvider'],
  ...['beginPasskey', 'signInByPasskey', 'beginSecondPasskey', 'signInSecondByPasskey'],
]

type Contract = typeof contract
type BodyOf<O> = O extends { body: infer B } ? (B extends z.ZodType ? z.output<B> : undefined) : never
type AnswerOf<O> = O extends { answer: infer A } ? (A extends z.ZodType ? z.input<A> : undefined) : never

/** What a handler of the operation `O` is given. */
export interface Call<O> {
  deps: AdminDeps
  request: FastifyRequest
  reply: FastifyReply
  params: O extends { params: infer P extends z.ZodType } ? z.output<P> : never
  query: O extends { query: infer Q extends z.ZodType } ? z.output<Q> : never
  body: BodyOf<O>
  /** throws signed-out on public routes */
  session: Session
  /** of the path's :org; NIL on routes without */
  organisationId: Id
}

export type Handler<K extends OperationId> = (call: Call<Contract[K]>) => Promise<AnswerOf<Contract[K]> | undefined>
export type Handlers<K extends OperationId> = { [Key in K]: Handler<Key> }

/** The first thing that is wrong, with its path: `until: Invalid ISO datetime`. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const extra = issue.code === 'unrecognized_keys' ? issue.keys : []
  const path = [...issue.path, ...extra].map(String).join('.')
  throw new WireError('bad-request', `${path === '' ? 'body' : path}: ${issue.message}`.slice(0, 300))
}

export function mount(
  app: FastifyInstance,
  operation: Operation,
  deps: AdminDeps,
  handler: (call: Call<Operation>) => Promise<unknown>,
): void {
  const exists = async (organisationId: Id): Promise<boolean> =>
    (await organisations(deps.db, organisationId)).length === 1
  app.route({
    method: operation.method,
    url: operation.path,
    config: {
      ability: operation.ability,
      // A flood of tries is stopped before it costs anything; the brakes of core/access do the fine work.
      ...(COSTLY.includes(operation.id) ? { rateLimit: { max: 300, timeWindow: 60_000 } } : {}),
    },
    handler: async (request, reply) => {
      const params = parse(operation.params, request.params)
      const query = parse(operation.query, request.query)
      const body = operation.body ? parse(operation.body, request.body ?? {}) : undefined
      const org = (params as { org?: string }).org
      const scope = org === undefined ? null : await scopeOf(sessionOf(request), org, exists)
      const answer = await handler({
        deps,
        request,
        reply,
        params,
        query,
        body: body,
        get session() {
          return sessionOf(request)
        },
        organisationId: scope?.organisationId ?? '',
      })
      return operation.answer === null ? reply.code(204).send() : reply.send(answer)
    },
  })
}
