/** Who reads a shared mailbox, and how they write from it. */
import { DelegationKind, wordOf } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { isSharedMailbox, membersOf } from '../../store/shared.ts'

export interface SharedMember {
  id: Id
  /** of the person or group */
  name: string
  isGroup: boolean
  access: 'read' | 'write'
  send: keyof typeof DelegationKind | 'no'
}

/** null: it is somebody's own mailbox, or nobody's. */
export async function sharedMembers(sql: Sql, organisationId: Id, mailboxId: Id): Promise<SharedMember[] | null> {
  if (!(await isSharedMailbox(sql, organisationId, mailboxId))) return null
  return (await membersOf(sql, organisationId, mailboxId)).map(({ memberId, name, isGroup, mayWrite, send }) => ({
    id: memberId,
    name,
    isGroup,
    access: mayWrite ? 'write' : 'read',
    send: send === null ? 'no' : wordOf(DelegationKind, send),
  }))
}
