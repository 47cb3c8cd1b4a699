/**
 * The declaration file of `holdfast apply`: what organisations, routes, domains, groups and people there are to be. One
 * schema for the check, the errors' paths and the reference page. What is left out of a route, domain, group or person
 * gets its default, not its last value: the file is the whole truth about those it names. The organisation's own switches
 * stay as they are, so that a file may name just what is new.
 */
import { z } from 'zod'
import { DomainKind, ListPosting, Role, RouteKind } from '../../../platform/codes.ts'
import { isMxName } from '../../../protocols/mta-sts/policy.ts'
import { checkSource, outboundSourceShape } from '../outbound-source.ts'
import { routeSettingsSchema } from '../route-settings.ts'
import { foldAddress, foldDomain } from '../fold.ts'
import { domainSwitchingSchema } from '../switching.ts'
import { providerIssue, providerShape } from '../provider-settings.ts'
import { ldapShape, secondFactorWish } from '../sign-in-settings.ts'
import { mailboxAccessSettingsSchema } from '../mailbox-access-settings.ts'
import { noticeSettingsSchema } from '../notice-settings.ts'
import { cardSchema } from './cards.ts'
import { sharedSchema } from './shared.ts'
import { directorySourceSchema } from './declared-sources.ts'
import { providersQuietTimesSchema, quietTimesSchema } from './quiet-times.ts'

const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must not hold NUL or broken characters')
const label = (most: number) => text(most).refine((value) => value.trim() !== '', 'must not be empty')
const keysOf = <T extends Record<string, number>>(set: T) =>
  z.enum(Object.keys(set) as [keyof T & string, ...(keyof T & string)[]])
const domainName = label(253).refine((value) => foldDomain(value) !== null, 'is not a domain name')
const address = label(254).refine((value) => foldAddress(value) !== null, 'is not an e-mail address')
const secret = (what: string) => ({
  password: text(1024).optional().describe(`${what} in the clear; better: passwordFile.`),
  passwordFile: label(4096).optional().describe('File with it, beside this one or with an absolute path.'),
})

const scopes = z
  .strictObject({
    filtering: z.boolean().optional().describe('Mail is filtered.'),
    rollingCopy: z.boolean().optional().describe('A copy of passing mail is kept for the retention time.'),
    emergencyMailbox: z.boolean().optional().describe('Has a mailbox here: protected.'),
  })
  .prefault({})
  .describe('Switches; where one is left out, the next wider level decides (person, group, domain, organisation).')

export const routeSchema = z.strictObject({
  name: label(100).describe('Name of the route, unique in the organisation.'),
  kind: keysOf(RouteKind)
    .default('primary')
    .describe("primary: the organisation's own mail system; smarthost or mx: the way to the outside."),
  settings: routeSettingsSchema.prefault({}).describe('How mail reaches it.'),
  ...secret('Password for settings.username'),
  reachPasswords: z
    .array(
      z.strictObject({
        probe: label(60).describe('Name of a probe in settings.reach that signs in.'),
        ...secret('Its password'),
      }),
    )
    .max(10)
    .default([])
    .describe('Passwords of the probes of settings.reach; kept sealed.'),
  caFile: label(4096)
    .optional()
    .describe('File with certificates (PEM) that vouch for the hosts, for tls required; kept as settings.tlsCa.'),
  clientCertificateFile: label(4096)
    .optional()
    .describe('File with our certificate and its chain (PEM), shown to hosts that ask for one; needs clientKeyFile.'),
  clientKeyFile: label(4096).optional().describe('File with its key (PEM); kept sealed, like the password.'),
})

