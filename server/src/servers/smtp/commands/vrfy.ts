/** VRFY: tells nobody who exists (RFC 5321 section 7.3). */
import { WireError } from '../../../platform/errors.ts'
import { anywhere, command } from '../command.ts'
import { reply } from '../session.ts'

export const vrfy = command({
  name: 'VRFY',
  states: anywhere,
  check(rest) {
    if (rest === '') throw new WireError('syntax-arguments', 'an address must follow')
  },
  run: (session) => reply(session, 252, '2.5.2', 'Cannot say; send the message and see'),
})
