/** The contract of /api/v1: all operations, as data. */
import type { Operation } from './operation.ts'
import { alarmOperations } from './alarms.ts'
import { accountOperations } from './account.ts'
import { appPasswordOperations } from './app-passwords.ts'
import { boardOperations } from './board.ts'
import { directoryOperations } from './directory.ts'
import { diskOperations } from './disk.ts'
import { knownOperations } from './known.ts'
import { mailOperations } from './mail.ts'
import { noticeOperations } from './notices.ts'
import { ownSessionOperations } from './own-sessions.ts'
import { privateContactOperations } from './private-contact.ts'
import { quietOperations } from './quiet.ts'
import { signInHelpOperations } from './sign-in-help.ts'

export const contract = {
  ...accountOperations,
  ...appPasswordOperations,
  ...boardOperations,
  ...mailOperations,
  ...knownOperations,
  ...diskOperations,
  ...noticeOperations,
  ...quietOperations,
  ...alarmOperations,
  ...signInHelpOperations,
  ...ownSessionOperations,
  ...privateContactOperations,
  ...directoryOperations,
}
export type OperationId = keyof typeof contract
export const operations: Operation[] = Object.values(contract)
export type { Operation } from './operation.ts'
