/** The contract of /api/v1: all operations, as data. */
import type { Operation } from './operation.ts'
import { addressBookOperations } from './address-book.ts'
import { alarmOperations } from './alarms.ts'
import { accountOperations } from './account.ts'
import { appPasswordOperations } from './app-passwords.ts'
import { boardOperations } from './board.ts'
import { directoryOperations } from './directory.ts'
import { diskOperations } from './disk.ts'
import { knownOperations } from './known.ts'
import { mailOperations } from './mail.ts'
import { mailboxAccessOperations } from './mailbox-access.ts'
import { noticeOperations } from './notices.ts'
import { ownSessionOperations } from './own-sessions.ts'
import { providerSignInOperations } from './provider-sign-in.ts'
import { privateContactOperations } from './private-contact.ts'
import { passkeyOperations } from './passkeys.ts'
import { quietOperations } from './quiet.ts'
import { secondFactorOperations } from './second-factor.ts'
import { signInHelpOperations } from './sign-in-help.ts'
import { waysBackOperations } from './ways-back.ts'

export const contract = {
  ...accountOperations,
  ...appPasswordOperations,
  ...boardOperations,
  ...mailOperations,
  ...knownOperations,
  ...diskOperations,
  ...noticeOperations,
  ...mailboxAccessOperations,
  ...quietOperations,
  ...alarmOperations,
  ...signInHelpOperations,
  ...waysBackOperations,
  ...secondFactorOperations,
  ...passkeyOperations,
  ...ownSessionOperations,
  ...privateContactOperations,
  ...directoryOperations,
  ...addressBookOperations,
  ...providerSignInOperations,
}
export type OperationId = keyof typeof contract
export const operations: Operation[] = Object.values(contract)
export type { Operation } from './operation.ts'
