/** What the commands that bring a list of people have in common: their options, and how the engine's answer is shown. */
import type { Command } from 'commander'
import { importList, noteFailed, RunError, type RunDeps, type RunWish } from '../core/directory/index.ts'
import { placeWaiting } from '../core/mailbox/index.ts'
import { withOrganisation, type OrganisationOption } from './choose.ts'
import { CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import type { Context } from './context.ts'
import { runText } from './directory-text.ts'

export type ListOptions = GlobalOptions & OrganisationOption & { source: string; dryRun?: boolean; apply?: boolean }

export const depsOf = ({ db, clock, actor }: Context): RunDeps => ({ db, clock, actor, placeWaiting })

/** What the engine says no to is an answer, not a fault. */
export async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunError) throw new CommandError(error.message, exitCodes.failed)
    throw error
  }
}

export const withListOptions = (command: Command, source: string): Command =>
  withOrganisation(command)
    .option('--source <name>', 'where it comes from; a source knows its people by their ids', source)
    .option('--dry-run', 'only show; keep nothing')
    .option('--apply', 'carry it out at once where it is not the first list and keeps to the limits of the source')

/** Throws for options that say nothing, or two things. */
export function sourceNameOf({ source, dryRun, apply }: ListOptions): string {
  if (dryRun && apply) throw new CommandError('--dry-run or --apply, not both', exitCodes.usage)
  const name = source.trim()
  if (name === '' || name.length > 100)
    throw new CommandError('--source takes a name of 1 to 100 letters', exitCodes.usage)
  return name
}

export const wishOf = (
  { dryRun = false, apply = false }: ListOptions,
  of: Pick<RunWish, 'organisationId' | 'source'>,
): RunWish => ({ ...of, isDryRun: dryRun, isUnasked: apply })

/** No list came: nothing is changed, and but for a dry run that is kept. */
export async function noList(context: Context, wish: RunWish, why: string): Promise<void> {
  if (!wish.isDryRun) await answered(() => noteFailed(depsOf(context), wish, why))
}

/** `reading`: how the list was read, and the same in words. */
export async function bringList(
  context: Context,
  options: ListOptions,
  wish: RunWish,
  list: Parameters<typeof importList>[2],
  reading: { facts: object; text: string },
): Promise<void> {
  const run = await answered(() => importList(depsOf(context), wish, list))
  show(
    options,
    { run, reading: reading.facts, dryRun: wish.isDryRun },
    `${reading.text}\n\n${runText(run, wish.isDryRun)}`,
  )
  // Whoever runs this by the clock hears that somebody is asked.
  if (wish.isUnasked && run.state !== 'applied') process.exitCode = exitCodes.failed
}
