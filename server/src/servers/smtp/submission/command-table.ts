/** The commands of the submission listeners: the list of what is offered. Anything else is 500. */
import type { Command } from '../command.ts'
import { bdat } from '../commands/bdat.ts'
import { data } from '../commands/data.ts'
import { expn } from '../commands/expn.ts'
import { helo } from '../commands/helo.ts'
import { noop } from '../commands/noop.ts'
import { quit } from '../commands/quit.ts'
import { rset } from '../commands/rset.ts'
import { starttls } from '../commands/starttls.ts'
import { vrfy } from '../commands/vrfy.ts'
import { auth } from './auth.ts'
import { ehlo } from './ehlo.ts'
import { help } from './help.ts'
import { mail } from './mail.ts'
import { rcpt } from './rcpt.ts'

export const submissionCommands: ReadonlyMap<string, Command> = new Map(
  [helo, ehlo, auth, mail, rcpt, data, bdat, rset, noop, quit, starttls, vrfy, expn, help].map((one) => [
    one.name,
    one,
  ]),
)
