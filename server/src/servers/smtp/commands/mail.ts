/** MAIL (RFC 5321 section 4.1.1.2): begins a transaction. SIZE is checked here (RFC 1870 section 6.1). */
import { WireError } from '../../../platform/errors.ts'
import { parseMail, type MailArguments } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { reply, SessionState, type Session } from '../session.ts'

export function checkSize({ context: { config } }: Session, { size }: MailArguments): void {
  if (config.messageBytes > 0 && size !== null && size > config.messageBytes) {
    throw new WireError('message-too-large', `at most ${config.messageBytes} octets`)
  }
}

/** RFC 8689 section 4.1: what must not travel in clear did so already. */
export function checkTls({ tls }: Session, { requireTls }: MailArguments): void {
  if (requireTls && tls === null) throw new WireError('tls-required', 'REQUIRETLS is for connections in TLS')
}

export function beginTransaction(session: Session, value: MailArguments): void {
  const { config, clock } = session.context
  session.envelope = {
    from: value.from?.text ?? '',
    clientIp: session.clientIp,
    proof: session.proof,
    helo: session.helo,
    esmtp: session.esmtp,
    tls: session.tls,
    bodyType: value.body,
    smtputf8: value.smtputf8,
    declaredSize: value.size,
    ret: value.ret,
    envid: value.envid,
    ...(value.requireTls ? { requireTls: true } : {}),
  }
  session.state = SessionState.mail
  session.transactionDeadline = clock.monotonic() + config.transactionTimeout * 1000
  reply(session, 250, '2.1.0', 'Ok')
}

export const mail = command({
  name: 'MAIL',
  states: [SessionState.greeted],
  check(rest, session) {
    const { config } = session.context
    if (config.requireTls && session.tls === null) throw new WireError('tls-required')
    // RFC 4954 section 5: the parameter AUTH belongs to the extension; whom we trust to say it is nobody.
    const value = parseMail(rest, { ignored: session.context.systems?.takesPasswords() ? ['AUTH'] : [] })
    checkSize(session, value)
    checkTls(session, value)
    return value
  },
  run: beginTransaction,
})
