/**
 * One SMTP session: its state, its replies, its end. What the client says is read in conversation.ts, carried out by
 * commands/<verb>.ts through the table in command-table.ts; the message itself is data-phase.ts.
 *
 * Promises: replies leave in the order of the commands, in one write where the client pipelines (RFC 2920 section 3.2).
 * An unexpected error is 451. After 421 the session takes nothing more.
 */
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Refused } from '../../core/trace/index.ts'
import type { Proof } from '../../core/directory/index.ts'
import type { MxDoor, MxEnvelope, MxRecipient, MxSink, Systems } from '../../core/intake/index.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { toWireError, WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import { formatError, formatReply } from '../../protocols/smtp/reply.ts'
import type { Command } from './command.ts'
import { noteRefusal } from './refusal-note.ts'
import type { Chunking, Incoming } from './incoming.ts'
import type { SmtpCounters } from './counters.ts'
import { SIGN_IN_MS, type Sending, type SendingContext } from './sending.ts'
import type { ChooseByName } from '../../platform/net/server-name.ts'

export const SessionState = {
  /** connected, not greeted yet: whoever speaks now is an early talker */
  silent: 'silent',
  /** our greeting is out, or TLS has begun: EHLO must come */
  fresh: 'fresh',
  /** after EHLO or HELO, no transaction */
  greeted: 'greeted',
  /** after MAIL */
  mail: 'mail',
  /** at least one recipient */
  rcpt: 'rcpt',
  /** after 354, until the reply to the final dot */
  data: 'data',
  /** after BDAT, until all octets of its chunk are there */
  chunk: 'chunk',
  /** between two chunks of a message */
  chunks: 'chunks',
  /** TLS handshake */
  handshake: 'handshake',
  /** the last reply is out */
  closing: 'closing',
} as const
export type SessionState = (typeof SessionState)[keyof typeof SessionState]

/** What all sessions of a listener share. */
export interface SessionContext {
  config: Config['smtp']
  hostname: string
  clock: Clock
  log: Log
  /** of the MX listener's commands */
  door: MxDoor | null
  /** how an organisation's own systems say who they are; null: not at this listener */
  systems: Systems | null
  /** of the submission listeners' commands */
  sending: SendingContext | null
  /** opens the way for the message of the transaction under way; may throw WireError */
  begin(session: Session): MxSink
  /** what is offered; anything else is 500 */
  commands: ReadonlyMap<string, Command>
  /** TLS comes before the greeting (RFC 8314 section 3.3) */
  implicitTls: boolean
  counters: SmtpCounters
  /** what is refused is noted for the trace */
  refused: (refused: Refused) => void
  /** null: TLS is not offered */
  secureContext: () => SecureContext | null
  /** null: there is one certificate, whatever name a client asks for */
  byName: ChooseByName | null
}

export interface Session {
  readonly context: SessionContext
  readonly clientIp: string
  socket: Socket
  state: SessionState
  /** something that may take long is under way: what the client sends meanwhile waits */
  busy: boolean
  /** the client has sent FIN */
  inputEnded: boolean
  /** received, not used */
  input: Buffer | null
  /** an endless line is being thrown away; octets of it so far */
  overlong: number
  /** replies not yet written */
  out: string
  /** monotonic milliseconds; the client must have done something by then */
  deadline: number
  /** monotonic milliseconds by which the transaction must be over */
  transactionDeadline: number
  helo: string
  esmtp: boolean
  tls: string | null
  /** that it is one of an organisation's own systems */
  proof: Proof | null
  /** the name that was given last, whether it was believed or not */
  signInName: string | null
  /** tries to sign in that failed */
  signInFailures: number
  envelope: MxEnvelope | null
  recipients: MxRecipient[]
  /** folded addresses of `recipients` */
  recipientKeys: Set<string>
  recipientCommands: number
  incoming: Incoming | null
  /** the submission listeners' part of it */
  sending: Sending | null
  /** takes the next line, which is no command: the answer to a challenge (RFC 4954 section 4) */
  answer: ((line: Buffer) => void | Promise<void>) | null
  /** from the first BDAT on */
  chunking: Chunking | null
  errors: number
  commandsSinceMessage: number
  /** finish the transaction under way, then say 421 */
  stopping: boolean
  /** goes on with what is in `input`; set by conversation.ts */
  proceed: () => void
  /** begins TLS on the socket; set by conversation.ts */
  upgrade: (secureContext: SecureContext) => void
}

const LINGER_MS = 5000
const LINGER_STOPPING_MS = 500

const waitsForSignIn = (sending: Sending | null): number => (sending && !sending.person ? sending.signInBy : Infinity)

