/**
 * The /changes of types whose changes are not recorded (RFC 8620 section 5.2): unchanged is all that can be said, and
 * anything else makes the client read them again.
 */
import { z } from 'zod'
import { MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Call, type Method } from '../call.ts'
import { changesArgs } from '../schemas.ts'

const schema = z.strictObject(changesArgs)

/** `what`: the words for "read … again". */
export function unchangedOr(what: string, stateOf: (call: Call) => Promise<string>): Method {
  return async (raw, call) => {
    const { accountId, sinceState } = readArgs(schema, raw)
    checkAccount(accountId, call)
    const state = await stateOf(call)
    if (state !== sinceState)
      throw new MethodError('cannotCalculateChanges', `changes are not recorded: read ${what} again`)
    return {
      accountId,
      oldState: state,
      newState: state,
      hasMoreChanges: false,
      created: [],
      updated: [],
      destroyed: [],
    }
  }
}
