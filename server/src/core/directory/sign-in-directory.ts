/** An organisation's directory as the LDAP client is given it, with the password of its search account. */
import type { LdapDirectory } from '../../clients/ldap/ask.ts'
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { ldapPlace, signInSettingsSchema } from './sign-in-settings.ts'

/** Throws where the settings are none, or the password was sealed under another key. */
export function signInDirectory(
  stored: { organisationId: Id; signIn: unknown; ldapSealed: Buffer },
  keys: Keys,
): LdapDirectory {
  const { ldap } = signInSettingsSchema.parse(stored.signIn)
  if (!ldap) throw new Error('there are no settings of it')
  return { ...ldap, bindPassword: keys.open(ldapPlace(stored.organisationId), stored.ldapSealed).toString() }
}
