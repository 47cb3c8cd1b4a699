/**
 * EmailSubmission/set (RFC 8621 section 7.5): sending, at once or later (HOLDFOR, HOLDUNTIL). What waits for its time can be
 * canceled, what was sent cannot be taken back.
 */
import { z } from 'zod'
import { aheadOf, type Submitted } from '../../../core/submission/index.ts'
import { WireError, type ErrorCode } from '../../../platform/errors.ts'
import { isId } from '../../../platform/ids.ts'
import {
  invalidProperty,
  MethodError,
  SetProblem,
  utcDate,
  type Arguments,
  type Json,
  type SetErrorType,
} from '../../../protocols/jmap/index.ts'
import { readEnvelope } from '../envelope.ts'
import { checkAccount, readArgs, realId, type Call, type Method } from '../call.ts'
import { idOrRef, setArgs } from '../schemas.ts'
import { checkSetSize, oneByOne, refuseUnknown, SetOutcome } from '../standard.ts'
import { submissionState } from './submission-get.ts'

const schema = z.strictObject({
  ...setArgs,
  onSuccessUpdateEmail: z.record(idOrRef, z.record(z.string(), z.json())).nullish(),
  onSuccessDestroyEmail: z.array(idOrRef).nullish(),
})

/** What the submission room may answer, in JMAP's words. */
const PROBLEMS: Partial<Record<ErrorCode, SetErrorType>> = {
  'not-found': 'invalidProperties',
  'no-recipients': 'noRecipients',
  'too-many-recipients': 'tooManyRecipients',
  'address-syntax-recipient': 'invalidRecipients',
  'unknown-recipient': 'invalidRecipients',
  'relay-denied': 'invalidRecipients',
  'recipient-unverified': 'invalidRecipients',
  'forbidden': 'forbiddenFrom',
  'address-syntax-sender': 'forbiddenMailFrom',
  'message-too-large': 'tooLarge',
  'nul-byte': 'invalidEmail',
  'header-too-large': 'invalidEmail',
  'rate-limited': 'rateLimit',
  'hold-too-long': 'invalidProperties',
  'config': 'forbiddenToSend',
}

function problemOf(error: unknown): unknown {
  const type = error instanceof WireError ? PROBLEMS[error.code] : undefined
  if (!(error instanceof WireError)) return error
  const text = error.detail ?? error.spec.text
  // Of this one alone: what was sent before it in the same call must be told, or it would be sent again.
  if (type === undefined) return new SetProblem('serverFail', text)
  if (error.code === 'hold-too-long') return invalidProperty('envelope', error.publicText)
  if (type === 'invalidProperties') return new SetProblem(type, text, { properties: ['emailId'] })
  if (type === 'invalidRecipients')
    return new SetProblem(type, text, { invalidRecipients: error.detail?.match(/[^\s<>,;]+@[^\s<>,;]+/g) ?? [] })
  return new SetProblem(type, text)
}

async function send(wish: Record<string, Json>, call: Call): Promise<Submitted & { copyId: string }> {
  refuseUnknown(wish, (property) => ['identityId', 'emailId', 'envelope'].includes(property))
  const { identityId, emailId } = wish
  const identity = (await call.submission.identities(call.owner)).find(({ id }) => id === identityId)
  if (!identity) throw invalidProperty('identityId', 'there is no such identity')
  if (typeof emailId !== 'string') throw invalidProperty('emailId', 'an emailId is needed')
  const copyId = realId(emailId, call)
  const { envelope, hold } = readEnvelope(wish.envelope)
  try {
    const sent = await call.submission.submit({
      ...call.owner,
      copyId,
      identityAddress: identity.address,
      envelope,
      hold: aheadOf(hold, call.clock.now(), call.submission.maxHold),
    })
    return { ...sent, copyId }
  } catch (error) {
    throw problemOf(error)
  }
}

export const submissionSet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  checkSetSize(args)
  const oldState = await submissionState(call)
  if (args.ifInState !== null && args.ifInState !== undefined && args.ifInState !== oldState)
    throw new MethodError('stateMismatch', 'something was sent meanwhile')
  const outcome = new SetOutcome()
  /** submission id or "#creation id" → the email it sent */
  const emailOf = new Map<string, string>()
  await oneByOne(Object.keys(args.create ?? {}), outcome.notCreated, async (key) => {
    const sent = await send(args.create![key]!, call)
    call.createdIds.set(key, sent.id)
    emailOf.set(`#${key}`, sent.copyId)
    const { id, threadId, undoStatus } = sent
    outcome.created[key] = { id, threadId, sendAt: utcDate(sent.sentAt), undoStatus }
  })
  await oneByOne(Object.keys(args.update ?? {}), outcome.notUpdated, async (key) => {
    const wish = args.update![key]!
    if (Object.keys(wish).length !== 1 || wish.undoStatus !== 'canceled')
      throw invalidProperty(Object.keys(wish)[0] ?? 'undoStatus', 'only undoStatus can be set, to canceled')
    const id = realId(key, call)
    const became = isId(id) ? await call.submission.cancel(call.owner, id) : null
    if (became === null) throw new SetProblem('notFound', 'there is no such submission')
    if (became === 'left') throw new SetProblem('cannotUnsend', 'it has left already')
    outcome.updated[key] = null
  })
  await oneByOne(args.destroy ?? [], outcome.notDestroyed, async (key) => {
    const [sent] = await call.submission.list(call.owner, { ids: [realId(key, call)].filter(isId) })
    if (!sent) throw new SetProblem('notFound', 'there is no such submission')
    throw new SetProblem('forbidden', 'the record of what was sent stays')
  })
  implyEmailSet(args, emailOf, call)
  return { accountId: args.accountId, oldState, newState: await submissionState(call), ...outcome.toJSON() }
}

/** The draft leaves Drafts only when its message was sent. */
function implyEmailSet(args: z.infer<typeof schema>, emailOf: ReadonlyMap<string, string>, call: Call): void {
  const update: Arguments = {}
  for (const [key, patch] of Object.entries(args.onSuccessUpdateEmail ?? {})) {
    const emailId = emailOf.get(key)
    if (emailId !== undefined) update[emailId] = patch
  }
  const destroy = (args.onSuccessDestroyEmail ?? []).flatMap((key) => emailOf.get(key) ?? [])
  if (Object.keys(update).length > 0 || destroy.length > 0)
    call.imply('Email/set', { accountId: args.accountId, update, destroy })
}
