/**
 * An organisation's identity provider (OpenID Connect) as it is stored in organisation.sign_in; the client's secret is sealed
 * beside it. What a provider says of a person counts for this organisation's people only, and only where nobody else can make it
 * say so: issuers that speak for many organisations must be tied to one of them (Entra ID: the tenant in the issuer; Google: `hd`).
 */
import { z } from 'zod'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const ENTRA = /^(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net)$/
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => text.trim() !== '' && !/[\0\r\n]/.test(text), 'must be one line of text')

/** What is stored and what the file says have in common. */
export const providerShape = {
  name: line(60).describe('What the button on the sign-in page calls it, for example "Example ID".'),
  issuer: line(500).describe(
    'Address of the provider (https), exactly as its discovery document says it. Entra ID: https://login.microsoftonline.com/TENANT-ID/v2.0, with the id of your tenant.',
  ),
  clientId: line(300).describe('Under which Holdfast is registered there.'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'is not a scope'))
    .min(1)
    .max(20)
    .default(['openid', 'email', 'profile'])
    .refine((scopes) => scopes.includes('openid'), 'must have openid')
    .describe('What is asked for.'),
  claim: z
    .enum(['email', 'preferred_username', 'upn'])
    .default('email')
    .describe(
      'What finds a person when they come the first time; from then on the provider’s own id of them (sub) counts. email counts only where the provider says that it is verified. The others are for providers where people cannot choose them.',
    ),
  require: z
    .record(z.string().regex(/^[A-Za-z0-9_.:/-]{1,100}$/, 'is not the name of a claim'), line(300))
    .default({})
    .describe('Claims that must be there with exactly this value, for example hd: example.com with Google.'),
  insecureLoopback: z
    .boolean()
    .default(false)
    .describe('For tests and demonstrations: a provider on this machine may be spoken to without TLS.'),
}

export interface ProviderIssue {
  key: 'issuer' | 'require'
  text: string
}

/** The tenant an issuer of Entra ID speaks for; null: another provider's. */
export function entraTenant(issuer: string): string | null {
  const { hostname, pathname } = new URL(issuer)
  return ENTRA.test(hostname) ? pathname.split('/')[1]!.toLowerCase() : null
}

/** What is wrong with settings that have the right form; null: nothing. */
export function providerIssue(one: {
  issuer: string
  require: Record<string, string>
  insecureLoopback: boolean
}): ProviderIssue | null {
  const refuse = (key: ProviderIssue['key'], text: string): ProviderIssue => ({ key, text })
  if (!URL.canParse(one.issuer)) return refuse('issuer', 'is not an address such as https://login.example.com')
  const url = new URL(one.issuer)
  const isPlain = url.protocol === 'http:' && one.insecureLoopback && LOOPBACK.test(url.hostname)
  if (url.protocol !== 'https:' && !isPlain) return refuse('issuer', 'must begin with https://')
  if (url.username || url.password || url.search || url.hash)
    return refuse('issuer', 'has no user, no query and no fragment')
  const tenant = entraTenant(one.issuer)
  // common, organizations, consumers: whoever has a tenant of their own could be anybody there.
  if (tenant !== null && !GUID.test(tenant))
    return refuse('issuer', 'must name your own tenant by its id; "common" and the like speak for everybody')
  if (url.hostname === 'accounts.google.com' && one.require.hd === undefined)
    return refuse('require', 'needs hd, your Google Workspace domain: other accounts can have an address of yours')
  return null
}

export const providerSettingsSchema = z
  .strictObject({ ...providerShape, ca: z.string().optional() })
  .superRefine((value, context) => {
    const issue = providerIssue(value)
    if (issue) context.addIssue({ code: 'custom', path: [issue.key], message: issue.text })
  })
export type ProviderSettings = z.output<typeof providerSettingsSchema>

/** What the sealed secret of the client is bound to. */
export const providerPlace = (organisationId: string): string => `organisation.provider_sealed:${organisationId}`
