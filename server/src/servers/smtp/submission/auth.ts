/**
 * AUTH (RFC 4954): a person proves name and password. Under TLS alone, outside of a transaction, once. `*`, or anything
 * that is not base64, ends the exchange with 501. Wrong tries are slowed down by core/access, over all connections and the
 * web pages together; a connection is closed after MOST_FAILURES of them, or when nobody has signed in within SIGN_IN_MS.
 */
import { WireError } from '../../../platform/errors.ts'
import {
  mechanisms,
  readAnswer,
  readInitialResponse,
  type Credentials,
  type Exchange,
} from '../../../protocols/sasl/index.ts'
import { command } from '../command.ts'
import { close, fail, reply, SessionState, type Session } from '../session.ts'

const MOST_FAILURES = 3

export const auth = command({
  name: 'AUTH',
  states: [SessionState.greeted],
  check(rest, session) {
    if (session.sending!.person) throw new WireError('bad-sequence', 'you are signed in already')
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
  run: (session, { exchange, initial }) => carryOn(session, exchange, initial),
})

function carryOn(session: Session, exchange: Exchange, answer: Buffer | null): void | Promise<void> {
  const step = exchange(answer)
  if ('credentials' in step) return signIn(session, step.credentials)
  session.answer = (line) => carryOn(session, exchange, readAnswer(line))
  reply(session, 334, null, step.ask.toString('base64'))
}

async function signIn(session: Session, credentials: Credentials): Promise<void> {
  const sending = session.sending!
  try {
    const person = await prove(session, credentials)
    // The connection broke while we were thinking.
    if (session.state === SessionState.closing) return
    sending.person = person
    session.transactionDeadline = Infinity
    const { log } = session.context
    log.info({ clientIp: session.clientIp, personId: person.personId }, 'signed in to send')
    reply(session, 235, '2.7.0', 'Welcome')
  } catch (error) {
    const isTheirs = error instanceof WireError && error.spec.blame === 'peer'
    if (!isTheirs || ++sending.failures < MOST_FAILURES) throw error
    fail(session, error, 'AUTH')
    close(session, new WireError('too-many-errors'))
  }
}

async function prove(session: Session, { actsFor, name, password }: Credentials) {
  // RFC 4616 section 2: who asks to act for somebody else may not; many clients name themselves twice.
  if (actsFor !== '' && actsFor.toLowerCase() !== name.toLowerCase())
    throw new WireError('sign-in-failed', 'you may sign in as yourself only')
  return session.context.sending!.access.verifyPerson({ name, password, clientIp: session.clientIp })
}
