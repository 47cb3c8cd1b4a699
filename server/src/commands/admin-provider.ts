/**
 * `holdfast admin provider`: who would have no way in while their organisation's identity provider is down, so that they get a letter
 * beforehand; and letting a person come with another account there.
 */
import type { Command } from 'commander'
import { onlyByProvider, untieProvider } from '../core/access/index.ts'
import { withOrganisation, chooseOrganisations, type OrganisationOption } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'
import { withAccess } from './with-access.ts'

const MOST_SHOWN = 50

async function standing(options: GlobalOptions & OrganisationOption): Promise<void> {
  await withContext(options, async ({ db }) => {
    const found: { organisation: string; people: string[] }[] = []
    for (const { id, name: organisation } of await chooseOrganisations(db, options)) {
      const people = await onlyByProvider(db, id)
      if (people) found.push({ organisation, people })
    }
    const text = found.flatMap(({ organisation, people }) => [
      people.length === 0
        ? `${organisation}: everybody has a way in without the identity provider.`
        : `${organisation}: ${people.length} have no way in without the identity provider (holdfast admin letters makes one):`,
      ...people.slice(0, MOST_SHOWN).map((one) => `  ${one}`),
      ...(people.length > MOST_SHOWN ? [`  and ${people.length - MOST_SHOWN} more (--json shows all)`] : []),
    ])
    show(
      options,
      { providers: found },
      text.length > 0 ? text.join('\n') : 'No organisation signs in by an identity provider.',
    )
  })
}

async function untie(name: string, options: GlobalOptions): Promise<void> {
  await withContext(options, (context) =>
    withAccess(context, async (access) => {
      const whose = await access.find(name)
      if (!whose) throw new CommandError(`Nobody signs in as "${name}".`, exitCodes.failed)
      const { organisationId, subjectId: personId } = whose
      const isUntied =
        organisationId !== null && (await untieProvider(context.db, { organisationId, personId, actor: context.actor }))
      if (!isUntied) throw new CommandError(`${name} never came by an identity provider.`, exitCodes.failed)
      show(
        options,
        { untied: name },
        `${name} can come with another account of the identity provider now: the next one that has their name there is theirs. Sessions by the one before were ended.`,
      )
    }),
  )
}

export function addProviderCommand(admin: Command): void {
  withOrganisation(addCommand(admin, 'provider', 'who has no way in without the identity provider'))
    .option('--untie <name>', 'let a person come with another account of the identity provider')
    .action((_options: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & OrganisationOption & { untie?: string }>()
      return options.untie === undefined ? standing(options) : untie(options.untie, options)
    })
}
