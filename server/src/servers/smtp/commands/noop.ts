/** NOOP (RFC 5321 section 4.1.1.9): its argument is ignored. */
import { anywhere, command } from '../command.ts'
import { reply } from '../session.ts'

export const noop = command({
  name: 'NOOP',
  states: anywhere,
  check: () => undefined,
  run: (session) => reply(session, 250, '2.0.0', 'Ok'),
})
