/** Email/set (RFC 8621 section 4.6). */
import { z } from 'zod'
import { isKeyword, type EmailOp, type KeywordChange, type OpResult } from '../../../core/mailbox/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { isId } from '../../../platform/ids.ts'
import {
  folderNoOf,
  formatBlobId,
  invalidProperty,
  MethodError,
  parseIdSet,
  parsePatch,
  SetProblem,
  type Json,
} from '../../../protocols/jmap/index.ts'
import { buildMessage } from '../../../protocols/mime/index.ts'
import { checkAccount, readArgs, realId, type Call, type Method } from '../call.ts'
import { readNewMessage, readPlacement, weighFiles } from '../email-create.ts'
import { setArgs } from '../schemas.ts'
import { checkSetSize, oneByOne, SetOutcome } from '../standard.ts'

const schema = z.strictObject(setArgs)

function keywordChange(whole: Json | undefined, inner: Map<string, Json> | undefined): KeywordChange | undefined {
  const check = (list: readonly string[]): readonly string[] => {
    if (!list.every(isKeyword)) throw invalidProperty('keywords', 'these are not keywords')
    return list
  }
  if (whole !== undefined)
    return { kind: 'replace', keywords: check(whole === null ? [] : parseIdSet(whole, 'keywords')) }
  if (!inner) return undefined
  const entries = [...inner]
  if (!entries.every(([, value]) => value === true || value === null))
    throw new SetProblem('invalidPatch', 'a keyword is set to true or null')
  const names = (wanted: Json): readonly string[] =>
    check(entries.filter(([, value]) => value === wanted).map(([name]) => name))
  return { kind: 'patch', add: names(true), remove: names(null) }
}

/** A message is in one mailbox: the one it is to be in afterwards; undefined where it stays. */
function target(
  whole: Json | undefined,
  inner: Map<string, Json> | undefined,
  call: Call,
): { moveTo?: number; leaves: number[] } {
  const numberOf = (id: string): number => {
    const folderNo = folderNoOf(realId(id, call))
    if (folderNo === null) throw invalidProperty('mailboxIds', 'there is no such mailbox')
    return folderNo
  }
  const one = (list: number[]): number => {
    if (list.length > 1) throw new SetProblem('tooManyMailboxes', 'a message is in one mailbox')
    if (list.length === 0) throw invalidProperty('mailboxIds', 'a message must be in a mailbox')
    return list[0]!
  }
  if (whole !== undefined) return { moveTo: one(parseIdSet(whole, 'mailboxIds').map(numberOf)), leaves: [] }
  if (!inner) return { leaves: [] }
  const entries = [...inner]
  if (!entries.every(([, value]) => value === true || value === null))
    throw new SetProblem('invalidPatch', 'a mailbox is set to true or null')
  const joins = entries.filter(([, value]) => value === true).map(([id]) => numberOf(id))
  const leaves = entries.filter(([, value]) => value === null).map(([id]) => folderNoOf(realId(id, call)) ?? 0)
  return joins.length === 0 ? { leaves } : { moveTo: one(joins), leaves }
}

async function readUpdate(id: string, update: Json, call: Call): Promise<EmailOp> {
  const { whole, inner } = parsePatch(update)
  for (const property of [...whole.keys(), ...inner.keys()])
    if (property !== 'keywords' && property !== 'mailboxIds')
      throw new SetProblem('invalidProperties', `${property.slice(0, 100)} cannot be changed`, {
        properties: [property],
      })
  if (!isId(id)) throw new SetProblem('notFound', 'there is no such message')
  const keywords = keywordChange(whole.get('keywords'), inner.get('keywords'))
  const { moveTo, leaves } = target(whole.get('mailboxIds'), inner.get('mailboxIds'), call)
  const op: EmailOp = { copyId: id }
  if (keywords) op.keywords = keywords
  if (moveTo !== undefined) op.moveTo = moveTo
  if (inner.has('mailboxIds')) {
    const [row] = (await call.mailbox.emails(call.owner, [id])).rows
    if (!row) throw new SetProblem('notFound', 'there is no such message')
    const stays = !leaves.includes(row.folderNo)
    if (moveTo === undefined && !stays) throw invalidProperty('mailboxIds', 'a message must be in a mailbox')
    if (moveTo !== undefined && moveTo !== row.folderNo && stays)
      throw new SetProblem('tooManyMailboxes', 'a message is in one mailbox')
  }
  return op
}

