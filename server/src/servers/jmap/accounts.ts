/**
 * The accounts of whoever is signed in (RFC 8620 section 2): their own, the shared mailboxes they read, and mailboxes of others
 * that a second person has opened to them for a while (core/four-eyes). Asked anew for each request, so that a right that was
 * taken away ends with it.
 */
import type { FourEyes, Lent } from '../../core/four-eyes/index.ts'
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
  /** somebody else's, opened to them: what is read is written down */
  lent: Lent | null
}

export interface Accounts {
  own: Account
  all(): Promise<Account[]>
  /** null: there is no such account for them */
  find(id: unknown): Promise<Account | null>
}

export interface AccountDeps {
  mailbox: Pick<Mailbox, 'sharedWith'>
  fourEyes: Pick<FourEyes, 'lentTo'>
}

export function accountsOf({ mailbox, fourEyes }: AccountDeps, who: MailOwner & { name: string }): Accounts {
  const { organisationId, personId, name } = who
  const own: Account = {
    id: personId,
    owner: { organisationId, personId },
    name,
    ...{ isPersonal: true, isReadOnly: false, maySend: true, lent: null },
  }
  async function asked(): Promise<Account[]> {
    const [shared, lent] = await Promise.all([mailbox.sharedWith(own.owner), fourEyes.lentTo(own.owner)])
    return [
      ...shared.map((one) => ({
        id: one.id,
        owner: { organisationId, personId: one.id, actorId: personId },
        ...{ name: one.name, isPersonal: false, isReadOnly: !one.mayWrite, lent: null },
        maySend: one.mayWrite && one.send !== null,
      })),
      ...lent.map(({ id, accessId, name: whose }) => ({
        id,
        owner: { organisationId, personId: id, actorId: personId },
        ...{ name: whose, isPersonal: false, isReadOnly: true, maySend: false },
        lent: { organisationId, accessId, mailboxId: id, readerId: personId },
      })),
    ]
  }
  let others: Promise<Account[]> | null = null
  const beside = (): Promise<Account[]> => (others ??= asked())
  return {
    own,
    all: async () => [own, ...(await beside())],
    find: async (id) => (id === own.id ? own : ((await beside()).find((one) => one.id === id) ?? null)),
  }
}
