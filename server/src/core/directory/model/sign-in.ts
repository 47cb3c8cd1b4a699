/**
 * What the file says of the directory and the identity provider that an organisation's people sign in by, and of whom a second factor is asked. The password of the
 * search account and the client's secret are sealed; where the file leaves one out it stays as it is, and one that never had any
 * is refused with its path.
 */
import { forgetCached } from '../../../store/cached-passwords.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { forgetOtherTies } from '../../../store/provider-sign-in.ts'
import type { OrganisationModel } from '../../../store/model.ts'
import { signInSettingsSchema, type SignInSettings } from '../sign-in-settings.ts'
import { certificatesIn } from './route-files.ts'
import type { DeclaredOrganisation } from './schema.ts'

type Seal = (secret: string, before: string | null) => string
type Declared = NonNullable<DeclaredOrganisation['signIn']>

export interface SignInTools {
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  readFile: (key: string, path: string) => string
  /** the secret's sealed form, the one before where it is the same secret */
  seal: Seal
  /** the same of the provider's client */
  sealProvider: Seal
  /** throws; the path begins behind `signIn` */
  refuse: (key: string, text: string) => never
}

export function signInOf(
  declared: DeclaredOrganisation['signIn'],
  before: OrganisationModel | null,
  tools: SignInTools,
): Pick<OrganisationModel, 'signIn' | 'ldapSecret' | 'providerSecret'> {
  if (!declared)
    return {
      signIn: before?.signIn ?? {},
      ldapSecret: before?.ldapSecret ?? null,
      providerSecret: before?.providerSecret ?? null,
    }
  const { ldap, ldapSecret } = ldapOf(declared.ldap, before, tools)
  const { provider, providerSecret } = providerOf(declared.provider, before, tools)
  const { secondFactor } = declared
  const signIn = signInSettingsSchema.parse({
    ...(secondFactor !== 'optional' && { secondFactor }),
    ...(ldap && { ldap }),
    ...(provider && { provider }),
  })
  return { signIn, ldapSecret, providerSecret }
}

/** What a directory or a provider that is the organisation's no more has said holds no longer; after the organisation was written. */
export async function endOldSignIns(sql: Sql, { id, ldapSecret }: OrganisationModel): Promise<void> {
  if (ldapSecret === null) await forgetCached(sql, id)
  await forgetOtherTies(sql, id)
}

function ldapOf(declared: Declared['ldap'], before: OrganisationModel | null, tools: SignInTools) {
  if (!declared) return { ldap: undefined, ldapSecret: null }
  const { caFile, password, passwordFile, ...ldap } = declared
  const ca = caOf('ldap', caFile, tools)
  const old = before?.ldapSecret ?? null
  const secret = tools.secretOf({ password, passwordFile })
  // An empty one would mean "nobody" to the server, and it would answer: good.
  if (secret === '') tools.refuse(`ldap.${passwordFile === undefined ? 'password' : 'passwordFile'}`, 'is empty')
  if (secret === null && old === null) tools.refuse('ldap', 'needs the password of bindDn: passwordFile or password')
  return { ldap: { ...ldap, ...ca }, ldapSecret: secret === null ? old : tools.seal(secret, old) }
}

function providerOf(declared: Declared['provider'], before: OrganisationModel | null, tools: SignInTools) {
  if (!declared) return { provider: undefined, providerSecret: null }
  const { caFile, password, passwordFile, publicClient, ...settings } = declared
  const provider = { ...settings, ...caOf('provider', caFile, tools) }
  const secret = tools.secretOf({ password, passwordFile })
  if (publicClient) {
    if (secret !== null) tools.refuse('provider.publicClient', 'a public client has no secret')
    return { provider, providerSecret: null }
  }
  // The secret of one client is nothing for another issuer: it would be handed to whoever stands there.
  const was = before && (before.signIn as SignInSettings).provider
  const same = was?.issuer === provider.issuer && was.clientId === provider.clientId
  const old = same ? before!.providerSecret : null
  if (secret === '') tools.refuse(`provider.${passwordFile === undefined ? 'password' : 'passwordFile'}`, 'is empty')
  if (secret === null && old === null)
    tools.refuse('provider', 'needs the client secret: passwordFile or password; or publicClient')
  return { provider, providerSecret: secret === null ? old : tools.sealProvider(secret, old) }
}

const caOf = (of: string, caFile: string | undefined, tools: SignInTools): { ca?: string } =>
  certificatesFrom(caFile, {
    readFile: (path) => tools.readFile(`${of}.caFile`, path),
    refuse: (text) => tools.refuse(`${of}.caFile`, text),
  })

/** Of a file that is to hold some; {}: none is named. */
export function certificatesFrom(
  caFile: string | undefined,
  { readFile, refuse }: { readFile: (path: string) => string; refuse: (text: string) => never },
): { ca?: string } {
  if (caFile === undefined) return {}
  const ca = readFile(caFile)
  if (!hasCertificates(ca)) refuse('holds no certificate that can be read (PEM)')
  return { ca }
}

function hasCertificates(pem: string): boolean {
  try {
    return certificatesIn(pem).length > 0
  } catch {
    return false
  }
}
