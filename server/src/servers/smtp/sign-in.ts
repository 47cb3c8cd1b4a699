/**
 * AUTH (RFC 4954) of any listener: a client proves name and password. Under TLS alone, outside of a transaction, once. `*`,
 * or anything that is not base64, ends the exchange with 501. Wrong tries are slowed down by core/access, over all
 * connections, listeners and the web pages together; a connection is closed after MOST_FAILURES of them.
 */
import { WireError } from '../../platform/errors.ts'
import {
  mechanisms,
  readAnswer,
  readInitialResponse,
  type Credentials,
  type Exchange,
} from '../../protocols/sasl/index.ts'
import { anywhere, command, type Command } from './command.ts'
import { close, fail, reply, SessionState, type Session } from './session.ts'

const MOST_FAILURES = 3

/** What one listener does with it. */
export interface SignIn {
  /** Where it is not, AUTH is a word like any that is not known here. */
  isOffered(session: Session): boolean
  isSignedIn(session: Session): boolean
  /** Throws WireError where the client is not who it says. */
  prove(session: Session, credentials: Credentials): Promise<void>
}

export const signIn = (how: SignIn): Command =>
  command({
    name: 'AUTH',
    states: anywhere,
    check(rest, session) {
      if (!how.isOffered(session)) throw new WireError('syntax')
      if (session.state === SessionState.fresh) throw new WireError('bad-sequence', 'EHLO or HELO must come first')
      if (session.state !== SessionState.greeted) throw new WireError('bad-sequence')
      if (how.isSignedIn(session)) throw new WireError('bad-sequence', 'you are signed in already')
      if (!session.esmtp) throw new WireError('bad-sequence', 'EHLO must come first')
      // Whatever stood behind AUTH has crossed the network in clear by now; at least it is not used.
      if (session.tls === null) throw new WireError('encryption-needed')
      const [name = '', initial = '', ...more] = rest.split(/[ \t]+/)
      if (name === '' || more.length > 0)
        throw new WireError('syntax-arguments', 'a mechanism must follow, and an initial response may')
      const mechanism = mechanisms.get(name.toUpperCase())
      if (!mechanism) throw new WireError('unknown-mechanism', `known are ${[...mechanisms.keys()].join(' and ')}`)
      return { exchange: mechanism(), initial: readInitialResponse(initial) }
    },
    run: (session, { exchange, initial }) => carryOn(session, how, exchange, initial),
  })

function carryOn(session: Session, how: SignIn, exchange: Exchange, answer: Buffer | null): void | Promise<void> {
  const step = exchange(answer)
  if ('credentials' in step) return attempt(session, how, step.credentials)
  session.answer = (line) => carryOn(session, how, exchange, readAnswer(line))
  reply(session, 334, null, step.ask.toString('base64'))
}

async function attempt(session: Session, how: SignIn, credentials: Credentials): Promise<void> {
  try {
    const { actsFor, name } = credentials
    session.signInName = name
    // RFC 4616 section 2: who asks to act for somebody else may not; many clients name themselves twice.
    if (actsFor !== '' && actsFor.toLowerCase() !== name.toLowerCase())
      throw new WireError('sign-in-failed', 'you may sign in as yourself only')
    await how.prove(session, credentials)
    // The connection broke while we were thinking.
    if (session.state === SessionState.closing) return
    reply(session, 235, '2.7.0', 'Welcome')
  } catch (error) {
    const isTheirs = error instanceof WireError && error.spec.blame === 'peer'
    if (!isTheirs || ++session.signInFailures < MOST_FAILURES) throw error
    fail(session, error, 'AUTH')
    close(session, new WireError('too-many-errors'))
  }
}
