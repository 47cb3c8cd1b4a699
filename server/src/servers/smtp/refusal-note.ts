/**
 * What of a refusal goes into the trace (core/trace/refusals.ts): at which step, about whom, and of which message, as far as
 * it was read. Left out is what says nothing about mail: a command that nobody knows or that came too early, and a
 * connection that was only idle.
 */
import type { WireError } from '../../platform/errors.ts'
import { createHeaderScanner } from '../../protocols/smtp/header-scanner.ts'
import { formatError } from '../../protocols/smtp/reply.ts'
import type { Incoming } from './incoming.ts'
import type { Session } from './session.ts'

/** Notes of one refused message: a few of a thousand recipients tell as much. */
const MOST_NOTED = 10
/** Of the beginning of a message so much is kept until its reply, for its Message-ID. */
const BEGINNING_OCTETS = 32_768

/** What is refused here is refused for all recipients. */
const OF_ALL = new Set(['the message', 'DATA', 'BDAT'])
/** Where no transaction is under way. */
const SAYS_NOTHING = new Set(['syntax', 'syntax-arguments', 'bad-sequence', 'not-implemented', 'timeout'])

/** One note for each recipient it was about: the one that RCPT named, or all of the message; else one about nobody. */
export function noteRefusal(session: Session, error: WireError, during: string, incoming: Incoming | null): void {
  const { clientIp, helo, tls, envelope, proof, context } = session
  const step = stepOf(session, during)
  if (error.code === 'shutting-down' || (envelope === null && step !== 'MAIL' && SAYS_NOTHING.has(error.code))) return
  const about = envelope ? recipientsOf(session, during) : []
  const note = {
    clientIp,
    helo,
    tls,
    during: step,
    from: envelope?.from ?? senderIn(during),
    signIn: session.signInName,
    messageIdHeader: step === 'message' && incoming ? messageIdIn(incoming.beginning) : null,
    organisationId: session.sending?.person?.organisationId ?? null,
    proof,
    reply: formatError(error).split('\r\n')[0]!,
  }
  for (const recipient of about.length > 0 ? about.slice(0, MOST_NOTED) : [null])
    context.refused({ ...note, recipient })
}

/** `connect`, a command of ours, or `message`. */
function stepOf(session: Session, during: string): string {
  if (during === 'the message') return 'message'
  if (during === 'an answer to AUTH') return 'AUTH'
  const verb = /^[A-Z]+/i.exec(during)?.[0].toUpperCase() ?? ''
  return session.context.commands.has(verb) ? verb : 'connect'
}

function recipientsOf(session: Session, during: string): string[] {
  // The brackets may be missing, and a long line is cut off before the second one.
  const named = /^RCPT\s+TO\s*:\s*(?:<([^>]*)|([^\s<>]+))/i.exec(during)
  if (named) return [(named[1] ?? named[2])!]
  if (!OF_ALL.has(during)) return []
  const all = session.sending?.recipients ?? session.recipients.map((one) => one.recipient)
  return all.map(({ address }) => address)
}

/** What MAIL named that was refused. */
const senderIn = (during: string): string | null => /^MAIL\s+FROM\s*:\s*<([^>]*)/i.exec(during)?.[1] ?? null

/** Keeps what may be needed of the next octets of a message. */
export function keepBeginning(incoming: Incoming, piece: Buffer): void {
  if (incoming.kept >= BEGINNING_OCTETS) return
  incoming.beginning.push(piece)
  incoming.kept += piece.length
}

/** As it came, with whatever line ends. */
function messageIdIn(beginning: readonly Buffer[]): string | null {
  const text = Buffer.concat(beginning)
    .subarray(0, 2 * BEGINNING_OCTETS)
    .toString('latin1')
  const scanner = createHeaderScanner()
  scanner.write(Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1'))
  return scanner.finish().messageId
}
