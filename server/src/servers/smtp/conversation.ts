/**
 * Reads what the client says and does it, one after the other: lines to commands, the message to data-phase.ts or
 * chunk-phase.ts.
 *
 * Promises: while a command is under way nothing behind it is looked at (its bytes wait, and beyond a little the socket
 * is paused); replies are written together when no whole line is waiting any more (RFC 2920 section 3.2). Lines end in
 * CR LF, are at most COMMAND_LINE_OCTETS long (those of AUTH may be longer, RFC 4954 section 4), and a line that never ends is thrown away while it comes. A client that
 * does not read its replies is not read from either.
 */
import { TLSSocket } from 'node:tls'
import { WireError } from '../../platform/errors.ts'
import { SASL_LINE_OCTETS } from '../../protocols/sasl/index.ts'
import { COMMAND_LINE_OCTETS, parseCommandLine } from '../../protocols/smtp/command.ts'
import { takeChunk } from './chunk-phase.ts'
import { takeData } from './data-phase.ts'
import { broken, close, expectCommand, fail, flush, reply, SessionState, type Session } from './session.ts'
import { spoken } from './spoken.ts'

/** More than this waiting for a busy session: stop reading. */
const WAITING_OCTETS = 65_536
const HANDSHAKE_MS = 60_000
/** Browsers and proxies that were tricked into speaking to us. */
const FOREIGN = new Set(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'DELETE', 'TRACE'])

/** Connects a new session to its socket and greets, at once or after the greeting delay. */
export function converse(session: Session, ended: () => void): void {
  const { config, clock, byName } = session.context
  session.proceed = () => pump(session)
  session.upgrade = (secureContext) => {
    const plain = session.socket
    plain.removeAllListeners('data')
    plain.removeAllListeners('end')
    plain.removeAllListeners('close')
    plain.removeAllListeners('drain')
    // Whose certificate it is decides, not who signed it: TLS has proved that the client has its key.
    const asks = session.context.systems?.asksForCertificates() ?? false
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext,
      ...(byName && { SNICallback: byName }),
      ...(asks && { requestCert: true, rejectUnauthorized: false }),
    })
    session.socket = secure
    session.deadline = clock.monotonic() + Math.min(config.commandTimeout * 1000, HANDSHAKE_MS)
    secure.once('secure', () => {
      if (session.state !== SessionState.handshake) return
      session.tls = `${secure.getProtocol() ?? 'TLS'} ${secure.getCipher().name}`
      try {
        const shown = asks ? secure.getPeerX509Certificate() : undefined
        if (shown) session.proof = session.context.systems!.byCertificate(shown)
      } catch (error) {
        return broken(session, error)
      }
      if (session.context.implicitTls) return welcome(session)
      session.state = SessionState.fresh
      expectCommand(session)
      pump(session)
    })
    attach(session, ended)
  }
  if (!session.context.implicitTls) {
    attach(session, ended)
    return welcome(session)
  }
  const secureContext = session.context.secureContext()
  // Nothing can be said here that the client would understand; that the certificate is bad is in the log.
  if (!secureContext) {
    session.socket.destroy()
    return ended()
  }
  session.state = SessionState.handshake
  // Broken connections are everyday life here too; 'close' follows on the encrypted one.
  session.socket.on('error', () => session.socket.destroy())
  session.upgrade(secureContext)
}

/** The greeting, at once or after the greeting delay. */
function welcome(session: Session): void {
  const { config, clock } = session.context
  session.state = SessionState.silent
  if (config.greetingDelay === 0) return greet(session)
  session.deadline = Infinity
  clock.after(config.greetingDelay * 1000, () => greet(session), { hold: false })
}

function greet(session: Session): void {
  if (session.state !== SessionState.silent || session.socket.destroyed) return
  session.state = SessionState.fresh
  reply(session, 220, null, `${session.context.hostname} ESMTP Holdfast`)
  flush(session)
  expectCommand(session)
}

function attach(session: Session, ended: () => void): void {
  const { socket } = session
  socket.on('data', (chunk: Buffer) => onData(session, chunk))
  socket.on('end', () => onEnd(session))
  socket.on('drain', () => {
    if (!session.busy) pump(session)
  })
  // Broken connections are everyday life; 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    session.incoming?.abort()
    session.incoming = null
    session.state = SessionState.closing
    session.input = null
    ended()
  })
}

function onData(session: Session, chunk: Buffer): void {
  if (session.state === SessionState.closing) return
  if (session.state === SessionState.silent) return close(session, new WireError('early-talker'))
  session.input = session.input === null ? chunk : Buffer.concat([session.input, chunk])
  if (!session.busy) pump(session)
  else if (session.input.length > WAITING_OCTETS) session.socket.pause()
}

