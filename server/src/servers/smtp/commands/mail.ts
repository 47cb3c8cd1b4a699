/** MAIL (RFC 5321 section 4.1.1.2): begins a transaction. SIZE is checked here (RFC 1870 section 6.1). */
import { WireError } from '../../../platform/errors.ts'
import { parseMail } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { reply, SessionState } from '../session.ts'

export const mail = command({
  name: 'MAIL',
  states: [SessionState.greeted],
  check(rest, session) {
    const { config } = session.context
    if (config.requireTls && session.tls === null) throw new WireError('tls-required')
    const value = parseMail(rest)
    if (config.messageBytes > 0 && value.size !== null && value.size > config.messageBytes) {
      throw new WireError('message-too-large', `at most ${config.messageBytes} octets`)
    }
    return value
  },
  run(session, value) {
    const { config, clock } = session.context
    session.envelope = {
      from: value.from?.text ?? '',
      clientIp: session.clientIp,
      helo: session.helo,
      esmtp: session.esmtp,
      tls: session.tls,
      bodyType: value.body,
      smtputf8: value.smtputf8,
      declaredSize: value.size,
      ret: value.ret,
      envid: value.envid,
    }
    session.state = SessionState.mail
    session.transactionDeadline = clock.monotonic() + config.transactionTimeout * 1000
    reply(session, 250, '2.1.0', 'Ok')
  },
})
