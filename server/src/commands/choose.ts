/** What several commands ask for: which organisation, which of its routes, an id. */
import type { Command } from 'commander'
import { organisationByName } from '../core/trace/index.ts'
import type { OrganisationRow } from '../core/trace/index.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { isId } from '../platform/ids.ts'
import { CommandError, exitCodes } from './command.ts'

export interface OrganisationOption {
  organisation?: string
}

export const withOrganisation = (command: Command): Command =>
  command.option('-o, --organisation <name>', 'short name or id; needed when there are several')

/** The organisation named, or the only one. */
export async function chooseOrganisation(sql: Sql, options: OrganisationOption): Promise<OrganisationRow> {
  const found = await organisationByName(sql, options.organisation ?? null)
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new CommandError(
      options.organisation === undefined
        ? 'There is no organisation yet; make one with "holdfast apply".'
        : `There is no organisation "${options.organisation}".`,
      exitCodes.usage,
    )
  throw new CommandError(
    `Which organisation? Say --organisation: ${found.map((each) => each.name).join(', ')}`,
    exitCodes.usage,
  )
}

/** All organisations, or the one named. */
export async function chooseOrganisations(sql: Sql, options: OrganisationOption): Promise<OrganisationRow[]> {
  return options.organisation === undefined ? organisationByName(sql, null) : [await chooseOrganisation(sql, options)]
}

export function idArgument(text: string): Id {
  const id = text.trim().toLowerCase()
  if (!isId(id)) throw new CommandError(`"${text}" is not an id; "holdfast queue" shows them`, exitCodes.usage)
  return id
}
