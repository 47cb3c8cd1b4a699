/**
 * What the two sides offer each other at EHLO (RFC 5321 section 4.1.1.1): the lines of the reply ⇄ a value. Unknown
 * keywords are kept; a malformed line is skipped, because a peer with one odd extension is still a peer.
 */
export interface Capabilities {
  /** SIZE: largest message; 0 = offered without a limit, null = not offered (RFC 1870 section 4) */
  size: number | null
  pipelining: boolean
  eightBitMime: boolean
  smtputf8: boolean
  dsn: boolean
  startTls: boolean
  enhancedStatusCodes: boolean
  chunking: boolean
  /** SASL mechanisms, upper case */
  auth: string[]
  /** keyword in upper case → its parameters as written */
  all: Map<string, string>
}

const KEYWORD = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =\t]+(.*))?$/s
const MAX_KEYWORDS = 100

/** `lines`: the reply's, the first being the greeting. */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const all = new Map<string, string>()
  for (const line of lines.slice(1, MAX_KEYWORDS + 1)) {
    const match = KEYWORD.exec(line.trim())
    if (match && !all.has(match[1]!.toUpperCase())) all.set(match[1]!.toUpperCase(), (match[2] ?? '').trim())
  }
  const size = all.get('SIZE')
  return {
    size: size === undefined ? null : /^[0-9]{1,15}$/.test(size) ? Number(size) : 0,
    pipelining: all.has('PIPELINING'),
    eightBitMime: all.has('8BITMIME'),
    smtputf8: all.has('SMTPUTF8'),
    dsn: all.has('DSN'),
    startTls: all.has('STARTTLS'),
    enhancedStatusCodes: all.has('ENHANCEDSTATUSCODES'),
    chunking: all.has('CHUNKING'),
    auth: (all.get('AUTH') ?? '').toUpperCase().split(/\s+/).filter(Boolean),
    all,
  }
}

/** What a server offers beside what all of ours do. */
export interface Offer {
  size: number
  startTls: boolean
  recipients: number
  /** the session is in TLS, under which alone REQUIRETLS may be offered (RFC 8689 section 2) */
  isSecure?: boolean
  /** SASL mechanisms, where there are some */
  auth?: readonly string[]
  /** the longest time a message is held, in seconds, and the latest date and time (RFC 4865 section 4) */
  futureRelease?: { seconds: number; until: string } | null
}

/**
 * The keyword lines a server offers, for the reply to EHLO. LIMITS says what is enforced (RFC 9422 section 4): there is no
 * MAILMAX, for the messages of one connection are not counted.
 */
export function formatCapabilities(offer: Offer): string[] {
  return [
    'PIPELINING',
    `SIZE ${offer.size}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'CHUNKING',
    ...(offer.isSecure ? ['REQUIRETLS'] : []),
    `LIMITS RCPTMAX=${offer.recipients}`,
    ...(offer.auth && offer.auth.length > 0 ? [`AUTH ${offer.auth.join(' ')}`] : []),
    ...(offer.futureRelease ? [`FUTURERELEASE ${offer.futureRelease.seconds} ${offer.futureRelease.until}`] : []),
    ...(offer.startTls ? ['STARTTLS'] : []),
  ]
}
