/**
 * The message (RFC 5321 section 3.3): bytes after 354 go through protocols/smtp/data-reader into the door's sink, one
 * reply comes after its finish().
 *
 * Promises: 250 only after finish() resolved. Anything wrong with the message ends the sink at once (abort), and the
 * error is the reply to the final dot; a client that goes on beyond twice the limit is cut off. While a promise of
 * write() is pending nothing more is passed on, and soon nothing more is read. A connection that breaks before the final
 * dot aborts.
 */
import { WireError } from '../../platform/errors.ts'
import { createDataReader, type DataReader } from '../../protocols/smtp/data-reader.ts'
import { createMendingReader } from '../../protocols/smtp/mending-reader.ts'
import { keepBeginning } from './refusal-note.ts'
import { broken, close, expectCommand, fail, reply, resetTransaction, SessionState, type Session } from './session.ts'
import type { Incoming } from './incoming.ts'

export function beginData(session: Session): void {
  const { messageBytes, headerBytes } = session.context.config
  session.incoming = openIncoming(session, readerFor(session)({ messageBytes, headerBytes }))
  session.state = SessionState.data
  reply(session, 354, null, 'End data with <CR><LF>.<CR><LF>')
}

/**
 * An organisation's own systems and people who have signed in may send bare CR and LF, which are mended (RFC 6409 section 8);
 * of anybody else they are refused.
 */
export const readerFor = (session: Session): typeof createDataReader =>
  session.context.sending || session.context.door?.mends(session.envelope!) ? createMendingReader : createDataReader

/** Opens the door's sink for the message of this transaction; throws what the door throws. */
export function openIncoming(session: Session, reader: DataReader): Incoming {
  const sink = session.context.begin(session)
  let open = true
  return {
    sink,
    reader,
    refusal: null,
    beginning: [],
    kept: 0,
    abort() {
      if (!open) return
      open = false
      try {
        sink.abort()
      } catch (error) {
        session.context.log.error({ err: error }, 'a message that was given up could not be put away')
      }
    },
  }
}

/** Uses up `session.input`, or leaves the rest of it for the next command. */
export function takeData(session: Session): void {
  const { config, clock } = session.context
  const incoming = session.incoming!
  const chunk = session.input!
  session.input = null
  session.deadline = clock.monotonic() + config.dataTimeout * 1000
  keepBeginning(incoming, chunk)
  const pieces: Buffer[] = []
  const end = incoming.reader.read(chunk, pieces)
  if (end >= 0 && end < chunk.length) session.input = chunk.subarray(end)
  if (incoming.reader.flaw !== null) refuse(incoming, new WireError(incoming.reader.flaw))
  if (end < 0 && config.messageBytes > 0 && incoming.reader.taken > 2 * config.messageBytes) {
    session.context.counters.refused('message-too-large')
    close(session, new WireError('message-too-large'))
    return
  }
  passOn(session, incoming, pieces, end >= 0 ? endData : goOn)
}

function goOn(): void {
  // The message goes on.
}

/** Gives `pieces` to the sink, if need be later, and then does what comes `next`. */
export function passOn(
  session: Session,
  incoming: Incoming,
  pieces: readonly Buffer[],
  next: (session: Session, incoming: Incoming) => void,
): void {
  const { config, clock } = session.context
  const waiting = incoming.refusal === null ? writePieces(incoming, pieces, 0) : null
  if (waiting === null) return next(session, incoming)
  session.busy = true
  session.deadline = Infinity
  void waiting
    .catch((error: unknown) => refuse(incoming, error))
    .then(() => {
      session.busy = false
      if (session.incoming !== incoming) return
      session.deadline = clock.monotonic() + config.dataTimeout * 1000
      next(session, incoming)
      session.proceed()
    })
    .catch((error: unknown) => broken(session, error))
}

/** Null when all is written; a promise when the sink asked to wait. */
function writePieces(incoming: Incoming, pieces: readonly Buffer[], from: number): Promise<void> | null {
  try {
    for (let i = from; i < pieces.length; i++) {
      const waiting = incoming.sink.write(pieces[i]!)
      if (waiting) return waiting.then(() => writePieces(incoming, pieces, i + 1) ?? undefined)
    }
  } catch (error) {
    refuse(incoming, error)
  }
  return null
}

/** Nothing will come of the message: `error` is the reply to its end. */
export function refuse(incoming: Incoming, error: unknown): void {
  if (incoming.refusal !== null) return
  incoming.refusal = error
  incoming.abort()
}

/** The whole message is there: refuses it, or lets the sink finish and says what became of it. */
export function endData(session: Session, incoming: Incoming): void {
  if (incoming.refusal !== null) {
    expectCommand(session)
    fail(session, incoming.refusal, 'the message')
    resetTransaction(session)
    return
  }
  session.busy = true
  session.deadline = Infinity
  // From here on the message may be accepted: a connection that breaks now does not take it back.
  session.incoming = null
  const { size } = incoming.reader
  const done = (): void => {
    session.busy = false
    if (session.state !== SessionState.closing) expectCommand(session)
    session.proceed()
  }
  // Through an async function, so that a throw is a rejection.
  const finishing = (async () => incoming.sink.finish(incoming.reader.mended()))()
  void finishing
    .then(
      ({ queueId }) => {
        session.context.counters.accepted(size)
        session.commandsSinceMessage = 0
        session.errors = 0
        resetTransaction(session)
        reply(session, 250, '2.0.0', `Ok: queued as ${queueId}`)
        done()
      },
      (error: unknown) => {
        fail(session, error, 'the message', incoming)
        resetTransaction(session)
        done()
      },
    )
    .catch((error: unknown) => broken(session, error))
}
