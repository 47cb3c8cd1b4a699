/**
 * MAIL at the submission listeners (RFC 6409 section 4.3 and 6.1): only who is signed in, only from an own address. What
 * AUTH said is asked again here, for a connection can outlive a password. The parameter AUTH is taken and means nothing
 * (RFC 4954 section 5: whom we trust to say it is nobody). How long it is to be held is
 * looked at here (RFC 4865).
 */
import { aheadOf } from '../../../core/submission/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { parseMail, type MailArguments } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { beginTransaction, checkSize, checkTls } from '../commands/mail.ts'
import { SIGN_IN_MS } from '../sending.ts'
import { SessionState, type Session } from '../session.ts'

interface Wish {
  value: MailArguments
  from: string
}

export const mail = command({
  name: 'MAIL',
  states: [SessionState.greeted],
  check(rest, session): Wish {
    if (!session.sending!.person)
      throw new WireError(
        'signed-out',
        session.tls === null ? 'STARTTLS and AUTH must come first' : 'AUTH must come first',
      )
    const { clock, sending } = session.context
    const { maxHold } = sending!.door
    const value = parseMail(rest, { ignored: ['AUTH'], futureRelease: maxHold > 0 })
    checkSize(session, value)
    checkTls(session, value)
    aheadOf(value.hold ?? null, clock.now(), maxHold)
    if (value.from === null)
      throw new WireError('forbidden', 'the null sender is for notices of servers; name an address of yours')
    return { value, from: value.from.text }
  },
  run: begin,
})

async function begin(session: Session, { value, from }: Wish): Promise<void> {
  const sending = session.sending!
  const { access, door } = session.context.sending!
  const person = sending.person!
  if (!(await access.holds(person))) {
    sending.person = null
    sending.signInBy = session.context.clock.monotonic() + SIGN_IN_MS
    throw new WireError('signed-out', 'the password you signed in with is not good any more')
  }
  await door.checkSender(person, from)
  // The connection broke while we were thinking.
  if (session.state === SessionState.closing) return
  sending.hold = value.hold ?? null
  beginTransaction(session, value)
}
