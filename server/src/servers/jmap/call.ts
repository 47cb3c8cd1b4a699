/** What a method gets beside its arguments, and how arguments are read. */
import type { z } from 'zod'
import type { FourEyes, Lent, Reading } from '../../core/four-eyes/index.ts'
import type { Mailbox, MailOwner } from '../../core/mailbox/index.ts'
import type { Submission } from '../../core/submission/index.ts'
import type { ByteRoom } from '../../platform/byte-room.ts'
import type { Clock } from '../../platform/clock.ts'
import { MethodError, type Arguments } from '../../protocols/jmap/index.ts'

export interface JmapDeps {
  mailbox: Mailbox
  submission: Submission
  fourEyes: Pick<FourEyes, 'lentTo' | 'opening'>
  /** writes down what is read of somebody else's mailbox, before it is */
  noteReading(lent: Lent, reading: Reading): Promise<void>
  clock: Clock
  /** for what has to be in memory whole, over all requests of the process */
  room: ByteRoom
}

export interface Call extends JmapDeps {
  owner: MailOwner
  accountId: string
  /** the account may be read only (RFC 8620 section 2) */
  isReadOnly: boolean
  /** creation id → id, over the whole request (RFC 8620 section 3.3) */
  createdIds: Map<string, string>
  /** a method that another one implies, run right behind it with its call id (RFC 8621 section 7.5) */
  imply(name: string, args: Arguments): void
  /** this is such a method */
  isImplied: boolean
  /** the client has gone: what only it would read need not be looked for any more */
  signal: AbortSignal
  /** `bytes` more are part of the answer; throws MethodError where that is too much, for it or for all there are */
  answers(bytes: number): void
}

export type Method = (args: Arguments, call: Call) => Promise<object>

/** Arguments by a schema; anything else is invalidArguments with the place in words. */
export function readArgs<S extends z.ZodType>(schema: S, args: Arguments): z.infer<S> {
  const read = schema.safeParse(args)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  throw new MethodError(
    'invalidArguments',
    issue ? `${issue.path.join('/') || 'arguments'}: ${issue.message}` : 'not understood',
  )
}

/** Every method of RFC 8621 acts on one account, the person's own or one they share (dispatch.ts has looked it up). */
export function checkAccount(accountId: string, call: Call): void {
  if (accountId !== call.accountId) throw new MethodError('accountNotFound', 'there is no such account for you')
}

/** An id, or the creation id of an object made earlier in this request ("#name"). */
export function realId(id: string, call: Call): string {
  return id.startsWith('#') ? (call.createdIds.get(id.slice(1)) ?? id) : id
}
