/** Identity/get and Identity/changes (RFC 8621 section 6): one for each address of the person. They are made by admins. */
import { z } from 'zod'
import { checkAccount, readArgs, type Method } from '../call.ts'
import { getArgs } from '../schemas.ts'
import { checkProperties, pick } from '../standard.ts'
import { unchangedOr } from './unchanged.ts'
import type { OwnIdentity } from '../../../core/submission/index.ts'

const schema = z.strictObject(getArgs)
const PROPERTIES = ['id', 'name', 'email', 'replyTo', 'bcc', 'textSignature', 'htmlSignature', 'mayDelete']

const stateOf = (identities: readonly OwnIdentity[]): string => `i${identities.map(({ id }) => id).join('_')}`

export const identityGet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const properties = checkProperties(args.properties, PROPERTIES)
  const identities = await call.submission.identities(call.owner)
  const { ids } = args
  const list = identities
    .filter(({ id }) => !ids || ids.includes(id))
    .map(({ id, name, address }) =>
      pick(
        { id, name, email: address, replyTo: null, bcc: null, textSignature: '', htmlSignature: '', mayDelete: false },
        properties,
      ),
    )
  const notFound = [...new Set(ids ?? [])].filter((id) => !identities.some((one) => one.id === id))
  return { accountId: args.accountId, state: stateOf(identities), list, notFound }
}

export const identityChanges = unchangedOr('the identities', async (call) =>
  stateOf(await call.submission.identities(call.owner)),
)