export const domainSchema = z.strictObject({
  name: domainName.describe('Mail domain, in either form.'),
  kind: keysOf(DomainKind)
    .default('authoritative')
    .describe('shared: unknown recipients go to otherRoute; aliasOf: the people of another domain.'),
  aliasOf: domainName.optional().describe('For kind aliasOf: which domain.'),
  route: label(100).optional().describe('Name of the route of its mail.'),
  otherRoute: label(100).optional().describe('For kind shared: where strangers go.'),
  recipientsComplete: z
    .boolean()
    .default(false)
    .describe('true: everybody is listed here, strangers are refused (550). false: they are learned.'),
  unknown: z
    .enum(['later', 'park'])
    .default('later')
    .describe('Strangers nobody can vouch for: 450, or taken and parked for an admin.'),
  callouts: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe(
      'auto: where the list is not complete, the mail system of the domain is asked about a stranger (RCPT, no message), and its answer is kept. off: never.',
    ),
  catchAll: address.optional().describe('Address that gets the mail of unknown recipients.'),
  subaddressSeparator: text(1).default('+').describe('alice+news is alice; empty for none.'),
  warnAfterHours: z
    .number()
    .int()
    .min(1)
    .max(720)
    .optional()
    .describe('Unprotected people in an emergency: warn the sender after this; left out: hold and tell the admin.'),
  dkim: z
    .strictObject({
      selector: label(63)
        .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i, 'is not a DNS label')
        .describe('Name below _domainkey.'),
    })
    .optional()
    .describe('Sign outgoing mail; a 2048-bit key is made and its DNS record printed.'),
  mtaSts: z
    .strictObject({
      mode: z
        .enum(['enforce', 'testing', 'none'])
        .default('testing')
        .describe('enforce: others send encrypted or not.'),
      mx: z
        .array(
          z
            .string()
            .transform((name) => name.toLowerCase())
            .refine(isMxName, 'is not a host name, nor one such as *.example.com'),
        )
        .min(1)
        .max(50)
        .describe('Names of the MX hosts, as in their certificates.'),
      maxAge: z.number().int().min(60).max(31_557_600).default(604_800).describe('Seconds that others keep it.'),
    })
    .optional()
    .describe(
      'MTA-STS policy (RFC 8461) that is served at https://mta-sts.DOMAIN/.well-known/mta-sts.txt, by listen.https with a certificate of tls.names, or by a TLS proxy in front of listen.http; its DNS record is printed.',
    ),
  switching: domainSwitchingSchema,
  scopes,
})

export const groupSchema = z.strictObject({
  name: label(100).describe('Name of the group.'),
  route: label(100).optional().describe('Route of its people.'),
  scopes,
})

export const personSchema = z.strictObject({
  name: label(200).describe('As shown to others.'),
  addresses: z.array(address).min(1).max(100).describe('The first is the primary one.'),
  sendAs: z
    .array(address)
    .max(100)
    .default([])
    .describe("Other addresses of the organisation's domains that the person may write from as from an own one."),
  sendOnBehalfOf: z
    .array(address)
    .max(100)
    .default([])
    .describe('The same, but the message says who sent it (Sender): "Alice on behalf of office@…".'),
  upn: label(254).optional().describe('Sign-in name in the directory, if it is another than the addresses.'),
  locale: z
    .enum(['en', 'fr', 'de'])
    .optional()
    .describe('Language of pages and notices; left out, it is what the person chose, at first en.'),
  privateAddress: address
    .optional()
    .describe(
      'An address of their own outside the organisation, where they are told of an outage; kept sealed, and shown to nobody.',
    ),
  card: cardSchema,
  shared: sharedSchema,
  role: keysOf(Role).default('person').describe('What the person may do here.'),
  group: label(100).optional().describe('Name of the group.'),
  route: label(100).optional().describe("Route of this person's mail, before the group's and the domain's."),
  scopes,
  ...secret('First password, set only while the person has none'),
  invite: z.boolean().default(false).describe('Make a one-time password while the person has none; printed once.'),
})

export const declaredSourceSchema = z
  .strictObject({
    ...outboundSourceShape,
    ...secret('Password for username'),
  })
  .superRefine(checkSource)

export const redirectSchema = z.strictObject({
  address: address.describe('Address at one of its domains; a person may have it too.'),
  to: z
    .array(address)
    .min(1)
    .max(100)
    .describe(
      'Where its mail goes: people, other redirects, lists (their members), addresses outside. Who is named twice gets it once.',
    ),
  keepCopy: z
    .boolean()
    .optional()
    .describe('Of the address of a person: whether they get the mail as well; left out: yes.'),
})

const listUrl = label(500).regex(
  /^(https:\/\/|mailto:)[\x21-\x3b\x3d\x3f-\x7e]+$/,
  'is not an https: or mailto: address',
)

