/**
 * The command line as a whole: `holdfast <command>`. Each command is a file beside this one; here they are put together
 * and run. Whatever goes wrong, also a wrong call, is one error: a sentence on standard error, or with --json one line
 * `{"error": …}` on standard output and nothing else.
 */
import { Command, CommanderError } from 'commander'
import { register as admin } from './admin.ts'
import { register as apply } from './apply.ts'
import { register as check } from './check.ts'
import { CommandError, exitCodes, showError } from './command.ts'
import { register as demo } from './demo.ts'
import { register as directory } from './directory.ts'
import { register as doctor } from './doctor.ts'
import { register as exportAll } from './export.ts'
import { register as importAll } from './import.ts'
import { register as migrate } from './migrate.ts'
import { register as mode } from './mode.ts'
import { register as notices } from './notices.ts'
import { register as queue } from './queue.ts'
import { register as quiet } from './quiet.ts'
import { register as alarms } from './alarms.ts'
import { register as serve } from './serve.ts'
import { register as trace } from './trace.ts'
import { version } from './version.ts'

/** What commander says of a wrong call goes to standard error, or nowhere where JSON is asked for. */
export function makeProgram(json: boolean): Command {
  const program = new Command('holdfast')
  program
    .description("Keeps an organisation's e-mail alive when its mail system is not")
    .version(version)
    .exitOverride()
  if (json) program.configureOutput({ writeErr: () => undefined })
  for (const register of [
    serve,
    demo,
    migrate,
    apply,
    exportAll,
    importAll,
    check,
    doctor,
    admin,
    directory,
    mode,
    notices,
    queue,
    quiet,
    alarms,
    trace,
  ])
    register(program)
  return program
}

function usageText({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'A command is missing here. --help shows which there are.'
  return message.replace(/^error: /, '')
}

/** Runs one call; resolves with its exit code when it has ended. */
export async function run(args: readonly string[]): Promise<number> {
  const end = args.indexOf('--')
  const json = args.slice(0, end === -1 ? undefined : end).includes('--json')
  try {
    await makeProgram(json).parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) return showError(error, json)
    if (error.exitCode === 0) return exitCodes.done // --help, --version
    // Without --json commander has printed its own message, or the help.
    return json ? showError(new CommandError(usageText(error), exitCodes.usage), json) : exitCodes.usage
  }
}
