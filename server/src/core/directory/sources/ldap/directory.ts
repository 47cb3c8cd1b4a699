/** The directory of a source as the LDAP client is given it: its own, and what is left out of that from signIn.ldap. */
import type { LdapDirectory } from '../../../../clients/ldap/ask.ts'
import type { Id } from '../../../../platform/ids.ts'
import type { Keys } from '../../../../platform/keys.ts'
import { sourcePlace, type LdapSourceSettings } from './settings.ts'

export interface DirectoryOfSource {
  sourceId: Id
  settings: LdapSourceSettings
  secret: Buffer | null
  /** null: the organisation has none, or it cannot be opened */
  signIn: LdapDirectory | null
}

/** Throws with a sentence where something of it is nowhere said. */
export function sourceDirectory({ sourceId, settings, secret, signIn }: DirectoryOfSource, keys: Keys): LdapDirectory {
  const { servers = signIn?.servers, baseDn = signIn?.baseDn, bindDn } = settings
  if (servers === undefined || baseDn === undefined)
    throw new Error('Nothing says where the directory is: neither the source nor signIn.ldap.')
  const account =
    bindDn === undefined
      ? signIn
      : { bindDn, bindPassword: secret && keys.open(sourcePlace(sourceId), secret).toString() }
  if (!account?.bindPassword) throw new Error('Nothing says by which account the directory is read.')
  const { bindPassword } = account
  return {
    servers,
    ca: settings.servers === undefined ? (settings.ca ?? signIn?.ca) : settings.ca,
    bindDn: account.bindDn,
    bindPassword,
    baseDn,
    filter: '',
  }
}
