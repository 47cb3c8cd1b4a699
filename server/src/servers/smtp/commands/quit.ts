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
    const isAll = session.input === null
    close(session, null)
    // It has said all it had to say: no waiting for its end, which for many senders is a reset. Where it did send more, an
    // end of ours with that unread would be a reset to it, and could cost it the reply.
    if (isAll) session.socket.destroySoon()
  },
})