export const listSchema = z.strictObject({
  address: address.describe('Address at one of its domains, which nobody else has.'),
  name: label(200).describe('As shown by mail programs.'),
  members: z.array(address).max(5000).default([]).describe('People, redirects, other lists, addresses outside.'),
  groups: z
    .array(label(100))
    .max(100)
    .default([])
    .describe('Names of groups whose people are members, by their first addresses.'),
  posting: keysOf(ListPosting)
    .default('organisation')
    .describe(
      'Who may post: anyone, members, senders of the organisation, or those named in posters. Asked of the envelope’s sender; where outboundSources are named, own senders count only from there and from people signed in here.',
    ),
  posters: z.array(address).max(1000).default([]).describe('For posting named.'),
  help: listUrl.optional().describe('Shown in List-Help: an https: or mailto: address.'),
  unsubscribe: listUrl.optional().describe('Shown in List-Unsubscribe: an https: or mailto: address.'),
  pauseAfter: z
    .strictObject({
      bounces: z.number().int().min(1).max(1000).describe('So many failures.'),
      days: z.number().int().min(1).max(365).describe('Within so many days of the first.'),
    })
    .optional()
    .describe('When a member is paused, until holdfast admin lists --resume; left out: never.'),
})

export const organisationSchema = z.strictObject({
  slug: label(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'is not a short name (a-z, 0-9, -)')
    .describe('Short name that never changes.'),
  name: label(200).describe('As shown.'),
  retentionDays: z
    .number()
    .int()
    .min(1)
    .max(3650)
    .optional()
    .describe('How many days the rolling copy is kept; 14 for a new organisation, left out it stays.'),
  scopes,
  alarmsTo: z
    .array(address)
    .max(20)
    .optional()
    .describe(
      'Addresses that are told by mail when something needs a person: a question whether to switch, an emergency, our own trouble. At least one of them should be outside its own domains, where mail arrives while its system is down. [] for none; left out they stay.',
    ),
  routes: z.array(routeSchema).max(1000).default([]),
  outboundRoute: label(100).optional().describe('Name of the route mail to the outside takes; left out it stays.'),
  outboundSources: z
    .array(declaredSourceSchema)
    .max(100)
    .optional()
    .describe(
      'Its own systems that hand over their mail to the world here (the primary’s smart host); left out they stay.',
    ),
  domains: z.array(domainSchema).max(10_000).default([]),
  groups: z.array(groupSchema).max(10_000).default([]),
  people: z.array(personSchema).max(200_000).default([]),
  redirects: z.array(redirectSchema).max(50_000).default([]),
  notices: noticeSettingsSchema.optional().describe('What people are told of an outage, and when; left out it stays.'),
  mailboxAccess: mailboxAccessSettingsSchema
    .optional()
    .describe('Whether people hear later that their mailbox was opened; left out it stays.'),
  signIn: z
    .strictObject({
      secondFactor: secondFactorWish.default('optional'),
      ldap: z
        .strictObject({
          ...ldapShape,
          caFile: label(4096)
            .optional()
            .describe('File with certificates (PEM) that vouch for the servers; left out: those the system trusts.'),
          ...secret('Password of the search account (kept sealed; left out it stays)'),
        })
        .optional()
        .describe("The organisation's LDAP directory or Active Directory."),
      provider: z
        .strictObject({
          ...providerShape,
          caFile: label(4096)
            .optional()
            .describe('File with certificates (PEM) that vouch for the provider; left out: those the system trusts.'),
          publicClient: z
            .boolean()
            .default(false)
            .describe('There is no secret: the provider knows Holdfast as a public client (PKCE).'),
          ...secret('Client secret (kept sealed; left out it stays)'),
        })
        .superRefine((value, context) => {
          const issue = providerIssue(value)
          if (issue) context.addIssue({ code: 'custom', path: [issue.key], message: issue.text })
        })
        .optional()
        .describe(
          "The organisation's identity provider (OpenID Connect: Entra ID, Google, Okta, Keycloak), for the web pages.",
        ),
    })
    .optional()
    .describe(
      'Where its people prove who they are, besides a password of their own here: with ldap by the password of the directory, and while it is down by the one that was good there last; with provider by a button on the sign-in page. {} for none; left out it stays.',
    ),
  quietTimes: quietTimesSchema
    .optional()
    .describe('Planned hours in which mail that comes in waits for their end; left out they stay.'),
  lists: z.array(listSchema).max(10_000).default([]),
  directorySources: z
    .array(directorySourceSchema)
    .max(100)
    .optional()
    .describe('Where lists of people come from (holdfast directory), and their limits; left out they stay.'),
})

export const declarationSchema = z.strictObject({
  organisations: z.array(organisationSchema).min(1).max(1000),
  quietTimes: providersQuietTimesSchema
    .optional()
    .describe("The provider's own, for the mail of all organisations; left out they stay."),
})
export type Declaration = z.output<typeof declarationSchema>
export type DeclaredOrganisation = Declaration['organisations'][number]
export type DeclaredPerson = DeclaredOrganisation['people'][number]
