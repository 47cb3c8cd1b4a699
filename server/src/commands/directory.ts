/**
 * `holdfast directory`: lists of people from a file; what each would change, and the yes or no to it. Works beside a
 * running server, and without one. An import shows its plan and waits; nothing is changed before somebody says yes, but
 * with --apply, and then only within the limits of the source and never for its first list.
 */
import { readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import {
  confirmRun,
  ListError,
  listRuns,
  readCsv,
  refuseRun,
  showRun,
  type CsvReading,
  type RunReport,
} from '../core/directory/index.ts'
import { sourcesOf } from '../core/directory-schedule/index.ts'
import { PersonSource } from '../platform/codes.ts'
import { fileWords } from '../platform/file-words.ts'
import { isId, type Id } from '../platform/ids.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'
import {
  answered,
  bringList,
  depsOf,
  noList,
  sourceNameOf,
  wishOf,
  withListOptions,
  type ListOptions,
} from './directory-list.ts'
import { registerSync } from './directory-sync.ts'
import { briefText, readingText, runText, sourceText } from './directory-text.ts'

type Options = GlobalOptions & OrganisationOption

const MOST_BYTES = 32 * 1024 * 1024
const MOST_SHOWN = 200

function readFile(file: string): Buffer {
  try {
    if (file !== '/dev/stdin' && statSync(file).size > MOST_BYTES) throw new Error('is larger than 32 MB')
    return readFileSync(file)
  } catch (error) {
    throw new CommandError(`The list ${file} ${fileWords(error)}.`, exitCodes.usage)
  }
}

async function importFile(file: string, options: ListOptions): Promise<void> {
  const name = sourceNameOf(options)
  const bytes = readFile(file)
  await withContext(options, async (context) => {
    const { id: organisationId } = await chooseOrganisation(context.db, options)
    const wish = wishOf(options, { organisationId, source: { name, kind: PersonSource.csv } })
    let reading: CsvReading
    try {
      reading = readCsv(bytes)
    } catch (error) {
      if (!(error instanceof ListError)) throw error
      await noList(context, wish, error.message)
      throw new CommandError(`${file}: ${error.message}`, exitCodes.usage)
    }
    const { list: people, ...facts } = reading
    await bringList(context, options, wish, people, { facts, text: readingText(reading) })
  })
}

async function list(options: Options): Promise<void> {
  await withContext(options, async ({ db }) => {
    const { id } = await chooseOrganisation(db, options)
    const runs = await listRuns(db, id, { limit: MOST_SHOWN })
    show(options, { runs }, runs.length === 0 ? 'No list was ever read.' : runs.map(briefText).join('\n'))
  })
}

async function listSources(options: Options): Promise<void> {
  await withContext(options, async ({ db }) => {
    const { id } = await chooseOrganisation(db, options)
    const sources = await sourcesOf(db, id)
    show(options, { sources }, sources.length === 0 ? 'No list was ever read.' : sources.map(sourceText).join('\n'))
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
  withListOptions(
    addCommand(directory, 'import', 'read a CSV file of all people, and show what it would change'),
    'csv',
  )
    .argument('<file>', 'the list, with a heading: id;name;email;aliases;group')
    .action((file: string, _options: ListOptions, command: Command) => importFile(file, command.optsWithGlobals()))
  registerSync(directory)
  withOrganisation(
    addCommand(directory, 'sources', 'where lists come from: when the last one came, and the next'),
  ).action((_options: Options, command: Command) => listSources(command.optsWithGlobals()))
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