export function createSession(context: SessionContext, socket: Socket, clientIp: string): Session {
  const signInBy = context.clock.monotonic() + SIGN_IN_MS
  const sending = context.sending && { person: null, signInBy, recipients: [], hold: null }
  return {
    context,
    clientIp,
    socket,
    state: SessionState.silent,
    busy: false,
    inputEnded: false,
    input: null,
    overlong: 0,
    out: '',
    deadline: Infinity,
    transactionDeadline: waitsForSignIn(sending),
    helo: '',
    esmtp: false,
    tls: null,
    proof: null,
    signInName: null,
    signInFailures: 0,
    envelope: null,
    recipients: [],
    recipientKeys: new Set(),
    recipientCommands: 0,
    incoming: null,
    sending,
    answer: null,
    chunking: null,
    errors: 0,
    commandsSinceMessage: 0,
    stopping: false,
    proceed: () => undefined,
    upgrade: () => undefined,
  }
}

export function reply(session: Session, code: number, enhanced: string | null, text: string | readonly string[]): void {
  session.out += formatReply(code, enhanced, text)
}

/** Writes what has gathered. The client's time runs from here. */
export function flush(session: Session): void {
  if (session.out === '' || session.socket.destroyed) return
  const text = session.out
  session.out = ''
  session.socket.write(text, 'latin1')
}

export function expectCommand(session: Session): void {
  session.deadline = session.context.clock.monotonic() + session.context.config.commandTimeout * 1000
}

/**
 * Answers with an error; closes when it is a 421 or one error too many. `during`: for the log (spoken.ts) and the trace;
 * `incoming`: the message it is about.
 */
export function fail(
  session: Session,
  thrown: unknown,
  during: string,
  incoming: Incoming | null = session.incoming,
): void {
  if (session.state === SessionState.closing) return
  const error = toWireError(thrown)
  logRefusal(session, error, thrown, during)
  session.context.counters.refused(error.code)
  noteRefusal(session, error, during, incoming)
  if (error.spec.smtp === 421) return end(session, error)
  session.out += formatError(error)
  if (error.spec.smtp >= 500 && error.spec.blame === 'peer' && !ABOUT_RECIPIENT.has(error.code)) countError(session)
}

/**
 * Answers about one recipient are no mistakes of the client's: a list server writes to three hundred people of whom forty have
 * left, and the others are to get it. Who guesses addresses is counted by core/intake/rates.ts.
 */
const ABOUT_RECIPIENT = new Set([
  'unknown-recipient',
  'list-closed',
  'message-too-large',
  'smtputf8-not-taken',
  'requiretls-not-offered',
])

function logRefusal(session: Session, error: WireError, thrown: unknown, during: string): void {
  const { log } = session.context
  const fields = {
    code: error.code,
    detail: error.detail,
    clientIp: session.clientIp,
    helo: session.helo,
    from: session.envelope?.from,
    during,
  }
  if (error !== thrown) log.error({ ...fields, err: thrown }, 'unexpected error in an SMTP session')
  // A sender that pipelines thousands of recipients too many is one event, not thousands.
  else if (error.code === 'too-many-recipients') log.debug(fields, 'refused')
  else log.info(fields, 'refused')
}

/** A mistake of ours breaks one session, not the process. */
export function broken(session: Session, error: unknown): void {
  session.context.log.error({ err: error, clientIp: session.clientIp }, 'an SMTP session broke')
  session.socket.destroy()
}

function countError(session: Session): void {
  session.errors++
  if (session.errors > session.context.config.errors) close(session, new WireError('too-many-errors'))
}

/** Forgets the transaction (RFC 5321 section 4.1.1.5); what was said at EHLO stays. */
export function resetTransaction(session: Session): void {
  session.envelope = null
  session.recipients = []
  session.recipientKeys.clear()
  session.recipientCommands = 0
  session.transactionDeadline = waitsForSignIn(session.sending)
  session.incoming?.abort()
  session.incoming = null
  if (session.sending) session.sending.recipients = []
  if (session.chunking) session.chunking.failed = null
  if (session.state !== SessionState.closing && session.state !== SessionState.fresh)
    session.state = SessionState.greeted
}

/** Writes the last reply and ends. What the client still sends is thrown away, so that it can read that reply. */
export function close(session: Session, last: WireError | null): void {
  if (session.state === SessionState.closing) return
  // Whoever is cut off in the middle of a message is refused with it.
  if (last) noteRefusal(session, last, session.incoming ? 'the message' : 'connect', session.incoming)
  end(session, last)
}

function end(session: Session, last: WireError | null): void {
  session.incoming?.abort()
  session.incoming = null
  session.state = SessionState.closing
  session.input = null
  if (last) session.out += formatError(last)
  flush(session)
  session.socket.end()
  session.socket.resume()
  session.deadline = session.context.clock.monotonic() + (session.stopping ? LINGER_STOPPING_MS : LINGER_MS)
}
