/** Runs the calls of a request one after another (RFC 8620 section 3.3); an error of one does not stop the next. */
import { classifyDbError } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import {
  isObject,
  MethodError,
  resolveReferences,
  weigh,
  type Arguments,
  type Budget,
  type EarlierResponse,
  type JmapRequest,
} from '../../protocols/jmap/index.ts'
import type { Accounts } from './accounts.ts'
import type { Call, JmapDeps } from './call.ts'
import { enterLent } from './lent.ts'
import { methods } from './methods/index.ts'

/** Octets of all that the references of one request bring. */
const MOST_REFERRED = 10_485_760

export type Response = [name: string, args: unknown, callId: string]

export interface Dispatched {
  methodResponses: Response[]
  createdIds: Map<string, string>
}

export async function dispatch(
  request: JmapRequest,
  base: JmapDeps & Pick<Call, 'signal' | 'answers'> & { log: Log; accounts: Accounts },
): Promise<Dispatched> {
  const { accounts } = base
  const own = { owner: accounts.own.owner, accountId: accounts.own.id, isReadOnly: false }
  const responses: EarlierResponse[] = []
  const createdIds = new Map(request.createdIds ?? [])
  const referred = { left: MOST_REFERRED }
  for (const { name, args, callId } of request.calls) {
    const implied: { name: string; args: Arguments }[] = []
    const call: Call = {
      ...base,
      ...own,
      createdIds,
      imply: (method, wish) => void implied.push({ name: method, args: wish }),
      isImplied: false,
    }
    const around = { call, accounts, responses, referred, log: base.log }
    responses.push(await runOne(name, args, callId, { ...around, request }))
    const behind = { ...around, request: null, call: { ...call, isImplied: true } }
    for (const one of implied) responses.push(await runOne(one.name, one.args, callId, behind))
  }
  return { methodResponses: responses.map((one): Response => [one.name, one.args, one.callId]), createdIds }
}

interface Surroundings {
  /** null for an implied call: the capability was checked with the method that implies it */
  request: JmapRequest | null
  call: Call
  accounts: Accounts
  responses: readonly EarlierResponse[]
  /** what references may still bring */
  referred: Budget
  log: Log
}

async function runOne(
  name: string,
  raw: Arguments,
  callId: string,
  { request, call, accounts, responses, referred, log }: Surroundings,
): Promise<EarlierResponse> {
  try {
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (!method || (request && !request.using.includes(method.capability)))
      throw new MethodError(
        'unknownMethod',
        `${name.slice(0, 100)} is not offered, or its capability is not in "using"`,
      )
    const args = request ? resolveReferences(raw, responses, referred) : raw
    const result = await method.run(args, await within(args, name, call, accounts))
    // Email/get has paid for each message as it went.
    if (name !== 'Email/get') call.answers(weigh(result))
    // Plain data: later calls refer into it.
    return { name, args: isObject(result) ? result : JSON.parse(JSON.stringify(result)), callId }
  } catch (error) {
    if (call.signal.aborted) return { name: 'error', args: { type: 'serverUnavailable' }, callId }
    return { name: 'error', args: errorOf(error, name, log), callId }
  }
}

/** In the account that the arguments name; of another than these checkAccount says that there is none. */
async function within(args: Arguments, name: string, call: Call, accounts: Accounts): Promise<Call> {
  if (args.accountId === undefined || args.accountId === accounts.own.id) return call
  const account = await accounts.find(args.accountId)
  if (account === null) return call
  if (account.isReadOnly && /\/(?:set|import|copy)$/.test(name))
    throw new MethodError('accountReadOnly', 'this mailbox is open to you for reading')
  if (account.lent) await enterLent(call, account.lent, name, args)
  return { ...call, owner: account.owner, accountId: account.id, isReadOnly: account.isReadOnly }
}

function errorOf(error: unknown, method: string, log: Log): object {
  if (error instanceof MethodError) return error.toJSON()
  if (error instanceof WireError)
    return { type: error.spec.http === 503 ? 'serverUnavailable' : 'serverFail', description: error.message }
  const kind = classifyDbError(error)
  log.error({ err: error, method }, 'JMAP method failed')
  if (kind === 'connection' || kind === 'unavailable')
    return { type: 'serverUnavailable', description: 'our storage does not answer just now' }
  return { type: 'serverFail', description: 'something unexpected happened here; nothing was lost' }
}
