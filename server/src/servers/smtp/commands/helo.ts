/** HELO (RFC 5321 section 4.1.1.1): begins anew, without extensions. */
import { parseHelo } from '../../../protocols/smtp/command.ts'
import { anywhere, command } from '../command.ts'
import { reply, resetTransaction, SessionState } from '../session.ts'

export const helo = command({
  name: 'HELO',
  states: anywhere,
  check: parseHelo,
  run(session, name) {
    session.state = SessionState.greeted
    resetTransaction(session)
    session.helo = name
    session.esmtp = false
    reply(session, 250, null, session.context.hostname)
  },
})
