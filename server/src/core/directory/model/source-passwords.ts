/**
 * The passwords of an organisation's systems that sign in: what is stored proves them and does not tell them (argon2id, like
 * people's). A source whose password the file leaves out keeps the one it has; one that never had any is refused.
 */
import type { OrganisationModel } from '../../../store/model.ts'
import type { DeclaredOrganisation } from './schema.ts'
import { outboundSourceSchema, type OutboundSource } from '../outbound-source.ts'
import type { Problem } from './problems.ts'

export interface SourcePasswords {
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  /** throws with a sentence where a password is not taken */
  checkPassword: (password: string, own: string[]) => void
  hashPassword: (password: string) => Promise<string>
  verifyPassword: (verifier: string, password: string) => Promise<boolean>
}

export interface StoredSources {
  sources: unknown
  /** by user name */
  verifiers: Record<string, string>
}

/**
 * What is to be stored; as it was, where the file says nothing of sources. `refuse` gets a problem whose path begins behind
 * `outboundSources`.
 */
export async function storedSources(
  declared: DeclaredOrganisation['outboundSources'],
  before: OrganisationModel | null,
  tools: SourcePasswords,
  refuse: (problem: Problem) => never,
): Promise<StoredSources> {
  const stored = before?.outboundVerifiers ?? {}
  if (!declared) return { sources: before?.outboundSources ?? [], verifiers: stored }
  const verifiers = new Map<string, string>()
  const sources: OutboundSource[] = []
  for (const [i, { password, passwordFile, ...source }] of declared.entries()) {
    sources.push(outboundSourceSchema.parse(source))
    const { username } = source
    if (username === undefined) continue
    const secret = tools.secretOf({ password, passwordFile })
    const old = Object.hasOwn(stored, username) ? stored[username]! : null
    if (secret === null) {
      if (old === null) refuse({ path: `${i}`, text: 'needs its password: password or passwordFile' })
      else verifiers.set(username, old)
      continue
    }
    try {
      tools.checkPassword(secret, [username])
    } catch (error) {
      refuse({ path: `${i}.password`, text: error instanceof Error ? error.message : String(error) })
    }
    // A hash is never the same twice: an unchanged password keeps its.
    const isSame = old !== null && (await tools.verifyPassword(old, secret))
    verifiers.set(username, isSame ? old : await tools.hashPassword(secret))
  }
  return { sources, verifiers: Object.fromEntries(verifiers) }
}
