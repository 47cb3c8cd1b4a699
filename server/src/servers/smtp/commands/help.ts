/** HELP (RFC 5321 section 4.1.1.8). */
import { anywhere, command } from '../command.ts'
import { reply } from '../session.ts'

export const help = command({
  name: 'HELP',
  states: anywhere,
  check: () => undefined,
  run: (session) =>
    reply(session, 214, '2.0.0', ['Holdfast takes mail for the domains it is responsible for.', 'RFC 5321 says how.']),
})
