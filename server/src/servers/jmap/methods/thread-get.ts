/** Thread/get (RFC 8621 section 3.1) and Thread/changes (section 3.2). */
import { z } from 'zod'
import { isId } from '../../../platform/ids.ts'
import { MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, realId, type Method } from '../call.ts'
import { getArgs } from '../schemas.ts'
import { checkGetSize, checkProperties, pick } from '../standard.ts'
import { unchangedOr } from './unchanged.ts'

const schema = z.strictObject(getArgs)

export const threadGet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const properties = checkProperties(args.properties, ['id', 'emailIds'])
  if (!args.ids) throw new MethodError('requestTooLarge', 'say which ids')
  checkGetSize(args.ids)
  const ids = [...new Set(args.ids.map((id) => realId(id, call)))]
  const { emails, state } = await call.mailbox.threads(call.owner, ids.filter(isId))
  const threads = new Map<string, string[]>()
  for (const { threadId, copyId } of emails) threads.set(threadId, [...(threads.get(threadId) ?? []), copyId])
  return {
    accountId: args.accountId,
    state: await call.mailbox.formatState('e', state),
    list: ids.filter((id) => threads.has(id)).map((id) => pick({ id, emailIds: threads.get(id) }, properties)),
    notFound: ids.filter((id) => !threads.has(id)),
  }
}

export const threadChanges = unchangedOr('the threads', async (call) =>
  call.mailbox.formatState('e', await call.mailbox.state(call.owner)),
)
