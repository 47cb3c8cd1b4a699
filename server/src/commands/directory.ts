/**
 * `holdfast directory`: lists of people from a file; what each would change, and the yes or no to it. Works beside a
 * running server, and without one. An import shows its plan and waits; nothing is changed before somebody says yes, but
 * with --apply, and then only within the limits of the source and never for its first list.
 */
import { readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import {
  confirmRun,
  importList,
  ListError,
  listRuns,
  noteFailed,
  readCsv,
  refuseRun,
  RunError,
  showRun,
  type CsvReading,
  type RunDeps,
  type RunReport,
} from '../core/directory/index.ts'
import { placeWaiting } from '../core/mailbox/index.ts'
import { PersonSource } from '../platform/codes.ts'
import { fileWords } from '../platform/file-words.ts'
import { isId, type Id } from '../platform/ids.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'
import { registerSync } from './directory-sync.ts'
import { briefText, readingText, runText } from './directory-text.ts'

type Options = GlobalOptions & OrganisationOption
type ImportOptions = Options & { source: string; dryRun?: boolean; apply?: boolean }

const MOST_BYTES = 32 * 1024 * 1024
const MOST_SHOWN = 200

const depsOf = ({ db, clock, actor }: Context): RunDeps => ({ db, clock, actor, placeWaiting })

function readFile(file: string): Buffer {
  try {
    if (file !== '/dev/stdin' && statSync(file).size > MOST_BYTES) throw new Error('is larger than 32 MB')
    return readFileSync(file)
  } catch (error) {
    throw new CommandError(`The list ${file} ${fileWords(error)}.`, exitCodes.usage)
  }
}

/** What the engine says no to is an answer, not a fault. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunError) throw new CommandError(error.message, exitCodes.failed)
    throw error
  }
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  if (options.dryRun && options.apply) throw new CommandError('--dry-run or --apply, not both', exitCodes.usage)
  const source = options.source.trim()
  if (source === '' || source.length > 100)
    throw new CommandError('--source takes a name of 1 to 100 letters', exitCodes.usage)
  const bytes = readFile(file)
  await withContext(options, async (context) => {
    const { id: organisationId } = await chooseOrganisation(context.db, options)
    const deps = depsOf(context)
    const wish = {
      organisationId,
      source: { name: source, kind: PersonSource.csv },
      isUnasked: options.apply === true,
      isDryRun: options.dryRun === true,
    }
    let reading: CsvReading
    try {
      reading = readCsv(bytes)
    } catch (error) {
      if (!(error instanceof ListError)) throw error
      if (!wish.isDryRun) await answered(() => noteFailed(deps, wish, error.message))
      throw new CommandError(`${file}: ${error.message}`, exitCodes.usage)
    }
    const run = await answered(() => importList(deps, wish, reading.list))
    const { list: _, ...how } = reading
    show(
      options,
      { run, reading: how, dryRun: wish.isDryRun },
      `${readingText(reading)}\n\n${runText(run, wish.isDryRun)}`,
    )
    // Whoever runs this by the clock hears that somebody is asked.
    if (wish.isUnasked && run.state !== 'applied') process.exitCode = exitCodes.failed
  })
}

async function list(options: Options): Promise<void> {
  await withContext(options, async ({ db }) => {
    const { id } = await chooseOrganisation(db, options)
    const runs = await listRuns(db, id, { limit: MOST_SHOWN })
    show(options, { runs }, runs.length === 0 ? 'No list was ever read.' : runs.map(briefText).join('\n'))
  })
}

function runArgument(text: string): Id {
  const id = text.trim().toLowerCase()
  if (!isId(id))
    throw new CommandError(`"${text}" is not the id of a run; "holdfast directory runs" shows them`, exitCodes.usage)
  return id
}

/** Does something with a run, and shows it as it is then. */
async function withRun(
  wanted: string,
  options: Options,
  work: (context: Context, about: { organisationId: Id; runId: Id }) => Promise<RunReport | null>,
): Promise<void> {
  const runId = runArgument(wanted)
  await withContext(options, async (context) => {
    const { id: organisationId, name } = await chooseOrganisation(context.db, options)
    const run = await answered(() => work(context, { organisationId, runId }))
    if (run === null) throw new CommandError(`There is no run "${runId}" in ${name}.`, exitCodes.usage)
    show(options, { run }, runText(run))
  })
}

export function register(program: Command): void {
  const directory = addCommand(program, 'directory', 'people from lists: what each would change, and yes or no to it')
  withOrganisation(addCommand(directory, 'import', 'read a CSV file of all people, and show what it would change'))
    .argument('<file>', 'the list, with a heading: id;name;email;aliases;group')
    .option('--source <name>', 'where it comes from; a source knows its people by their ids', 'csv')
    .option('--dry-run', 'only show; keep nothing')
    .option('--apply', 'carry it out at once where it is not the first list and keeps to the limits of the source')
    .action((file: string, _options: ImportOptions, command: Command) => importFile(file, command.optsWithGlobals()))
  registerSync(directory, depsOf, answered)
  withOrganisation(addCommand(directory, 'runs', 'lists that were read, the newest first')).action(
    (_options: Options, command: Command) => list(command.optsWithGlobals()),
  )
  const about = (name: string, summary: string, work: Parameters<typeof withRun>[2]) =>
    withOrganisation(addCommand(directory, name, summary))
      .argument('<run>', 'its id')
      .action((run: string, _options: Options, command: Command) => withRun(run, command.optsWithGlobals(), work))
  about('show', 'what a list changed, or would change', ({ db }, { organisationId, runId }) =>
    showRun(db, organisationId, runId),
  )
  about('confirm', 'carry out what was shown, if it still is what would happen', (context, run) =>
    confirmRun(depsOf(context), run),
  )
  about('refuse', 'change nothing by this list', (context, run) => refuseRun(depsOf(context), run))
}
