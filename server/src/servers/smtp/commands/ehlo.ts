/**
 * EHLO (RFC 5321 section 4.1.1.1): begins anew and says what is offered: the same at every listener but for what its own
 * `offerOf` adds. STARTTLS only until it is used (RFC 3207 section 4.2).
 */
import { parseHelo } from '../../../protocols/smtp/command.ts'
import { mechanisms } from '../../../protocols/sasl/index.ts'
import { formatCapabilities, type Offer } from '../../../protocols/smtp/ehlo.ts'
import { anywhere, command, type Command } from '../command.ts'
import { reply, resetTransaction, SessionState, type Session } from '../session.ts'

export const ehloWith = (offerOf: (session: Session) => Partial<Offer>): Command =>
  command({
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
        ...offerOf(session),
      }
      reply(session, 250, null, [hostname, ...formatCapabilities(offer)])
    },
  })

/** AUTH is for the organisations' own systems; people sign in at the submission listeners. */
export const ehlo = ehloWith(({ tls, context: { systems } }) =>
  tls !== null && systems?.takesPasswords() ? { auth: [...mechanisms.keys()] } : {},
)
