/**
 * What the file says of the directory that an organisation's people sign in by. The password of its search account is
 * sealed; where the file leaves it out it stays as it is, and one that never had any is refused with its path.
 */
import type { OrganisationModel } from '../../../store/model.ts'
import { signInSettingsSchema } from '../sign-in-settings.ts'
import { certificatesIn } from './route-files.ts'
import type { DeclaredOrganisation } from './schema.ts'

export interface SignInTools {
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  readFile: (key: string, path: string) => string
  /** the secret's sealed form, the one before where it is the same secret */
  seal: (secret: string, before: string | null) => string
  /** throws; the path begins behind `signIn.ldap` */
  refuse: (key: string, text: string) => never
}

export function signInOf(
  declared: DeclaredOrganisation['signIn'],
  before: OrganisationModel | null,
  tools: SignInTools,
): Pick<OrganisationModel, 'signIn' | 'ldapSecret'> {
  if (!declared) return { signIn: before?.signIn ?? {}, ldapSecret: before?.ldapSecret ?? null }
  if (!declared.ldap) return { signIn: {}, ldapSecret: null }
  const { caFile, password, passwordFile, ...ldap } = declared.ldap
  const ca = caFile === undefined ? undefined : tools.readFile('caFile', caFile)
  if (ca !== undefined && !hasCertificates(ca)) tools.refuse('caFile', 'holds no certificate that can be read (PEM)')
  const old = before?.ldapSecret ?? null
  const secret = tools.secretOf({ password, passwordFile })
  // An empty one would mean "nobody" to the server, and it would answer: good.
  if (secret === '') tools.refuse(passwordFile === undefined ? 'password' : 'passwordFile', 'is empty')
  if (secret === null && old === null) tools.refuse('', 'needs the password of bindDn: passwordFile or password')
  return {
    signIn: signInSettingsSchema.parse({ ldap: ca === undefined ? ldap : { ...ldap, ca } }),
    ldapSecret: secret === null ? old : tools.seal(secret, old),
  }
}

function hasCertificates(pem: string): boolean {
  try {
    return certificatesIn(pem).length > 0
  } catch {
    return false
  }
}
