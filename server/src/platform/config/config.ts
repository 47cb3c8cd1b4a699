/**
 * The configuration, as one schema: every key has a default, a sentence for the generated reference page, and can be
 * set in the YAML file or by environment (HOLDFAST_LISTEN_MX_PORT=25). Durations are seconds, sizes are bytes.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { referenceFault } from '../net/references.ts'

const port = (value: number, text: string) => z.number().int().min(0).max(65535).default(value).describe(text)
const seconds = (value: number, text: string) => z.number().min(0.01).max(604_800).default(value).describe(text)
const isProxy = (text: string): boolean =>
  text === 'loopback' || ipaddr.isValid(text) || (text.includes('/') && ipaddr.isValidCIDR(text))
/** What people are sent to must be a whole address: it goes into links, and https decides about cookies. */
function publicUrlFault(text: string): string | null {
  if (text === '') return null
  if (!/^https?:\/\//i.test(text)) {
    const rest = text.replace(/^[a-z][a-z0-9+.-]*:\/\/|^\/+/i, '')
    return `"${text}" lacks its scheme; write https://${rest}, or http://${rest} where no TLS ends in front of it`
  }
  return URL.canParse(text) ? null : `"${text}" is not an address; write it as https://mail.example.org`
}
/** Codes and links stand in it: never in clear over a network. */
function isGatewayUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
}
const count = (value: number, text: string) => z.number().int().min(1).default(value).describe(text)
const bytes = (value: number, text: string) => z.number().int().min(0).default(value).describe(text)

const hourly = (value: number, text: string) =>
  z
    .number()
    .int()
    .min(0)
    .default(value)
    .describe(`${text} that are taken in an hour, by each process; more is put off with 450. 0: no limit.`)

const tlsVersions = ['TLSv1.2', 'TLSv1.3'] as const
const minTlsVersion = (what: string) =>
  z
    .enum(['', ...tlsVersions])
    .default('')
    .describe(`Oldest version of TLS that ${what} speaks; empty: tls.minVersion.`)

const listener = (defaultPort: number, what: string) =>
  z.strictObject({
    host: z.string().default('127.0.0.1').describe(`Address ${what} listens on; :: for all.`),
    port: port(defaultPort, `Port of ${what}; 0 takes any free one.`),
  })

/** One that can be left out; the others go with their role. */
const optionalListener = (defaultPort: number, what: string) =>
  z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe(`By the ${what} people send with their own mail client; false turns it off.`),
      host: z.string().default('127.0.0.1').describe(`Address the ${what} listens on; :: for all.`),
      port: port(defaultPort, `Port of the ${what}; 0 takes any free one.`),
      minTlsVersion: minTlsVersion(`the ${what}`),
    })
    .prefault({})

export const roleNames = ['mx', 'submission', 'deliver', 'access', 'web', 'work'] as const
export type RoleName = (typeof roleNames)[number]

