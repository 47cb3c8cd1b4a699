/** RSET (RFC 5321 section 4.1.1.5). */
import { expectNothing } from '../../../protocols/smtp/command.ts'
import { anywhere, command } from '../command.ts'
import { reply, resetTransaction } from '../session.ts'

export const rset = command({
  name: 'RSET',
  states: anywhere,
  check: expectNothing,
  run(session) {
    resetTransaction(session)
    reply(session, 250, '2.0.0', 'Ok')
  },
})
