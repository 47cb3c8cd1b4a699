/**
 * `holdfast alarms`: what needs a person, those that stand first; `alarms seen` ends the reminders of one. A question is
 * answered with `holdfast mode answer`. Works beside a running server, and without one.
 */
import type { Command } from 'commander'
import { acknowledgeAlarm, alarmsPage, type AlarmRow } from '../core/alarms/index.ts'
import { presentAlarm } from '../servers/admin/present-alarm.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, chooseOrganisations, withOrganisation } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext } from './context.ts'

type AlarmOptions = GlobalOptions & OrganisationOption
const MOST = 200

function line(row: AlarmRow): string {
  const { id, kind, routeName, probe, detail, openedAt, endedAt, acknowledgedBy } = presentAlarm(row)
  const about = [routeName, probe].filter((word) => word !== '').join(', ')
  const state =
    endedAt !== null ? `over since ${endedAt}` : acknowledgedBy ? `STANDS, seen by ${acknowledgedBy}` : 'STANDS'
  const ask = kind === 'ask-away' ? 'away' : kind === 'ask-home' ? 'home' : ''
  const todo =
    endedAt === null && ask !== '' ? `\n      Yes: holdfast mode answer ${JSON.stringify(routeName)} ${ask}` : ''
  return `  ${id}  ${kind.padEnd(13)} ${about}  since ${openedAt}  ${state}${detail === '' ? '' : `\n      ${detail}`}${todo}`
}

async function list(options: AlarmOptions): Promise<void> {
  await withContext(options, async ({ db }) => {
    const organisations = []
    for (const { id, name } of await chooseOrganisations(db, options))
      organisations.push({ id, name, alarms: await alarmsPage(db, id, { after: null, limit: MOST }) })
    const text = organisations
      .map(({ name, alarms }) => `${name}\n${alarms.length === 0 ? '  no alarms' : alarms.map(line).join('\n')}`)
      .join('\n')
    show(
      options,
      { organisations: organisations.map((one) => ({ ...one, alarms: one.alarms.map(presentAlarm) })) },
      text === '' ? 'There is no organisation yet.' : text,
    )
  })
}

async function seen(wanted: string, options: AlarmOptions): Promise<void> {
  await withContext(options, async ({ db, actor }) => {
    const organisation = await chooseOrganisation(db, options)
    const found = (await alarmsPage(db, organisation.id, { after: null, limit: MOST })).find(
      ({ alarmId }) => alarmId === wanted,
    )
    if (!found) throw new CommandError(`There is no alarm "${wanted}" in ${organisation.name}.`, exitCodes.usage)
    await acknowledgeAlarm(db, { organisationId: organisation.id, alarmId: found.alarmId, actor })
    show(options, { id: found.alarmId, acknowledged: true }, 'Seen: no more reminders.')
  })
}

export function register(program: Command): void {
  const alarms = withOrganisation(addCommand(program, 'alarms', 'what needs a person; those that stand first')).action(
    list,
  )
  withOrganisation(addCommand(alarms, 'seen', 'somebody looks after it: no more reminders'))
    .argument('<alarm>', 'its id')
    .action((wanted: string, _options: AlarmOptions, command: Command) => seen(wanted, command.optsWithGlobals()))
}