export const configSchema = z.strictObject({
  hostname: z
    .string()
    .default('')
    .describe("This server's name in greetings and trace headers; empty takes the machine's."),
  roles: z
    .array(z.enum(roleNames))
    .default([...roleNames])
    .describe('What this process does.'),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('How much is logged.') })
    .prefault({}),
  listen: z
    .strictObject({
      mx: listener(2525, 'the MX listener')
        .extend({ minTlsVersion: minTlsVersion('the MX listener') })
        .prefault({}),
      submission: optionalListener(2587, 'submission listener with STARTTLS'),
      submissions: optionalListener(2465, 'submission listener with TLS from the start'),
      http: listener(8080, 'web pages, API and JMAP').prefault({}),
      https: listener(8443, 'the same over TLS')
        .extend({
          enabled: z
            .boolean()
            .default(false)
            .describe(
              'Web pages, API, JMAP and MTA-STS policies over TLS as well, with the certificates of tls; false where a proxy in front does that.',
            ),
          minTlsVersion: minTlsVersion('this listener'),
        })
        .prefault({}),
    })
    .prefault({}),
  publicUrl: z
    .string()
    .superRefine((text, context) => {
      const message = publicUrlFault(text)
      if (message !== null) context.addIssue({ code: 'custom', message })
    })
    .default('')
    .describe('Address people type to reach the web pages; empty takes the HTTP listener.'),
  operators: z
    .strictObject({
      secondFactor: z
        .enum(['optional', 'required'])
        .default('optional')
        .describe(
          'required: administrators of the installation set up a passkey or an authenticator app before anything else. What an organisation asks of its people stands in the file of holdfast apply.',
        ),
    })
    .prefault({}),
  trustedProxies: z
    .array(z.string().refine(isProxy, 'an address, a network (10.0.0.0/8), or the word loopback'))
    .default([])
    .describe(
      'Proxies in front of the web pages whose X-Forwarded-For is believed; without them all visitors count as one address, and one who guesses passwords slows down everybody.',
    ),
  database: z
    .strictObject({
      url: z
        .string()
        .default('')
        .describe('PostgreSQL 15 to 18 to use; empty runs an own one in the data folder. DATABASE_URL sets it too.'),
      poolSize: count(
        10,
        'Connections for everything but accepting mail, leases, modes and the directory, which have their own.',
      ),
      preparedWalBytes: bytes(
        1_073_741_824,
        'Write-ahead log of the own database that the first start makes ready (at most 1 GiB is kept), so that no commit waits for new segments; 0: none.',
      ),
    })
    .prefault({}),
  masterKeyFile: z
    .string()
    .default('')
    .describe('File with the master key (32 bytes, base64); empty keeps one in the data folder, mode 0600.'),
  tls: z
    .strictObject({
      certFile: z
        .string()
        .default('')
        .describe('Certificate chain, PEM; empty makes a self-signed one in the data folder.'),
      keyFile: z.string().default('').describe('Private key of the certificate, PEM.'),
      names: z
        .array(z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) }))
        .default([])
        .describe(
          'More certificates, each { certFile, keyFile } (in the environment certFile:keyFile): a client that asks for a name gets the first that is made out to it (subjectAltName), else the one of tls.certFile.',
        ),
      minVersion: z
        .enum(tlsVersions)
        .default('TLSv1.2')
        .describe('Oldest version of TLS that the listeners speak, but for one that says another (minTlsVersion).'),
    })
    .prefault({}),
  smtp: z
    .strictObject({
      messageBytes: bytes(157_286_400, 'Largest message taken (SIZE).'),
      headerBytes: bytes(262_144, 'Largest header section taken.'),
      recipients: count(1000, 'Recipients of one message.'),
      connections: count(500, 'Connections at once.'),
      connectionsPerAddress: count(50, 'Connections at once from one address.'),
      errors: count(20, 'Wrong commands before the connection is closed.'),
      commands: count(1000, 'Commands without a message before the connection is closed.'),
      greetingDelay: z
        .number()
        .min(0)
        .max(60)
        .default(0)
        .describe('Seconds to wait before the greeting, to catch early talkers.'),
      commandTimeout: seconds(300, 'Silence between commands (RFC 5321 section 4.5.3.2.7).'),
      dataTimeout: seconds(300, 'Silence inside the message.'),
      // The sweep takes what is half a day old and was never linked: a message must not be on its way that long.
      transactionTimeout: z.number().min(0.01).max(21_600).default(3600).describe('Longest time for one message.'),
      hops: count(25, 'Received headers that mean a loop (RFC 5321 section 6.3).'),
      proxies: z
        .array(z.string().refine(isProxy, 'an address, a network (10.0.0.0/8), or the word loopback'))
        .default([])
        .describe(
          'Proxies in front of the MX listener (HAProxy with send-proxy or send-proxy-v2): each connection from them must begin with a PROXY header, and the client it names is the one that counts. From others none is read.',
        ),
      rates: z
        .strictObject({
          messagesPerNetwork: hourly(200_000, "Messages from one client's network"),
          recipientsPerNetwork: hourly(500_000, "Recipients of messages from one client's network"),
          recipientsPerSender: hourly(
            50_000,
            'Recipients of messages with one sender in the envelope (the null sender has no limit)',
          ),
          messagesPerMailbox: hourly(3000, 'Messages for one mailbox'),
          unknownInRow: z
            .number()
            .int()
            .min(0)
            .default(100)
            .describe(
              'Unknown recipients that one address (IPv6: one network) may name in a row, over all its connections, before they are answered 421 instead of 550; ten minutes without one end the row, and a known one takes ten off. 0: no limit.',
            ),
          ipv4Bits: z.number().int().min(8).max(32).default(24).describe("Bits of a client's network, IPv4."),
          ipv6Bits: z.number().int().min(16).max(128).default(56).describe("Bits of a client's network, IPv6."),
          exempt: z
            .array(z.string().refine(isProxy, 'an address, a network (10.0.0.0/8), or the word loopback'))
            .default(['loopback'])
            .describe("Clients without these limits; an organisation's own systems (outboundSources) have none."),
        })
        .prefault({}),
      requireTls: z.boolean().default(false).describe('Refuse mail without STARTTLS.'),
    })
    .prefault({}),
  http: z
    .strictObject({
      connections: count(2000, 'Connections to the web pages at once; fewer where the process may open few files.'),
      connectionsPerAddress: count(
        200,
        'Connections at once from one address; proxies named in trustedProxies may have all of them.',
      ),
    })
    .prefault({}),
  storage: z
    .strictObject({
      inlineBytes: bytes(262_144, 'Bodies up to this size ride inside the accept commit.'),
      blobBytes: bytes(8_388_608, 'Bodies above this size go to the blob store.'),
      reserveBytes: bytes(536_870_912, 'Free disk below which mail is answered 452.'),
      packAfterHours: z
        .number()
        .int()
        .min(1)
        .max(8760)
        .default(24)
        .describe(
          'Hours after the end of a day (UTC) until the bytes of its mail move out of the database into packs in the blob store.',
        ),
      packBytesPerSecond: z
        .number()
        .int()
        .min(1_048_576)
        .default(8_388_608)
        .describe('Most bytes that move into packs in a second, so that accepting mail does not wait for the disk.'),
      perPersonBytes: bytes(
        10_737_418_240,
        'Most bytes that one person may add to their own mailbox: drafts, imported messages, uploaded files. What is deleted counts until its retention ends, for so long it is kept. Mail that others send is not counted. 0 sets no limit.',
      ),
    })
    .prefault({}),
  accept: z
    .strictObject({
      batchMessages: count(200, 'Most messages in one commit.'),
      batchBytes: bytes(4_194_304, 'Most bytes in one commit.'),
      answerWithin: seconds(2, 'Without an answer from the database the sender gets 451 after this time.'),
    })
    .prefault({}),
  callouts: z
    .strictObject({
      knownDays: z
        .number()
        .min(0.01)
        .max(365)
        .default(7)
        .describe(
          'Days that an address counts as known after its mail system said so when it was asked; then it is asked again, and while it cannot be, the address stays known.',
        ),
      unknownMinutes: z
        .number()
        .min(0)
        .max(10_080)
        .default(60)
        .describe('Minutes that an address is refused (550) after its mail system refused it; then it is asked again.'),
      perDomain: count(10_000, 'Most answers kept for one domain, of known addresses and of refused ones each.'),
      atOnce: count(3, 'Connections at once to one route, by each process.'),
      perMinute: count(
        120,
        'Questions to one route in a minute, by each process; strangers above it are put off (450).',
      ),
      perNetwork: hourly(300, "Questions on behalf of one client's network (as in smtp.rates)"),
      answerWithin: seconds(8, 'Without an answer within this time it is unknown whether there is such an address.'),
    })
    .prefault({}),
  submission: z
    .strictObject({
      maxHold: z
        .number()
        .int()
        .min(0)
        .max(31_536_000)
        .default(2_592_000)
        .describe(
          'How far ahead a person may have a message sent later, in seconds; it waits here until then. 0 offers no sending later, and so no undo either.',
        ),
      organisationRecipientsPerHour: z
        .number()
        .int()
        .min(0)
        .default(10_000)
        .describe(
          'How many recipients all people of one organisation together may write to in an hour; 0 sets no limit.',
        ),
    })
    .prefault({}),
  dns: z
    .strictObject({
      allowPrivate: z
        .boolean()
        .default(false)
        .describe(
          'Lets mail to the outside world go to addresses of private networks and of this machine; for closed networks.',
        ),
      servers: z
        .array(z.string())
        .default([])
        .describe(
          "Name servers to ask for the outside world's mail servers, as address or address:port; empty takes the system's.",
        ),
      trustAd: z
        .enum(['loopback', 'all', 'none'])
        .default('loopback')
        .describe(
          'Which name servers are believed when they say that DNSSEC proves an answer, which DANE needs. loopback: those on this machine, which should validate (unbound, for example); where there is one, only such are asked. all: the others too, where nobody can stand between them and this machine. none: no DANE.',
        ),
    })
    .prefault({}),
  continuity: z
    .strictObject({
      references: z
        .array(
          z.string().superRefine((text, context) => {
            const message = referenceFault(text)
            if (message !== null) context.addIssue({ code: 'custom', message })
          }),
        )
        .max(8)
        .default([])
        .describe(
          "Hosts that have nothing to do with any mail system of yours and nearly always answer, as host:port (a name server, port 53) or an https address. When none answers, it is this machine's own network that failed, and no mode changes. Needed where fewer than three unrelated mail systems are judged; two or three of different providers are best.",
        ),
    })
    .prefault({}),
  sms: z
    .strictObject({
      url: z
        .string()
        .refine((text) => text === '' || isGatewayUrl(text), 'an https address (http only to this machine)')
        .default('')
        .describe(
          'Where text messages are handed in, as your provider documents it; with it people can give a telephone number for codes and links to sign in. Empty: none are sent.',
        ),
      format: z
        .enum(['json', 'form'])
        .default('json')
        .describe('Of the body: JSON, or a form (application/x-www-form-urlencoded).'),
      body: z
        .string()
        .max(4000)
        .refine((text) => text.includes('{to}') && text.includes('{text}'), 'must hold {to} and {text}')
        .default('{"to":{to},"text":{text}}')
        .describe(
          '{to} and {text} are put in, encoded for the format; in JSON with their quotes. For a form: To={to}&Body={text}&From=…',
        ),
      prefixes: z
        .array(z.string().regex(/^\+[1-9]\d{0,6}$/, 'a prefix such as +41'))
        .default([])
        .describe(
          'Numbers are taken only where they begin with one of these, such as +41; empty: from everywhere, which costs where somebody gives dear numbers on purpose.',
        ),
      perHour: count(100, "Most codes by text message that one organisation's people are sent in an hour."),
      headersFile: z
        .string()
        .default('')
        .describe('File with further headers, one in a line ("Authorization: Bearer …"), that nobody else may read.'),
    })
    .prefault({})
    .describe('Text messages, by any provider that takes them over HTTPS.'),
  delivery: z
    .strictObject({
      lease: seconds(60, 'How long a lease runs; the holder renews it while an attempt runs.'),
      poll: seconds(1, 'How often the queue is asked without a hint.'),
      readyBytes: bytes(67_108_864, 'Bytes of accepted mail kept in memory for immediate delivery.'),
      worldPort: port(25, "Port of the outside world's mail servers; another only in networks for testing."),
      maxAge: seconds(
        432_000,
        'After this time a message that cannot be delivered is returned to its sender (unprotected recipients and the outside world).',
      ),
      tlsReports: z
        .boolean()
        .default(true)
        .describe(
          "Counts how TLS towards other domains went, and tells those who ask for it once a day (RFC 8460), in this server's name.",
        ),
      delayNotice: seconds(
        14_400,
        'A sender who asked for it (NOTIFY=DELAY) is told once when a delivery is open for this long.',
      ),
    })
    .prefault({}),
})
export type Config = z.infer<typeof configSchema>
