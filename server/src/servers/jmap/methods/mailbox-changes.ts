/** Mailbox/changes (RFC 8621 section 2.2). */
import { z } from 'zod'
import { mailboxId, MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Method } from '../call.ts'
import { changesArgs } from '../schemas.ts'

const schema = z.strictObject(changesArgs)

export const mailboxChanges: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const since = await call.mailbox.parseState('b', args.sinceState)
  const changes = since && (await call.mailbox.mailboxChanges(call.owner, since))
  if (!changes) throw new MethodError('cannotCalculateChanges', 'this state is not known here (any more)')
  const { created, updated, destroyed } = changes
  if (args.maxChanges && created.length + updated.length + destroyed.length > args.maxChanges)
    throw new MethodError('cannotCalculateChanges', 'more mailboxes have changed than maxChanges allows')
  return {
    accountId: args.accountId,
    oldState: args.sinceState,
    newState: await call.mailbox.formatState('b', changes.newState),
    hasMoreChanges: false,
    created: created.map(mailboxId),
    updated: updated.map(mailboxId),
    destroyed: destroyed.map(mailboxId),
    // Whether only counts have changed is not recorded: everything may have.
    updatedProperties: null,
  }
}
