/**
 * RCPT (RFC 5321 section 4.1.1.3): the door decides who is known. One recipient too many is 452, which senders answer
 * with a second transaction (section 4.5.3.1.10). A recipient named twice gets one copy.
 */
import { foldAddress, type Recipient } from '../../../core/directory/index.ts'
import { refuseFlood } from '../../../core/intake/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { parseRcpt } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { reply, SessionState, type Session } from '../session.ts'

/** A client that goes on this many times beyond the limit does not listen. */
const PATIENCE = 20

function taken(session: Session): void {
  session.state = SessionState.rcpt
  reply(session, 250, '2.1.5', 'Ok')
}

export const rcpt = command({
  name: 'RCPT',
  states: [SessionState.mail, SessionState.rcpt],
  check(rest, session) {
    const most = session.context.config.recipients
    if (++session.recipientCommands > most * PATIENCE) throw new WireError('too-many-commands')
    const value = parseRcpt(rest, session.envelope!.smtputf8)
    if (session.recipients.length >= most) throw new WireError('too-many-recipients', `at most ${most}`)
    return value
  },
  run(session, { to, notify, orcpt }) {
    const key = foldAddress(to.text) ?? to.text.toLowerCase()
    if (session.recipientKeys.has(key)) return taken(session)
    const admit = (recipient: Recipient): void => {
      // The connection broke while the door was thinking.
      if (session.state === SessionState.closing) return
      if (recipient.redirect || recipient.list) refuseFlood([...session.recipients, { recipient }])
      session.recipientKeys.add(key)
      session.recipients.push({ recipient, notify, orcpt })
      taken(session)
    }
    const answer = session.context.door!.checkRecipient(to.text, session.envelope!)
    if (answer instanceof Promise) return answer.then(admit)
    admit(answer)
  },
})
