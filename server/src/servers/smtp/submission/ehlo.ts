/**
 * EHLO at the submission listeners: as at the MX, and AUTH, under TLS alone (RFC 4954 section 4, RFC 8314 section 3.3: no
 * password in clear). DSN is not offered: what became of a message is told in the web pages, for each recipient.
 */
import { parseHelo } from '../../../protocols/smtp/command.ts'
import { formatCapabilities } from '../../../protocols/smtp/ehlo.ts'
import { mechanisms } from '../../../protocols/sasl/index.ts'
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
      dsn: false,
      recipients: session.context.sending!.recipients,
      startTls: session.tls === null && secureContext() !== null,
      isSecure: session.tls !== null,
      auth: session.tls === null ? [] : [...mechanisms.keys()],
    }
    reply(session, 250, null, [hostname, ...formatCapabilities(offer)])
  },
})