function onEnd(session: Session): void {
  session.inputEnded = true
  if (!session.busy) pump(session)
}

function pump(session: Session): void {
  try {
    carryOn(session)
  } catch (error) {
    broken(session, error)
  }
}

function carryOn(session: Session): void {
  const { socket } = session
  while (session.input !== null && !session.busy && session.state !== SessionState.closing) {
    if (session.state === SessionState.handshake) break
    if (session.state === SessionState.data) {
      takeData(session)
      continue
    }
    if (session.state === SessionState.chunk) {
      takeChunk(session)
      continue
    }
    if (socket.writableNeedDrain) {
      socket.pause()
      return
    }
    const line = takeLine(session)
    if (line === null) break
    handleLine(session, line)
  }
  if (session.busy || session.state === SessionState.closing) return
  flush(session)
  if (session.stopping && !inTransaction(session)) return close(session, new WireError('shutting-down'))
  if (session.inputEnded) return close(session, null)
  if (socket.isPaused()) socket.resume()
}

/** Between MAIL and the reply to the message. */
export function inTransaction(session: Session): boolean {
  return session.busy || session.envelope !== null
}

/** The next line without its CRLF; null when it is not all there. */
function takeLine(session: Session): Buffer | null {
  const input = session.input!
  const lf = input.indexOf(10)
  const most = longestLine(session, input)
  if (lf < 0) {
    if (input.length + session.overlong > most) {
      session.overlong += input.length
      session.input = null
      if (session.overlong > WAITING_OCTETS) close(session, new WireError('too-many-errors', 'a line without an end'))
    }
    return null
  }
  session.input = lf + 1 < input.length ? input.subarray(lf + 1) : null
  const tooLong = session.overlong > 0 || lf > most
  session.overlong = 0
  if (tooLong) {
    session.answer = null
    fail(session, new WireError('line-too-long', `at most ${most} octets`), 'a long line')
    expectCommand(session)
    return session.input === null || session.state === SessionState.closing ? null : takeLine(session)
  }
  // RFC 5321 section 2.3.8; a bare LF keeps its last octet and fails below.
  return lf > 0 && input[lf - 1] === 13 ? input.subarray(0, lf - 1) : input.subarray(0, lf + 1)
}

/** AUTH with an initial response and the answers to challenges carry what SASL needs; all else keeps its limit. */
function longestLine(session: Session, input: Buffer): number {
  // An a or A first, so that no other command is looked at closer.
  const isAuth =
    session.answer !== null || ((input[0]! | 32) === 97 && /^auth[ \t]/i.test(input.toString('latin1', 0, 5)))
  return isAuth ? SASL_LINE_OCTETS : COMMAND_LINE_OCTETS
}

function handleLine(session: Session, line: Buffer): void {
  expectCommand(session)
  const { answer } = session
  session.answer = null
  const during = (): string => (answer ? 'an answer to AUTH' : spoken(line, session.context.commands))
  try {
    if (line[line.length - 1] === 10) throw new WireError('syntax', 'lines must end with CR LF')
    if (answer) {
      const running = answer(line)
      if (running) wait(session, running, during)
      return
    }
    const { verb, rest } = parseCommandLine(line)
    const command = session.context.commands.get(verb)
    if (!command) {
      if (FOREIGN.has(verb)) return close(session, new WireError('too-many-errors', 'this is a mail server'))
      throw new WireError('syntax')
    }
    if (!command.states.includes(session.state)) throw new WireError('bad-sequence', sequenceHint(session.state, verb))
    if (verb !== 'RCPT' && verb !== 'BDAT' && ++session.commandsSinceMessage > session.context.config.commands) {
      return close(session, new WireError('too-many-commands'))
    }
    const running = command.run(session, rest)
    if (running) wait(session, running, during)
  } catch (error) {
    fail(session, error, during())
  }
}

function wait(session: Session, running: Promise<void>, during: () => string): void {
  session.busy = true
  session.deadline = Infinity
  void running
    .catch((error: unknown) => fail(session, error, during()))
    .then(() => {
      session.busy = false
      if (session.state === SessionState.closing) return
      expectCommand(session)
      pump(session)
    })
    .catch((error: unknown) => broken(session, error))
}

function sequenceHint(state: SessionState, verb: string): string | undefined {
  if (state === SessionState.fresh) return 'EHLO or HELO must come first'
  if (state === SessionState.chunks) return 'BDAT has begun; more of it, or RSET, must come'
  if (verb === 'MAIL') return 'a message has already begun'
  if (state === SessionState.greeted && (verb === 'RCPT' || verb === 'DATA')) return 'MAIL must come first'
  return undefined
}