function check(result: OpResult | undefined): void {
  if (result === 'no-folder') throw invalidProperty('mailboxIds', 'there is no such mailbox')
  if (result === 'was-sent')
    throw new SetProblem(
      'forbidden',
      'its message has left, is just leaving, or waits for its time: what was sent is kept, what waits is canceled first',
    )
  if (result === 'too-many-keywords') throw new SetProblem('tooManyKeywords', 'that are too many keywords')
  if (result !== 'done') throw new SetProblem('notFound', 'there is no such message')
}

/** The files of a message, their encoded form in pieces, and the message made of them (base64 adds a third to each). */
const TIMES_IN_MEMORY = 4

/** Makes the message of one creation and keeps it; gives what only the server knows. */
async function create(properties: Record<string, Json>, call: Call): Promise<object> {
  const placement = readPlacement(properties, call)
  const domain = (await call.submission.identities(call.owner))[0]?.address.split('@').at(-1) ?? 'localhost'
  const weight = (await weighFiles(properties, call)) * TIMES_IN_MEMORY
  const made = await call.room.within(weight, async () => {
    const bytes = [await buildMessage(await readNewMessage(properties, call, domain))]
    return call.mailbox.appendToFolder(call.owner, { ...placement, bytes, source: 'draft' })
  })
  if (!made) throw invalidProperty('mailboxIds', 'there is no such mailbox')
  return {
    id: made.copyId,
    blobId: formatBlobId({ kind: 'message', messageId: made.messageId }),
    threadId: made.threadId,
    size: made.size,
  }
}

/**
 * A draft is saved by a creation and a destroy in one call (an Email cannot be changed). The client may not know yet that
 * the one it replaces has left meanwhile. What a submission itself destroys (onSuccessDestroyEmail) is known to have left.
 */
function sparing(args: z.infer<typeof schema>, call: Call): Pick<EmailOp, 'sparesSent'> {
  if (call.isImplied) return {}
  return { sparesSent: Object.keys(args.create ?? {}).length > 0 ? 'outside-trash' : 'in-drafts' }
}

export const emailSet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  checkSetSize(args)
  const { mailbox, owner } = call
  const oldState = await mailbox.formatState('e', await mailbox.state(owner))
  if (args.ifInState !== null && args.ifInState !== undefined && args.ifInState !== oldState)
    throw new MethodError('stateMismatch', 'somebody changed it meanwhile')
  const outcome = new SetOutcome()
  await oneByOne(Object.keys(args.create ?? {}), outcome.notCreated, async (key) => {
    const made = await create(args.create![key]!, call).catch((error: unknown) => {
      // Of this one alone: what was made before it in the same call must be told.
      if (error instanceof WireError)
        throw new SetProblem(error.code === 'over-quota' ? 'overQuota' : 'serverFail', error.message)
      throw error
    })
    outcome.created[key] = made
    call.createdIds.set(key, (made as { id: string }).id)
  })
  const doomed = [...new Set((args.destroy ?? []).map((key) => realId(key, call)))]
  const ops = new Map<string, EmailOp>()
  await oneByOne(Object.keys(args.update ?? {}), outcome.notUpdated, async (key) => {
    const id = realId(key, call)
    if (doomed.includes(id)) throw new SetProblem('willDestroy', 'it is destroyed in the same call')
    // By its id and by the name it was made under: what the one patch says must not depend on the other.
    if (ops.has(id)) throw new SetProblem('invalidPatch', 'this message is changed by another name in the same call')
    ops.set(id, await readUpdate(id, args.update![key]!, call))
  })
  const destroys = doomed.filter(isId).map((copyId) => ({ copyId, destroy: true, ...sparing(args, call) }))
  const all = [...ops.values(), ...destroys]
  const results = all.length > 0 ? await mailbox.update(owner, all) : new Map<string, OpResult>()
  await oneByOne([...ops.keys()], outcome.notUpdated, async (id) => {
    check(results.get(id))
    outcome.updated[id] = null
  })
  await oneByOne(doomed, outcome.notDestroyed, async (id) => {
    check(results.get(id))
    outcome.destroyed.push(id)
  })
  const newState = await mailbox.formatState('e', await mailbox.state(owner))
  return { accountId: args.accountId, oldState, newState, ...outcome.toJSON() }
}
