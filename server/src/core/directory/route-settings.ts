/** The settings of a route (jsonb in table route): validated when they are applied and when they are read. */
import { z } from 'zod'
import { parseNetwork } from './outbound-source.ts'
import { canaryAddress, reachSettings } from './reach-settings.ts'
import { switchingSchema } from './switching.ts'

const seconds = (value: number, meaning: string) => z.number().min(0.05).max(604_800).default(value).describe(meaning)

export const routeSettingsSchema = z.strictObject({
  hosts: z
    .array(
      z.strictObject({
        host: z.string().min(1).max(255).describe('Name or address of the server.'),
        port: z.number().int().min(1).max(65535).default(25).describe('Its port.'),
        priority: z
          .number()
          .int()
          .min(0)
          .max(65535)
          .default(10)
          .describe('Lower first; hosts of one priority share the load.'),
      }),
    )
    .max(50)
    .default([])
    .describe('The servers it goes to; none for a route of kind mx, which asks the DNS.'),
  protocol: z
    .enum(['smtp', 'lmtp'])
    .default('smtp')
    .describe('lmtp: for a mail store that takes mail directly and answers for each recipient.'),
  tls: z
    .enum(['none', 'opportunistic', 'required', 'pinned', 'dane'])
    .default('opportunistic')
    .describe(
      'opportunistic: STARTTLS where it is offered and works, any certificate; with a username always encrypted. required: a valid certificate or no mail. pinned: a certificate with one of the keys in tlsPins or no mail, whoever signed it. dane: a certificate that the TLSA records of the host, proved by DNSSEC, speak of, or no mail (needs a validating name server: dns.trustAd). none: in clear, the password too. A route of kind mx does what the other domain publishes (DANE, MTA-STS) of its own accord.',
    ),
  tlsPins: z
    .array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'is not a SHA-256 in base64 (44 characters)'))
    .max(20)
    .default([])
    .describe(
      "For tls pinned: SHA-256, in base64, of the public key (SubjectPublicKeyInfo) of the server's certificate. Name the next key too, before the server changes to it.",
    ),
  tlsName: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("For tls required: the name in the server's certificate, where it is another than the host's."),
  tlsCa: z
    .string()
    .max(200_000)
    .optional()
    .describe(
      'For tls required: certificates (PEM) that vouch for the server, instead of the public ones; better: caFile beside settings.',
    ),
  requireTlsTrusted: z
    .boolean()
    .default(false)
    .describe(
      'true: mail whose sender demands TLS all the way (REQUIRETLS, RFC 8689) goes to these hosts like any other; for a way that is protected by other means. false: only over TLS with a certificate that is checked, and to hosts that offer REQUIRETLS themselves; else it is refused with 5.7.30.',
    ),
  username: z.string().max(255).optional().describe('Name to sign in with (AUTH PLAIN or LOGIN).'),
  clientAddress: z
    .enum(['none', 'xforward', 'xclient', 'proxy'])
    .default('none')
    .describe(
      "How the hosts are told the address and name of the client that brought a message. xforward: for their log (Postfix). xclient: they treat it as that client's (Postfix; a connection for each client). proxy: PROXY header, version 1 (a connection for each address; every connection must be allowed to begin with it). The first two only where the server offers them.",
    ),
  sourceAddresses: z
    .array(z.string().refine((text) => !text.includes('/') && parseNetwork(text) !== null, 'is not an IP address'))
    .max(2)
    .default([])
    .describe(
      'Addresses of this machine to send from, at most one of each family: where each organisation has its own. Hosts of another family are not tried.',
    ),
  secondExit: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      'For ways to the outside: the name of a route of kind smarthost by which mail leaves while none of the hosts of this one takes it; with that route’s TLS, sign-in and source addresses, and this one’s limits.',
    ),
  connections: z
    .number()
    .int()
    .min(1)
    .max(200)
    .default(20)
    .describe(
      'Connections at once at most, to one destination (a route; for kind `mx` each domain). One host has a quarter more of them at most, whatever goes there; where several routes name it, the largest counts. Where several processes deliver, each takes its part of them.',
    ),
  messagesPerConnection: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('Messages sent over one connection at most; 0: no limit.'),
  messagesPerSecond: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'Messages a second at most to each host, evenly spaced (0.5: one every two seconds); where several processes deliver, each takes its part. 0: no limit.',
    ),
  unsureWait: seconds(
    900,
    'Seconds that a delivery whose last reply was lost waits before it is sent again (it may have arrived).',
  ),
  retryFirst: seconds(60, 'Seconds before a delivery that was put off is tried again; doubled at each further try.'),
  retryMax: seconds(3600, 'The longest such wait, in seconds.'),
  sensitivity: z
    .enum(['quick', 'balanced', 'patient'])
    .default('balanced')
    // the numbers of core/continuity, held to them by a test there
    .describe(
      'How soon a failing system counts as down. quick: after 1.5 s of failures, back after 2 s of successes, a probe every 1 s (for trying out). balanced: 20 s, 15 s, 12 s. patient: 180 s, 120 s, 60 s.',
    ),
  switching: switchingSchema,
  probe: z
    .strictObject({
      enabled: z.boolean().default(true).describe('false: only real deliveries tell how it is.'),
      recipient: z
        .string()
        .max(254)
        .default('')
        .describe("Address the probe names in RCPT TO; empty: postmaster@ of the route's first domain."),
      interval: z
        .number()
        .min(0.2)
        .max(3600)
        .optional()
        .describe("Seconds between probes; left out: the sensitivity's."),
      canary: z
        .strictObject({
          address: canaryAddress.describe('A mailbox that is there for this and empties itself.'),
          every: z.number().min(0.2).max(86_400).default(300).describe('Seconds between two of them.'),
        })
        .optional()
        .describe(
          'A small message is really sent from time to time, so that a system which takes recipients and fails every message is noticed without traffic. Where a roundTrip of reach is set, that does it.',
        ),
    })
    .prefault({})
    .describe('Regular questions whether it takes mail; nothing is sent, but for a canary where one is set.'),
  reach: reachSettings,
  return: z
    .strictObject({
      startAtOnce: z.number().int().min(1).max(100).default(1).describe('Messages under way at once at the start.'),
      mostAtOnce: z.number().int().min(1).max(100).default(20).describe('Messages under way at once at most.'),
      perSecond: z
        .number()
        .min(0.1)
        .max(10_000)
        .optional()
        .describe('Messages a second at most; left out: as fast as the primary takes them.'),
      perPersonPerMinute: z
        .number()
        .min(0.1)
        .max(10_000)
        .optional()
        .describe(
          'Messages a minute at most into one mailbox, evenly spaced, for primaries that limit a mailbox; left out: one after the other without a pause.',
        ),
    })
    .prefault({})
    .describe('How what was kept during an outage goes home.'),
  passThrough: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe(
          "true: while the primary is well, the sender's server waits for its answer, and what it refuses is refused in the session, so that no notice has to be sent. Anything but a refusal is taken, as always.",
        ),
      wait: z
        .number()
        .min(0.1)
        .max(30)
        .default(10)
        .describe('Seconds a sender waits at most; then the message is ours and goes on from the queue.'),
    })
    .prefault({})
    .describe('Passing refusals of the primary on to the sender. It makes sessions last longer.'),
})
export type RouteSettings = z.infer<typeof routeSettingsSchema>
