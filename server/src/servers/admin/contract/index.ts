/** The contract of /api/v1: all operations, as data. */
import type { Operation } from './operation.ts'
import { alarmOperations } from './alarms.ts'
import { accountOperations } from './account.ts'
import { boardOperations } from './board.ts'
import { directoryOperations } from './directory.ts'
import { diskOperations } from './disk.ts'
import { knownOperations } from './known.ts'
import { mailOperations } from './mail.ts'
import { noticeOperations } from './notices.ts'
import { quietOperations } from './quiet.ts'

export const contract = {
  ...accountOperations,
  ...boardOperations,
  ...mailOperations,
  ...knownOperations,
  ...diskOperations,
  ...noticeOperations,
  ...quietOperations,
  ...alarmOperations,
  ...directoryOperations,
}
export type OperationId = keyof typeof contract
export const operations: Operation[] = Object.values(contract)
export type { Operation } from './operation.ts'
