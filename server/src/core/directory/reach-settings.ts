/**
 * What is asked to find out whether people can reach their mail at the primary: signing in by IMAP, a page by HTTPS, the
 * identity provider by OpenID Connect, the DNS. In the outages that nobody notices SMTP goes on working.
 */
import { z } from 'zod'

const common = {
  name: z
    .string()
    .min(1)
    .max(60)
    .refine((name) => name.isWellFormed() && !/[\p{Cc}]/u.test(name), 'must not hold control characters')
    .refine((name) => name !== 'reports', "is what people's own reports are called; take another name")
    .describe('What it is called on pages and in alarms.'),
  every: z
    .number()
    .min(0.2)
    .max(3600)
    .optional()
    .describe("Seconds between two of it; left out: twice the sensitivity's."),
  timeout: z
    .number()
    .min(0.2)
    .max(120)
    .optional()
    .describe("Seconds it may take; left out: the sensitivity's, at least 5."),
}
/** Where a mailbox is read by IMAP. */
const mailbox = {
  host: z.string().min(1).max(255).describe('Name or address of the server.'),
  port: z.number().int().min(1).max(65535).optional().describe('Its port; left out: 993, with starttls 143.'),
  tls: z.enum(['implicit', 'starttls']).default('implicit').describe('How it is encrypted; it always is.'),
  username: z.string().min(1).max(255).describe('Of a mailbox that is there for this; its password: reachPasswords.'),
}
const ca = z
  .string()
  .max(200_000)
  .optional()
  .describe('Certificates (PEM) that vouch for the server, instead of the public ones.')

/** http only for what stands on this machine: a page that people use is encrypted. */
function isPage(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname))
}
const page = z.string().max(2000).refine(isPage, 'is not an https:// address')

/** In ASCII, as it is written in an envelope. */
export const canaryAddress = z
  .string()
  .max(254)
  .regex(/^[^\s<>@"(),:;\\[\]]+@[^\s<>@"(),:;\\[\]]+$/, 'is not an e-mail address')
  .refine((text) => /^[!-~]+$/.test(text), 'must be in ASCII')

export const reachProbeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('imap').describe('Signs in, opens the Inbox and leaves.'),
    ...mailbox,
    ca,
  }),
  z.strictObject({
    ...common,
    kind: z
      .literal('roundTrip')
      .describe(
        'Sends a small message to a mailbox that is there for this, and looks for it there by IMAP: the only one that sees mail which is taken and never arrives. It is about taking mail; three in a row that do not come are an emergency in which mail waits here. One for each route; every left out: 300.',
      ),
    address: canaryAddress.describe('Address of the mailbox.'),
    within: z
      .number()
      .min(1)
      .max(3600)
      .default(180)
      .describe('Seconds it may take. One that comes later still counts as arrived.'),
    ...mailbox,
    ca,
  }),
  z.strictObject({
    ...common,
    kind: z.literal('https').describe('A page that people use: the webmail, the sign-in page.'),
    url: page.describe('Its address.'),
    status: z
      .array(z.number().int().min(200).max(599))
      .max(20)
      .default([])
      .describe('Answers that are good; empty: 200 to 399, and 401 (it asks who is there).'),
    text: z.string().min(1).max(500).optional().describe('Words the page must hold, within its first 256 KB.'),
    certificateDays: z
      .number()
      .int()
      .min(0)
      .max(365)
      .default(14)
      .describe('So many days before its certificate ends it is said on the page.'),
    ca,
  }),
  z.strictObject({
    ...common,
    kind: z
      .literal('oidc')
      .describe('The identity provider: its configuration, and whether its token endpoint answers.'),
    issuer: page.describe('As in its configuration (/.well-known/openid-configuration below it).'),
    ca,
  }),
  z.strictObject({
    ...common,
    kind: z.literal('dns').describe("One of the primary's own names."),
    host: z.string().min(1).max(253).describe('The name; it must have an address.'),
  }),
])
export type ReachProbe = z.output<typeof reachProbeSchema>
export type RoundTrip = Extract<ReachProbe, { kind: 'roundTrip' }>

export const reachSettings = z
  .array(reachProbeSchema)
  .max(10)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two of them have the same name')
  .refine((all) => all.filter(({ kind }) => kind === 'roundTrip').length <= 1, 'one roundTrip at most')
  .default([])
  .describe(
    'Whether people can reach their mail there: each is asked regularly, and when one of them fails for as long as the sensitivity says, the emergency mailboxes are open while mail goes on being delivered.',
  )

/** The passwords of the probes by name, as they are sealed in the route's row. */
export const reachPasswordsSchema = z.record(z.string(), z.string())
