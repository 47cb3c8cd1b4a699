/** EmailSubmission/get, /changes and /query (RFC 8621 sections 7.1 to 7.4): what was sent, and what became of it. */
import { z } from 'zod'
import type { SentMail } from '../../../core/submission/index.ts'
import { mailParameters, rcptParameters } from '../envelope.ts'
import { isId } from '../../../platform/ids.ts'
import { isObject, MethodError, parseUtcDate, utcDate, type Json } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Call, type Method } from '../call.ts'
import { getArgs, queryArgs } from '../schemas.ts'
import { checkGetSize, checkProperties, pageStart, pick } from '../standard.ts'
import { unchangedOr } from './unchanged.ts'

const schema = z.strictObject(getArgs)
const PROPERTIES = [
  'id',
  'identityId',
  'emailId',
  'threadId',
  'envelope',
  'sendAt',
  'undoStatus',
  'deliveryStatus',
  'dsnBlobIds',
  'mdnBlobIds',
]

export const submissionState = async (call: Call): Promise<string> => `s${await call.submission.state(call.owner)}`

function present(sent: SentMail): Record<string, unknown> {
  return {
    id: sent.id,
    identityId: sent.identityId,
    emailId: sent.copyId,
    threadId: sent.threadId,
    envelope: {
      mailFrom: { email: sent.envelope?.from ?? sent.from, parameters: mailParameters(sent) },
      rcptTo: sent.recipients.map(({ address }) => ({ email: address, parameters: rcptParameters(sent, address) })),
    },
    sendAt: utcDate(sent.sentAt),
    undoStatus: sent.undoStatus,
    deliveryStatus: Object.fromEntries(
      sent.recipients.map(({ address, reply, delivered }) => [
        address,
        { smtpReply: reply, delivered, displayed: 'unknown' },
      ]),
    ),
    dsnBlobIds: [],
    mdnBlobIds: [],
  }
}

export const submissionGet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const properties = checkProperties(args.properties, PROPERTIES)
  const { ids } = args
  if (ids) checkGetSize(ids)
  const state = await submissionState(call)
  const sent = await call.submission.list(call.owner, ids ? { ids: ids.filter(isId) } : null)
  return {
    accountId: args.accountId,
    state,
    list: sent.map((one) => pick(present(one), properties)),
    notFound: [...new Set(ids ?? [])].filter((id) => !sent.some((one) => one.id === id)),
  }
}

/** Which of them changed is not kept, and what becomes of sent mail changes without a trace in a state of ours. */
export const submissionChanges = unchangedOr('what was sent', submissionState)

const querySchema = z.strictObject(queryArgs)

function matches(sent: SentMail, filter: Json): boolean {
  if (!isObject(filter)) throw new MethodError('invalidArguments', 'filter: an object expected')
  if ('operator' in filter) throw new MethodError('unsupportedFilter', 'operators are not offered here')
  return Object.entries(filter).every(([name, value]) => {
    const among = (one: string | null): boolean => Array.isArray(value) && value.includes(one)
    switch (name) {
      case 'identityIds':
        return among(sent.identityId)
      case 'emailIds':
        return among(sent.copyId)
      case 'threadIds':
        return among(sent.threadId)
      case 'undoStatus':
        return sent.undoStatus === value
      case 'before':
        return sent.sentAt < (parseUtcDate(value) ?? 0)
      case 'after':
        return sent.sentAt >= (parseUtcDate(value) ?? Infinity)
      default:
        throw new MethodError('unsupportedFilter', `there is no condition ${name.slice(0, 100)}`)
    }
  })
}

export const submissionQuery: Method = async (raw, call) => {
  const args = readArgs(querySchema, raw)
  checkAccount(args.accountId, call)
  const [order] = args.sort ?? []
  if (order && order.property !== 'sentAt' && order.property !== 'sendAt')
    throw new MethodError('unsupportedSort', `cannot be sorted by ${order.property.slice(0, 100)}`)
  const filter = args.filter as Json | undefined
  const queryState = await submissionState(call)
  const isOpen = isObject(filter) && filter.undoStatus === 'pending'
  const all = await call.submission.list(call.owner, isOpen ? { open: true } : null)
  const ids = all.filter((sent) => filter === null || filter === undefined || matches(sent, filter)).map(({ id }) => id)
  if (order?.isAscending) ids.reverse()
  const position = pageStart(ids, args)
  const page = ids.slice(position, args.limit === null || args.limit === undefined ? undefined : position + args.limit)
  return {
    accountId: args.accountId,
    queryState,
    canCalculateChanges: false,
    position,
    ids: page,
    ...(args.calculateTotal ? { total: ids.length } : {}),
  }
}
