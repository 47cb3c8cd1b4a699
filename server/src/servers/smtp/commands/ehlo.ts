/** EHLO (RFC 5321 section 4.1.1.1): begins anew and says what is offered. STARTTLS only until it is used (RFC 3207 section 4.2). */
import { parseHelo } from '../../../protocols/smtp/command.ts'
import { formatCapabilities } from '../../../protocols/smtp/ehlo.ts'
import { anywhere, command } from '../command.ts'
import { reply, resetTransaction, SessionState } from '../session.ts'

export const ehlo = command({
  name: 'EHLO',
  states: anywhere,
  check: parseHelo,
  run(session, name) {
    session.state = SessionState.greeted
    resetTransaction(session)
    session.helo = name
    session.esmtp = true
    const { config, hostname, secureContext } = session.context
    const offer = {
      size: config.messageBytes,
      startTls: session.tls === null && secureContext() !== null,
      isSecure: session.tls !== null,
      recipients: config.recipients,
    }
    reply(session, 250, null, [hostname, ...formatCapabilities(offer)])
  },
})
