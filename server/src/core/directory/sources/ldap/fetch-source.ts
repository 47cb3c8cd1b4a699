/** The list of a declared source, from the directory it names. */
import type { Clock } from '../../../../platform/clock.ts'
import type { Sql } from '../../../../platform/db/database.ts'
import type { Id } from '../../../../platform/ids.ts'
import type { Keys } from '../../../../platform/keys.ts'
import { directoriesToSignInBy } from '../../../../store/sign-in.ts'
import { signInDirectory } from '../../sign-in-directory.ts'
import { sourceSettingsSchema } from '../settings.ts'
import { sourceDirectory } from './directory.ts'
import { fetchList, type Fetched } from './fetch.ts'

export interface StoredSource {
  organisationId: Id
  sourceId: Id
  settings: unknown
  secret: Buffer | null
}

/** Throws with a sentence where there is no whole list. */
export async function fetchSource(
  { db, clock, keys }: { db: Sql; clock: Clock; keys: Keys },
  { organisationId, sourceId, settings, secret }: StoredSource,
  signal?: AbortSignal,
): Promise<Fetched> {
  const { ldap } = sourceSettingsSchema.parse(settings)
  if (ldap === undefined) throw new Error('The declaration does not say where this list is fetched.')
  const stored = (await directoriesToSignInBy(db)).find((one) => one.organisationId === organisationId)
  const signIn = stored === undefined ? null : signInDirectory(stored, keys)
  const directory = sourceDirectory({ sourceId, settings: ldap, secret, signIn }, keys)
  return fetchList(clock, directory, ldap, signal)
}
