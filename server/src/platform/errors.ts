/**
 * Errors carry their answer. A WireError knows what to say on every door (SMTP reply, HTTP status, exit text) and whose
 * fault it is; anything else that is thrown is unexpected and becomes 451 / HTTP 500: never 250, never 5xx (promise 1).
 * The table of codes is the list in docs/reference/errors.md (tools/generate.mjs).
 */
export interface ErrorSpec {
  smtp: number
  enhanced: string
  http: number
  /** What happened, what it means, what to do: shown to the peer or the person. */
  text: string
  blame: 'peer' | 'us'
}

const spec = (smtp: number, enhanced: string, http: number, blame: 'peer' | 'us', text: string): ErrorSpec => ({
  smtp,
  enhanced,
  http,
  blame,
  text,
})

/** Every error a peer or person can be told, by code. Keep it sorted by topic. */
export const errorSpecs = {
  // what we could not do: try again
  'internal': spec(451, '4.3.0', 500, 'us', 'Something unexpected happened here; nothing was lost. Please try again'),
  'database-unavailable': spec(451, '4.3.0', 503, 'us', 'Our storage does not answer just now. Please try again'),
  'commit-unknown': spec(
    451,
    '4.3.0',
    503,
    'us',
    'We could not confirm that your message was stored. Please try again',
  ),
  'bytes-missing': spec(
    451,
    '4.3.0',
    500,
    'us',
    'The bytes of this message are not where they should be. An administrator has to look',
  ),
  'disk-full': spec(452, '4.3.1', 507, 'us', 'Our disk is at its reserve. Please try again later'),
  'memory-full': spec(452, '4.3.1', 503, 'us', 'Many large messages are on their way here just now. Please try again'),
  'shutting-down': spec(421, '4.3.2', 503, 'us', 'This server is restarting. Please try again'),
  'too-busy': spec(421, '4.3.2', 503, 'us', 'Too many connections just now. Please try again'),
  'too-many-connections': spec(421, '4.7.0', 429, 'peer', 'Too many connections from your address. Please try again'),
  'timeout': spec(421, '4.4.2', 408, 'peer', 'You were silent for too long; closing'),
  // SMTP: the conversation
  'syntax': spec(500, '5.5.2', 400, 'peer', 'Command not understood'),
  'syntax-arguments': spec(501, '5.5.4', 400, 'peer', 'The arguments of this command are not right'),
  'not-implemented': spec(502, '5.5.1', 501, 'peer', 'This command is not offered here'),
  'bad-sequence': spec(503, '5.5.1', 409, 'peer', 'This command does not fit here'),
  'unknown-parameter': spec(555, '5.5.4', 400, 'peer', 'This parameter is not known here'),
  'line-too-long': spec(500, '5.5.2', 400, 'peer', 'The line is too long'),
  'bare-line-ending': spec(
    550,
    '5.6.11',
    400,
    'peer',
    'Lines must end with CR LF; a bare CR or LF was found (RFC 5321 section 2.3.8)',
  ),
  'nul-byte': spec(550, '5.6.11', 400, 'peer', 'The message contains a NUL byte (RFC 5322 section 2.2)'),
  'header-too-large': spec(552, '5.3.4', 400, 'peer', "The message's header is larger than we take"),
  'too-many-errors': spec(421, '4.7.0', 429, 'peer', 'Too many errors; closing'),
  'too-many-commands': spec(421, '4.7.0', 429, 'peer', 'Too many commands without a message; closing'),
  'too-many-recipients': spec(
    452,
    '4.5.3',
    429,
    'peer',
    'Too many recipients in one message; send the rest in another',
  ),
  'early-talker': spec(554, '5.5.1', 400, 'peer', 'You spoke before our greeting (RFC 5321 section 3.1)'),
  'tls-required': spec(530, '5.7.0', 403, 'peer', 'STARTTLS must come first'),
  'encryption-needed': spec(538, '5.7.11', 403, 'peer', 'A password is taken over TLS only; STARTTLS must come first'),
  'unknown-mechanism': spec(504, '5.5.4', 400, 'peer', 'This way to sign in is not offered here'),
  'auth-exchange': spec(501, '5.5.2', 400, 'peer', 'Signing in was broken off'),
  'address-syntax-sender': spec(
    501,
    '5.1.7',
    400,
    'peer',
    "The sender's address is not a valid address (RFC 5321 section 4.1.2)",
  ),
  'address-syntax-recipient': spec(
    501,
    '5.1.3',
    400,
    'peer',
    "The recipient's address is not a valid address (RFC 5321 section 4.1.2)",
  ),
  'smtputf8-needed': spec(
    553,
    '5.6.7',
    400,
    'peer',
    'An address with non-ASCII characters needs SMTPUTF8 (RFC 6531 section 3.4)',
  ),
  'smtputf8-not-taken': spec(
    550,
    '5.6.7',
    400,
    'peer',
    "The recipient's mail system does not take addresses with non-ASCII characters (no SMTPUTF8)",
  ),
  'hold-too-long': spec(554, '5.5.4', 400, 'peer', 'A message is not held for so long here (RFC 4865 section 4)'),
  'requiretls-not-offered': spec(
    550,
    '5.7.30',
    400,
    'peer',
    "The recipient's mail system does not promise TLS all the way (REQUIRETLS, RFC 8689)",
  ),
  'recipient-system-unknown': spec(
    450,
    '4.3.2',
    503,
    'peer',
    "The recipient's mail system was not reached yet, and not every one takes this. Please try again in a minute",
  ),
  'message-too-large': spec(552, '5.3.4', 413, 'peer', 'The message is larger than we take'),
  // recipients
  'over-quota': spec(552, '5.2.2', 413, 'peer', 'There is no room left for what you add to your mailbox here'),
  'relay-denied': spec(550, '5.7.1', 403, 'peer', 'We are not responsible for this domain and do not relay'),
  'unknown-recipient': spec(550, '5.1.1', 404, 'peer', 'There is nobody with this address here'),
  'not-a-notice': spec(550, '5.7.1', 403, 'peer', 'This address takes no mail but notices about what was sent from it'),
  'list-closed': spec(550, '5.7.1', 403, 'peer', 'You may not post to this list'),
  'recipient-unverified': spec(
    450,
    '4.1.1',
    503,
    'us',
    'We cannot check this address just now. Please try again later',
  ),
  'network-rate': spec(
    450,
    '4.7.1',
    429,
    'peer',
    'More mail than we take in an hour comes from your network. Please try again later',
  ),
  'sender-rate': spec(
    450,
    '4.7.1',
    429,
    'peer',
    'This sender writes to more people than we take in an hour. Please try again later',
  ),
  'mailbox-rate': spec(
    450,
    '4.2.1',
    429,
    'peer',
    'This mailbox receives mail at a rate that leaves no room for more just now. Please try again later',
  ),
  'unknown-in-row': spec(
    421,
    '4.7.1',
    429,
    'peer',
    'Too many unknown recipients one after the other from your address; closing',
  ),
  'refused-by-primary': spec(554, '5.0.0', 409, 'peer', "The recipient's mail system refused this message"),
  'loop': spec(554, '5.4.6', 409, 'peer', 'This message has been here before: mail loop'),
  'too-many-hops': spec(554, '5.4.6', 409, 'peer', 'The message has passed too many servers: mail loop'),
  'no-recipients': spec(554, '5.5.1', 400, 'peer', 'No valid recipients'),
  // web and API
  'bad-request': spec(501, '5.5.4', 400, 'peer', 'The request is not right'),
  'signed-out': spec(530, '5.7.0', 401, 'peer', 'Please sign in'),
  'sign-in-failed': spec(535, '5.7.8', 401, 'peer', 'The name or the password is not right'),
  'sign-in-slow-down': spec(454, '4.7.0', 429, 'peer', 'Too many tries; please wait a moment'),
  'provider-away': spec(
    454,
    '4.7.0',
    503,
    'peer',
    'The identity provider of your organisation does not answer just now',
  ),
  'provider-refused': spec(
    535,
    '5.7.8',
    401,
    'peer',
    'The identity provider of your organisation did not confirm who you are',
  ),
  'provider-stranger': spec(535, '5.7.8', 401, 'peer', 'The account you used is nobody here who may sign in'),
  'provider-ended': spec(
    535,
    '5.7.8',
    401,
    'peer',
    'This sign-in was begun in another browser, was used, or has ended. Please begin again',
  ),
  'password-change-needed': spec(535, '5.7.8', 403, 'peer', 'Please choose a new password first'),
  'second-factor-needed': spec(535, '5.7.8', 401, 'peer', 'Please give your second factor too'),
  'second-factor-missing': spec(
    535,
    '5.7.9',
    403,
    'peer',
    'Your organisation asks for a second factor: please add a passkey or an authenticator app first',
  ),
  'passkey-refused': spec(535, '5.7.8', 401, 'peer', 'This passkey did not sign you in'),
  'passkey-ended': spec(535, '5.7.8', 401, 'peer', 'That took too long, or was begun elsewhere. Please begin again'),
  'too-many-passkeys': spec(
    550,
    '5.7.8',
    409,
    'peer',
    'You have as many passkeys as one person can have. Remove one first',
  ),
  'app-password-needed': spec(
    535,
    '5.7.9',
    403,
    'peer',
    'Two-step sign-in is on or asked for: please use an app password here, made on the web pages',
  ),
  'too-many-app-passwords': spec(
    550,
    '5.7.8',
    409,
    'peer',
    'You have as many app passwords as one person can have. Revoke one first',
  ),
  'private-address-inside': spec(
    550,
    '5.7.8',
    409,
    'peer',
    "This address is your organisation's own: it would be down together with your mailbox. Give one that is elsewhere",
  ),
  'private-address-unreachable': spec(
    450,
    '4.4.0',
    409,
    'us',
    'No mail can be sent to private addresses from here at the moment. Ask your administrator',
  ),
  'phone-unreachable': spec(
    450,
    '4.4.0',
    409,
    'us',
    'No text message can be sent from here at the moment. Give a private address, or ask your administrator',
  ),
  'no-way-out': spec(
    450,
    '4.4.0',
    409,
    'us',
    'The organisation has no outboundRoute: nothing can be sent to private addresses. Declare one first',
  ),
  'no-public-url': spec(
    450,
    '4.3.5',
    409,
    'us',
    'publicUrl is not set in holdfast.yaml: people could not be told where to sign in',
  ),
  'code-wrong': spec(
    550,
    '5.7.8',
    409,
    'peer',
    'This code is not right, or not any more. Look again, or have a new one sent',
  ),
  'too-many-codes': spec(450, '4.7.0', 429, 'peer', 'Three codes an hour are sent. Please wait'),
  'forbidden': spec(550, '5.7.1', 403, 'peer', 'You may not do this'),
  'decides-own-request': spec(
    550,
    '5.7.1',
    403,
    'peer',
    'You have asked for this yourself: somebody else has to decide',
  ),
  'decides-own-mailbox': spec(550, '5.7.1', 403, 'peer', 'This is about your own mailbox: somebody else has to decide'),
  'not-independent': spec(
    550,
    '5.7.1',
    403,
    'peer',
    'For a week after an account was made, made an administrator or let back in by somebody else it approves nothing, nor does who let the other one back in. Another administrator or an operator has to decide',
  ),
  'csrf': spec(550, '5.7.1', 403, 'peer', 'The page is out of date. Reload it and try again'),
  'not-found': spec(550, '5.1.1', 404, 'peer', 'This does not exist, or not any more'),
  'conflict': spec(450, '4.5.0', 409, 'peer', 'Somebody changed this meanwhile. Look again and repeat'),
  'rate-limited': spec(450, '4.7.0', 429, 'peer', 'Too many requests; please slow down'),
  'config': spec(451, '4.3.5', 500, 'us', 'The configuration is not right'),
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof errorSpecs

export class WireError extends Error {
  readonly code: ErrorCode
  readonly spec: ErrorSpec
  /** What exactly, where, and what to do; safe to show to the peer. */
  readonly detail: string | undefined

  /** `reply`: the numbers of another server's answer that is passed on, instead of the code's own. */
  constructor(
    code: ErrorCode,
    detail?: string,
    options?: { cause?: unknown; reply?: Pick<ErrorSpec, 'smtp' | 'enhanced'> },
  ) {
    super(detail ? `${errorSpecs[code].text}: ${detail}` : errorSpecs[code].text, options)
    this.name = 'WireError'
    this.code = code
    this.spec = options?.reply ? { ...errorSpecs[code], ...options.reply } : errorSpecs[code]
    this.detail = detail
  }

  /** The SMTP reply's text without the numbers (RFC 3463 codes are added by the reply writer). */
  get publicText(): string {
    return this.message
  }
}

/** What a thrown thing means to the other side: itself if it is a WireError, else `internal` (temporary). */
export function toWireError(thrown: unknown): WireError {
  return thrown instanceof WireError ? thrown : new WireError('internal', undefined, { cause: thrown })
}
