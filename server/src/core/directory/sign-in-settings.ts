/**
 * Where an organisation's people prove who they are besides a password of their own here: its LDAP directory, its identity
 * provider (provider-settings.ts). As it is stored in organisation.sign_in; the password of the search account is sealed beside it.
 */
import { z } from 'zod'
import { filterProblem } from '../../clients/ldap/filter.ts'
import { providerSettingsSchema } from './provider-settings.ts'

const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => text.trim() !== '' && !/[\0\r\n]/.test(text), 'must be one line of text')

const serverSchema = z
  .strictObject({
    host: z
      .string()
      .max(253)
      .regex(/^[A-Za-z0-9._:-]+$/, 'is neither a host name nor an IP address')
      .describe('Name or IP address; its certificate must be made out to it.'),
    port: z.number().int().min(1).max(65_535).optional().describe('Left out: 636 for ldaps, 389 for starttls.'),
    tls: z
      .enum(['ldaps', 'starttls'])
      .default('ldaps')
      .describe('TLS from the first byte, or STARTTLS; never without.'),
  })
  .transform(({ host, port, tls }) => ({ host, port: port ?? (tls === 'ldaps' ? 636 : 389), tls }))

/** What is stored and what the file says have in common. */
export const ldapShape = {
  servers: z
    .array(serverSchema)
    .min(1)
    .max(10)
    .describe('Asked in this order; one that does not answer rests for a while.'),
  bindDn: line(1000)
    // Some words mean another way to sign in to the library that speaks LDAP.
    .refine((text) => /[=@\\]/.test(text), 'is neither a DN nor a name such as search@example.com')
    .describe('The account that looks for people; it needs to read entries and nothing else.'),
  baseDn: line(1000)
    .refine((text) => text.includes('='), 'is not a DN such as dc=example,dc=com')
    .describe('Where people are looked for, and below.'),
  filter: line(2000)
    .default('(|(mail={name})(userPrincipalName={name}))')
    .superRefine((filter, context) => {
      const problem = filterProblem(filter)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })
    .describe(
      'Finds the one entry of a person (RFC 4515). {name} is their upn if they have one here, else their first address; {local} is what stands before its @.',
    ),
  cacheDays: z
    .number()
    .int()
    .min(0)
    .max(365)
    .default(30)
    .describe(
      'How long after the last good sign-in the same password counts while no server answers; 0: never, then nobody signs in by it while they are down.',
    ),
}

export const ldapSettingsSchema = z.strictObject({ ...ldapShape, ca: z.string().optional() })
export type LdapSettings = z.output<typeof ldapSettingsSchema>

/** Of whom a second factor (a passkey, an authenticator app) is asked. */
export const secondFactorWish = z
  .enum(['optional', 'requiredForRoles', 'required'])
  .describe(
    'optional: who wants one has one. requiredForRoles: help desk, auditors and administrators set one up before they do anything else. required: everybody does, and mail clients take app passwords alone. Who comes by the identity provider is asked for it there.',
  )

export const signInSettingsSchema = z.strictObject({
  /** left out: optional */
  secondFactor: secondFactorWish.exclude(['optional']).optional(),
  ldap: ldapSettingsSchema.optional(),
  provider: providerSettingsSchema.optional(),
})
export type SignInSettings = z.output<typeof signInSettingsSchema>

/** What the sealed password of the search account is bound to. */
export const ldapPlace = (organisationId: string): string => `organisation.ldap_sealed:${organisationId}`
