/**
 * The message in chunks (RFC 3030 section 2): after BDAT come as many octets as it said, which go through the same reader,
 * sink and rules as those of DATA (data-phase.ts); each chunk has a reply, the last one that of the message.
 *
 * Promises: the octets of a chunk are never taken for commands, whatever is wrong with the command: they are thrown away,
 * then comes the refusal. A chunk that makes the message too large is known before one octet of it is taken. A refused
 * chunk ends the transaction; what was pipelined behind it gets the same answer, which counts as one error. Who makes us
 * throw away more than twice the largest message is cut off.
 */
import { toWireError, WireError } from '../../platform/errors.ts'
import { createChunkReader } from '../../protocols/smtp/chunk-reader.ts'
import { keepBeginning } from './refusal-note.ts'
import { endData, openIncoming, passOn, readerFor, refuse } from './data-phase.ts'
import { close, expectCommand, fail, reply, resetTransaction, SessionState, type Session } from './session.ts'
import type { Chunking, Incoming } from './incoming.ts'

/** Chunks below this count as commands without a message. */
const SMALL_OCTETS = 512
const NOTHING = Buffer.alloc(0)

export function beginChunk(session: Session, size: number, last: boolean): void {
  const { config, clock } = session.context
  if (size < SMALL_OCTETS && ++session.commandsSinceMessage > config.commands)
    return close(session, new WireError('too-many-commands'))
  const old = session.chunking
  const chunking: Chunking = {
    size,
    left: size,
    last,
    reader: session.incoming && old ? old.reader : null,
    refusal: null,
    dropped: null,
    greeted: session.state !== SessionState.fresh,
    failed: old?.failed ?? null,
    thrown: old?.thrown ?? 0,
  }
  session.chunking = chunking
  chunking.refusal = whyNot(session, size)
  if (chunking.refusal === null) chunking.thrown = 0
  else {
    chunking.thrown += size + (chunking.reader?.taken ?? 0)
    session.incoming?.abort()
    chunking.dropped = session.incoming
    session.incoming = null
    if (config.messageBytes > 0 && chunking.thrown > 2 * config.messageBytes) {
      fail(
        session,
        new WireError('message-too-large', `at most ${config.messageBytes} octets`),
        'the message',
        chunking.dropped,
      )
      return close(session, null)
    }
    // Nobody drips octets for ever because there is no transaction.
    if (session.envelope === null) session.transactionDeadline = clock.monotonic() + config.transactionTimeout * 1000
  }
  session.state = SessionState.chunk
  if (size === 0) take(session, NOTHING)
}

/** Why a chunk of `size` octets is not taken; null: it is, and the message is open. */
function whyNot(session: Session, size: number): unknown {
  const { messageBytes, headerBytes } = session.context.config
  const chunking = session.chunking!
  if (session.envelope === null) {
    if (chunking.failed !== null) return chunking.failed
    const first = session.state === SessionState.fresh ? 'EHLO or HELO' : 'MAIL'
    return new WireError('bad-sequence', `${first} must come first`)
  }
  if (session.recipientKeys.size === 0) return new WireError('no-recipients')
  const taken = chunking.reader?.taken ?? 0
  if (messageBytes > 0 && taken + size > messageBytes)
    return new WireError('message-too-large', `at most ${messageBytes} octets`)
  try {
    if (chunking.reader === null) {
      const reader = createChunkReader({ messageBytes, headerBytes }, readerFor(session))
      session.incoming = openIncoming(session, reader)
      chunking.reader = reader
    }
    return null
  } catch (error) {
    return error
  }
}

/** Uses up `session.input`, or leaves what is behind the chunk for the next command. */
export function takeChunk(session: Session): void {
  const { config, clock } = session.context
  const { left } = session.chunking!
  const input = session.input!
  session.input = input.length > left ? input.subarray(left) : null
  session.deadline = clock.monotonic() + config.dataTimeout * 1000
  take(session, input.length > left ? input.subarray(0, left) : input)
}

function take(session: Session, piece: Buffer): void {
  const { incoming } = session
  const chunking = session.chunking!
  chunking.left -= piece.length
  const isOver = chunking.left === 0
  if (incoming === null) {
    if (isOver) failed(session, chunking.refusal)
    return
  }
  const reader = chunking.reader!
  keepBeginning(incoming, piece)
  const pieces: Buffer[] = []
  reader.read(piece, pieces)
  if (isOver && chunking.last) reader.finish(pieces)
  if (reader.flaw !== null) refuse(incoming, new WireError(reader.flaw))
  passOn(session, incoming, pieces, isOver ? endChunk : goOn)
}

function goOn(): void {
  // The chunk goes on.
}

function endChunk(session: Session, incoming: Incoming): void {
  const { last, size } = session.chunking!
  if (incoming.refusal !== null) failed(session, incoming.refusal)
  else if (last) endData(session, incoming)
  else {
    session.state = SessionState.chunks
    expectCommand(session)
    reply(session, 250, '2.0.0', `${size} octets received`)
  }
}

function failed(session: Session, refusal: unknown): void {
  const chunking = session.chunking!
  expectCommand(session)
  if (refusal === chunking.failed) {
    const error = toWireError(refusal)
    reply(session, error.spec.smtp, error.spec.enhanced, error.message)
  } else fail(session, refusal, 'the message', session.incoming ?? chunking.dropped)
  if (session.state === SessionState.closing) return
  session.state = chunking.greeted ? SessionState.greeted : SessionState.fresh
  resetTransaction(session)
  chunking.failed = chunking.last ? null : refusal
}
