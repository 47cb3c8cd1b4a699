/** HELP (RFC 5321 section 4.1.1.8) at the submission listeners. */
import { anywhere, command } from '../command.ts'
import { reply } from '../session.ts'

export const help = command({
  name: 'HELP',
  states: anywhere,
  check: () => undefined,
  run: (session) =>
    reply(session, 214, '2.0.0', [
      'Holdfast sends mail for the people who have a mailbox here.',
      'Sign in over TLS with an address of yours and its password.',
    ]),
})
