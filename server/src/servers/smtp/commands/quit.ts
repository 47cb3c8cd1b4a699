/** QUIT (RFC 5321 section 4.1.1.10). */
import { anywhere, command } from '../command.ts'
import { expectNothing } from '../../../protocols/smtp/command.ts'
import { close, reply } from '../session.ts'

export const quit = command({
  name: 'QUIT',
  states: anywhere,
  check: expectNothing,
  run(session) {
    reply(session, 221, '2.0.0', 'Bye')
    close(session, null)
  },
})
