/** The mailboxes of whoever is signed in: their own, and those shared with them (RFC 8620 section 2). */
import { chosenMailbox, jmap, submission } from './client.ts'

export interface MailAccount {
  id: string
  name: string
  isPersonal: boolean
  isReadOnly: boolean
  /** messages may be written from there */
  maySend: boolean
  isCurrent: boolean
}

/** The own one first. */
export async function accounts(): Promise<MailAccount[]> {
  const [session, current] = await Promise.all([jmap.session(), jmap.accountId()])
  return Object.entries(session.accounts)
    .map(([id, { name, isPersonal = true, isReadOnly, accountCapabilities }]) => ({
      ...{ id, name, isPersonal, isReadOnly, isCurrent: id === current },
      maySend: !isReadOnly && submission in (accountCapabilities ?? {}),
    }))
    .sort((a, b) => Number(b.isPersonal) - Number(a.isPersonal) || a.name.localeCompare(b.name))
}

/** Loads the page anew: what was under way belongs to the mailbox before. */
export function openMailbox({ id, isPersonal }: Pick<MailAccount, 'id' | 'isPersonal'>): void {
  chosenMailbox.set(isPersonal ? null : id)
  location.assign('/mail')
}
