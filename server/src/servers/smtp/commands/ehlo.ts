/** EHLO (RFC 5321 section 4.1.1.1): begins anew and says what is offered. STARTTLS only until it is used (RFC 3207 section 4.2). */
import { parseHelo } from '../../../protocols/smtp/command.ts'
import { mechanisms } from '../../../protocols/sasl/index.ts'
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
    const { config, hostname, secureContext, systems } = session.context
    const offer = {
      size: config.messageBytes,
      startTls: session.tls === null && secureContext() !== null,
      recipients: config.recipients,
      // For the organisations' own systems; people sign in at the submission listeners.
      auth: session.tls !== null && systems?.takesPasswords() ? [...mechanisms.keys()] : [],
    }
    reply(session, 250, null, [hostname, ...formatCapabilities(offer)])
  },
})
