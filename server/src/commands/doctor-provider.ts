/**
 * The part of `holdfast doctor` that asks identity providers: does the discovery document say what was declared, are its keys there,
 * does it do what we need, and does its clock agree with ours?
 */
import { discover, openProvider } from '../clients/oidc/client.ts'
import { signInProvider, type SignInProvider } from '../core/directory/index.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Keys } from '../platform/keys.ts'
import { providersToSignInBy } from '../store/provider-sign-in.ts'
import type { Finding } from './doctor.ts'

const NAME = 'identity provider'
/** ID tokens are taken with half a minute of difference. */
const MOST_SKEW_MS = 30_000
const WITHOUT = 'While it cannot be asked, people sign in by another way (holdfast admin provider: who has none).'

export async function providerFindings(
  sql: Sql,
  { clock, keys, publicUrl }: { clock: Clock; keys: () => Keys; publicUrl: string },
): Promise<Finding[]> {
  const stored = await providersToSignInBy(sql)
  if (stored.length === 0) return []
  const findings = stored.map(async (one): Promise<Finding> => {
    let provider: SignInProvider
    try {
      provider = signInProvider(one, keys)
    } catch (error) {
      const text = `${one.slug}: ${(error as Error).message}`
      return { name: NAME, standing: 'wrong', text, remedy: 'Apply its signIn.provider with the secret again.' }
    }
    return lookAt(one.slug, provider, clock)
  })
  const found = await Promise.all(findings)
  if (publicUrl !== '') return found
  const text = 'publicUrl is empty, so there is nowhere for a provider to send people back to: none is offered'
  return [...found, { name: NAME, standing: 'wrong', text, remedy: 'Set publicUrl to the address of the web pages.' }]
}

async function lookAt(slug: string, provider: SignInProvider, clock: Clock): Promise<Finding> {
  const where = `${slug}: ${provider.issuer}`
  const warning = (text: string, remedy: string): Finding => ({
    ...{ name: NAME, standing: 'warning', text: `${where}: ${text}`, remedy },
  })
  try {
    let date = ''
    const before = clock.now()
    const found = await discover(provider, (said) => {
      date = said
    })
    const skew = date === '' ? 0 : Math.abs(Date.parse(date) - (before + clock.now()) / 2)
    if (skew > MOST_SKEW_MS)
      return warning(
        `its clock and ours are ${Math.round(skew / 1000)} s apart, so its word would count as over or not yet`,
        'Let this machine keep its time (NTP).',
      )
    if (found.code_challenge_methods_supported && !found.code_challenge_methods_supported.includes('S256'))
      return warning('it does not take PKCE with S256', 'Turn it on at the provider.')
    if (found.response_types_supported && !found.response_types_supported.includes('code'))
      return warning('it does not offer the authorization code flow', 'Turn it on at the provider.')
    if ((await openProvider(provider, found).keys()) === 0)
      return warning('there are no keys at its jwks_uri', `Look at the provider. ${WITHOUT}`)
    return { name: NAME, standing: 'ok', text: `${where} answers, with its keys`, remedy: '' }
  } catch (error) {
    return warning(
      (error as Error).message,
      `${WITHOUT} Check signIn.provider: issuer to the letter, the certificate (caFile), the clock.`,
    )
  }
}
