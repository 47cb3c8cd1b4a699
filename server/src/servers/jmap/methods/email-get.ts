/** Email/get (RFC 8621 section 4.2). */
import { z } from 'zod'
import { isId } from '../../../platform/ids.ts'
import { MethodError, weigh } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, realId, type Method } from '../call.ts'
import { checkBodyProperties, checkEmailProperties, emailObject } from '../email-object.ts'
import { getArgs, unsigned } from '../schemas.ts'
import { checkGetSize } from '../standard.ts'

export const bodyArgs = {
  bodyProperties: z.array(z.string().max(500)).max(200).nullish(),
  fetchTextBodyValues: z.boolean().default(false),
  fetchHTMLBodyValues: z.boolean().default(false),
  fetchAllBodyValues: z.boolean().default(false),
  maxBodyValueBytes: unsigned.default(0),
}
const schema = z.strictObject({ ...getArgs, ...bodyArgs })

export const emailGet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const wish = {
    ...args,
    properties: checkEmailProperties(args.properties),
    bodyProperties: checkBodyProperties(args.bodyProperties),
  }
  // RFC 8621 section 4.2 leaves it to us; a whole mailbox at once is asked for by mistake only.
  if (!args.ids) throw new MethodError('requestTooLarge', 'say which ids; Email/query lists them')
  checkGetSize(args.ids)
  const ids = [...new Set(args.ids.map((id) => realId(id, call)))]
  const { rows, state } = await call.mailbox.emails(call.owner, ids.filter(isId))
  const byId = new Map(rows.map((row) => [row.copyId, row]))
  const list: object[] = []
  const notFound: string[] = []
  for (const id of ids) {
    call.signal.throwIfAborted()
    const row = byId.get(id)
    if (!row) {
      notFound.push(id)
      continue
    }
    const email = await emailObject(call.mailbox.view, call.owner.organisationId, row, wish)
    call.answers(weigh(email))
    list.push(email)
  }
  return { accountId: args.accountId, state: await call.mailbox.formatState('e', state), list, notFound }
}
