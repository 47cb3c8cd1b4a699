/** The session resource (RFC 8620 section 2). Its state moves when anything in it does. */
import { createHash } from 'node:crypto'
import type { Account } from './accounts.ts'
import { CORE, coreLimits, MAIL, mailLimits, SUBMISSION } from './limits.ts'

/** `maxHold`: seconds that a message may be held (RFC 8621 section 1.3.2). */
export function sessionResource(
  who: { username: string; accounts: readonly [Account, ...Account[]] },
  maxHold: number,
): Record<string, unknown> {
  const accountId = who.accounts[0].id
  const later = maxHold > 0 ? { FUTURERELEASE: [`${maxHold}`] } : {}
  const submission = { maxDelayedSend: maxHold, submissionExtensions: { DSN: [], SMTPUTF8: [], ...later } }
  const session = {
    capabilities: { [CORE]: coreLimits, [MAIL]: {}, [SUBMISSION]: {} },
    accounts: Object.fromEntries(
      who.accounts.map(({ id, name, isPersonal, isReadOnly, maySend }) => [
        id,
        {
          ...{ name, isPersonal, isReadOnly },
          accountCapabilities: { [MAIL]: mailLimits, ...(maySend ? { [SUBMISSION]: submission } : {}) },
        },
      ]),
    ),
    primaryAccounts: { [MAIL]: accountId, [SUBMISSION]: accountId },
    username: who.username,
    apiUrl: '/jmap',
    downloadUrl: '/jmap/download/{accountId}/{blobId}/{name}?accept={type}',
    uploadUrl: '/jmap/upload/{accountId}',
    eventSourceUrl: '/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}',
  }
  const state = createHash('sha256').update(JSON.stringify(session)).digest('hex').slice(0, 16)
  return { ...session, state }
}
