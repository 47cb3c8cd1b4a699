/**
 * RCPT at the submission listeners: anybody may be written to, so only the syntax is looked at; whether it can be
 * delivered is found out with the message, when all recipients are known. A recipient named twice gets one copy.
 */
import { foldAddress } from '../../../core/directory/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { parseRcpt } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { reply, SessionState } from '../session.ts'

/** A client that goes on this many times beyond the limit does not listen. */
const PATIENCE = 20

export const rcpt = command({
  name: 'RCPT',
  states: [SessionState.mail, SessionState.rcpt],
  check(rest, session) {
    const most = session.context.sending!.recipients
    if (++session.recipientCommands > most * PATIENCE) throw new WireError('too-many-commands')
    const { to, notify, orcpt } = parseRcpt(rest, session.envelope!.smtputf8)
    if (to.domain === '') throw new WireError('address-syntax-recipient', 'the domain is missing')
    if (session.sending!.recipients.length >= most) throw new WireError('too-many-recipients', `at most ${most}`)
    return { address: to.text, notify, orcpt }
  },
  run(session, recipient) {
    const key = foldAddress(recipient.address) ?? recipient.address.toLowerCase()
    if (!session.recipientKeys.has(key)) {
      session.recipientKeys.add(key)
      session.sending!.recipients.push(recipient)
    }
    session.state = SessionState.rcpt
    reply(session, 250, '2.1.5', 'Ok')
  },
})
