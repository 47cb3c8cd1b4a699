/** DATA (RFC 5321 section 4.1.1.4). Without a recipient it is 554, also where all were refused in one group (RFC 2920 section 3.1). */
import { WireError } from '../../../platform/errors.ts'
import { expectNothing } from '../../../protocols/smtp/command.ts'
import { command } from '../command.ts'
import { beginData } from '../data-phase.ts'
import { SessionState } from '../session.ts'

export const data = command({
  name: 'DATA',
  states: [SessionState.mail, SessionState.rcpt],
  check(rest, session) {
    expectNothing(rest)
    if (session.recipientKeys.size === 0) throw new WireError('no-recipients')
  },
  run: beginData,
})
