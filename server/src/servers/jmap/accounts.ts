/**
 * The accounts of whoever is signed in (RFC 8620 section 2): their own, and the shared mailboxes they read. Asked anew for
 * each request, so that a right that was taken away ends with it.
 */
import type { Mailbox, MailOwner } from '../../core/mailbox/index.ts'

export interface Account {
  id: string
  /** whose mail it is; for a shared one also who acts */
  owner: MailOwner
  name: string
  isPersonal: boolean
  isReadOnly: boolean
  /** messages leave from there */
  maySend: boolean
}

export interface Accounts {
  own: Account
  all(): Promise<Account[]>
  /** null: there is no such account for them */
  find(id: unknown): Promise<Account | null>
}

export function accountsOf(mailbox: Pick<Mailbox, 'sharedWith'>, who: MailOwner & { name: string }): Accounts {
  const { organisationId, personId, name } = who
  const own: Account = {
    id: personId,
    owner: { organisationId, personId },
    name,
    ...{ isPersonal: true, isReadOnly: false, maySend: true },
  }
  let shared: Promise<Account[]> | null = null
  const others = (): Promise<Account[]> =>
    (shared ??= mailbox.sharedWith(own.owner).then((list) =>
      list.map((one) => ({
        id: one.id,
        owner: { organisationId, personId: one.id, actorId: personId },
        name: one.name,
        isPersonal: false,
        isReadOnly: !one.mayWrite,
        maySend: one.mayWrite && one.send !== null,
      })),
    ))
  return {
    own,
    all: async () => [own, ...(await others())],
    find: async (id) => (id === own.id ? own : ((await others()).find((one) => one.id === id) ?? null)),
  }
}
