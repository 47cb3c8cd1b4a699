/** The commands of the MX listener: the list of what is offered. Anything else is 500. */
import { auth } from './commands/auth.ts'
import { bdat } from './commands/bdat.ts'
import { data } from './commands/data.ts'
import { ehlo } from './commands/ehlo.ts'
import { expn } from './commands/expn.ts'
import { helo } from './commands/helo.ts'
import { help } from './commands/help.ts'
import { mail } from './commands/mail.ts'
import { noop } from './commands/noop.ts'
import { quit } from './commands/quit.ts'
import { rcpt } from './commands/rcpt.ts'
import { rset } from './commands/rset.ts'
import { starttls } from './commands/starttls.ts'
import { vrfy } from './commands/vrfy.ts'
import type { Command } from './command.ts'

export const mxCommands: ReadonlyMap<string, Command> = new Map(
  [helo, ehlo, auth, mail, rcpt, data, bdat, rset, noop, quit, starttls, vrfy, expn, help].map((one) => [
    one.name,
    one,
  ]),
)
