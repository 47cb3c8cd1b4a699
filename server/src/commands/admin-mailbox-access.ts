/**
 * `holdfast admin mailbox-access`: who asked for whose mailbox, and closing what is open. Nobody approves here: at the machine it
 * is not known who types, so a shell is no second person.
 */
import type { Command } from 'commander'
import { createFourEyes, isOver, type AccessRow, type By } from '../core/four-eyes/index.ts'
import { organisations } from '../core/trace/index.ts'
import { MailboxAccessPurpose, MailboxAccessState, wordOf } from '../platform/codes.ts'
import { WireError } from '../platform/errors.ts'
import { isId, NIL_ID, type Id } from '../platform/ids.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext, type Context } from './context.ts'

type Options = GlobalOptions & { end?: string; decline?: string }
const MOST = 200

const stateOf = (row: AccessRow): string => isOver(row) ?? wordOf(MailboxAccessState, row.state)

const line = (row: AccessRow): string =>
  [
    `${row.accessId}  ${stateOf(row)}: ${row.mailboxName}, asked for by ${row.askerName} (${wordOf(MailboxAccessPurpose, row.purpose)}, ${row.minutes} minutes) on ${row.askedAt.toISOString()}`,
    `    ${row.reason.replace(/\s+/g, ' ')}`,
    ...(row.decidedBy === null
      ? []
      : [`    decided by ${row.decidedBy}${row.expiresAt ? `, until ${row.expiresAt.toISOString()}` : ''}`]),
  ].join('\n')

const plain = ({ now: _now, ...row }: AccessRow) => ({
  ...row,
  state: wordOf(MailboxAccessState, row.state),
  purpose: wordOf(MailboxAccessPurpose, row.purpose),
})

function idOf(text: string): Id {
  const id = text.trim().toLowerCase()
  if (!isId(id))
    throw new CommandError(`"${text}" is not an id; "holdfast admin mailbox-access" shows them`, exitCodes.usage)
  return id
}

async function run(context: Context, options: Options): Promise<void> {
  const fourEyes = createFourEyes({ db: context.db, clock: context.clock })
  const by: By = { actor: context.actor, kind: 'operator', subjectId: NIL_ID, organisationId: null }
  const all = await organisations(context.db, null)
  const wanted = options.end ?? options.decline
  if (wanted === undefined) {
    const rows: AccessRow[] = []
    for (const { id } of all) rows.push(...(await fourEyes.list(id, { before: null, limit: MOST })))
    const text = rows.length > 0 ? rows.map(line).join('\n') : 'Nobody has asked for a mailbox.'
    return show(options, { mailboxAccess: rows.map(plain) }, text)
  }
  const accessId = idOf(wanted)
  for (const { id: organisationId } of all)
    try {
      const which = { organisationId, accessId }
      const row =
        options.end === undefined
          ? await fourEyes.decide(which, by, { approve: false, note: '' })
          : await fourEyes.end(which, by)
      return show(options, { mailboxAccess: [plain(row)] }, line(row))
    } catch (error) {
      if (!(error instanceof WireError) || error.code !== 'not-found')
        throw new CommandError(error instanceof Error ? error.message : String(error), exitCodes.failed)
    }
  throw new CommandError(`There is no request ${accessId}.`, exitCodes.failed)
}

export function addMailboxAccessCommand(admin: Command): void {
  addCommand(admin, 'mailbox-access', "who asked for whose mailbox, and closing what is open (approving is the pages')")
    .option('--end <id>', 'close it at once')
    .option('--decline <id>', 'keep closed what waits')
    .action((_options: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      if (options.end !== undefined && options.decline !== undefined)
        throw new CommandError('one of --end and --decline', exitCodes.usage)
      for (const wish of [options.end, options.decline]) if (wish !== undefined) idOf(wish)
      return withContext(options, (context) => run(context, options))
    })
}
