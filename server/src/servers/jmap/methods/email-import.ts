/** Email/import (RFC 8621 section 4.8). */
import { z } from 'zod'
import { WireError } from '../../../platform/errors.ts'
import { formatBlobId, invalidProperty, MethodError, SetProblem, type Json } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, realId, type Call, type Method } from '../call.ts'
import { openBlob } from '../blobs.ts'
import { readPlacement } from '../email-create.ts'
import { coreLimits } from '../limits.ts'
import { id } from '../schemas.ts'
import { checkSetSize, oneByOne, refuseUnknown, SetOutcome } from '../standard.ts'

const schema = z.strictObject({
  accountId: id,
  ifInState: z.string().nullish(),
  emails: z.record(id, z.record(z.string(), z.json())),
})
const SETTABLE = ['blobId', 'mailboxIds', 'keywords', 'receivedAt']

/** The bytes as they come, if they are a message and not too many. */
async function* checked(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0
  // Chunks may be of any size: the beginning waits until it says something.
  let start: Buffer | null = Buffer.alloc(0)
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > coreLimits.maxSizeUpload) throw new SetProblem('tooLarge', 'the message is too large')
    if (!start) {
      yield chunk
      continue
    }
    start = Buffer.concat([start, chunk])
    if (start.length < START_BYTES) continue
    yield begin(start)
    start = null
  }
  if (start) yield begin(start)
}

const START_BYTES = 1000
/** RFC 5322 section 2.1: a message begins with a header field. */
function begin(start: Buffer): Buffer {
  if (!/^[!-9;-~]+[ \t]*:/.test(start.toString('latin1', 0, START_BYTES)))
    throw new SetProblem('invalidEmail', 'this is not a message')
  return start
}

async function importOne(email: Record<string, Json>, call: Call): Promise<{ id: string }> {
  refuseUnknown(email, (property) => SETTABLE.includes(property))
  const placement = readPlacement(email, call)
  if (typeof email.blobId !== 'string') throw invalidProperty('blobId', 'a blobId is needed')
  const blob = await openBlob(call.mailbox, call.owner, realId(email.blobId, call))
  if (!blob) throw new SetProblem('blobNotFound', 'there is no such file', { notFound: [email.blobId] })
  const bytes = checked(blob.bytes)
  const wish = { ...placement, bytes, source: 'imported' } as const
  const made = await call.mailbox.appendToFolder(call.owner, wish).catch((error: unknown) => {
    // RFC 8620 section 5.3. Of this one alone: a smaller one may still have room.
    if (error instanceof WireError && error.code === 'over-quota') throw new SetProblem('overQuota', error.message)
    throw error
  })
  if (!made) throw invalidProperty('mailboxIds', 'there is no such mailbox')
  if (made.existed)
    throw new SetProblem('alreadyExists', 'it is there already, and has these keywords now', {
      existingId: made.copyId,
    })
  return {
    id: made.copyId,
    blobId: formatBlobId({ kind: 'message', messageId: made.messageId }),
    threadId: made.threadId,
    size: made.size,
  } as { id: string }
}

export const emailImport: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  checkSetSize({ create: args.emails })
  const { mailbox, owner } = call
  const oldState = await mailbox.formatState('e', await mailbox.state(owner))
  if (args.ifInState !== null && args.ifInState !== undefined && args.ifInState !== oldState)
    throw new MethodError('stateMismatch', 'somebody changed it meanwhile')
  const outcome = new SetOutcome()
  await oneByOne(Object.keys(args.emails), outcome.notCreated, async (key) => {
    const made = await importOne(args.emails[key]!, call)
    outcome.created[key] = made
    call.createdIds.set(key, made.id)
  })
  const newState = await mailbox.formatState('e', await mailbox.state(owner))
  const { created, notCreated } = outcome.toJSON() as { created: object | null; notCreated: object | null }
  return { accountId: args.accountId, oldState, newState, created, notCreated }
}
