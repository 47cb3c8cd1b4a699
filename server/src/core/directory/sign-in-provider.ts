/** An organisation's identity provider as its client is given it, with the secret it signs in by there. */
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { providerPlace, type ProviderSettings } from './provider-settings.ts'
import { signInSettingsSchema } from './sign-in-settings.ts'

export interface SignInProvider extends ProviderSettings {
  /** null: a public client, which PKCE alone protects */
  clientSecret: string | null
}

/** Throws where the settings are none, or the secret was sealed under another key. */
export function signInProvider(
  stored: { organisationId: Id; signIn: unknown; providerSealed: Buffer | null },
  keys: () => Keys,
): SignInProvider {
  const { provider } = signInSettingsSchema.parse(stored.signIn)
  if (!provider) throw new Error('there are no settings of it')
  const { organisationId, providerSealed } = stored
  return {
    ...provider,
    clientSecret:
      providerSealed === null ? null : keys().open(providerPlace(organisationId), providerSealed).toString(),
  }
}
