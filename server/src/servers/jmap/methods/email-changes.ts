/** Email/changes (RFC 8621 section 4.3). */
import { z } from 'zod'
import { MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Method } from '../call.ts'
import { changesArgs } from '../schemas.ts'

const schema = z.strictObject(changesArgs)
const MOST = 2000

export const emailChanges: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const since = await call.mailbox.parseState('e', args.sinceState)
  const changes = since && (await call.mailbox.emailChanges(call.owner, since, Math.min(args.maxChanges ?? MOST, MOST)))
  if (!changes) throw new MethodError('cannotCalculateChanges', 'this state is not known here (any more)')
  return {
    accountId: args.accountId,
    oldState: args.sinceState,
    newState: await call.mailbox.formatState('e', changes.newState),
    hasMoreChanges: changes.hasMore,
    created: changes.created,
    updated: changes.updated,
    destroyed: changes.destroyed,
  }
}
