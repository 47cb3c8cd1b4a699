/**
 * STARTTLS (RFC 3207). Everything that came in plain text behind the command is thrown away before TLS begins, and the
 * client starts anew afterwards (section 4.2): what somebody on the way slipped in is never taken for the client's words.
 */
import { WireError } from '../../../platform/errors.ts'
import { expectNothing } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { flush, reply, SessionState } from '../session.ts'

export const starttls = command({
  name: 'STARTTLS',
  states: [SessionState.fresh, SessionState.greeted],
  check(rest, session) {
    expectNothing(rest)
    if (session.tls !== null) throw new WireError('bad-sequence', 'TLS is already on')
    const secureContext = session.context.secureContext()
    if (!secureContext) throw new WireError('not-implemented', 'TLS is not configured')
    return secureContext
  },
  run(session, secureContext) {
    session.input = null
    session.state = SessionState.handshake
    session.helo = ''
    session.esmtp = false
    reply(session, 220, '2.0.0', 'Ready to start TLS')
    flush(session)
    session.upgrade(secureContext)
  },
})
