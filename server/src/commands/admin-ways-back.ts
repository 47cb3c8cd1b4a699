/**
 * `holdfast admin ways-back`: who could sign in with everything else away, and asking people for a private address beforehand, by mail
 * with reminders. Without an option it only looks.
 */
import { InvalidArgumentError, type Command } from 'commander'
import {
  beginCampaign,
  campaignStanding,
  LEAST_EVERY_DAYS,
  MOST_EVERY_DAYS,
  MOST_TIMES,
  stopCampaign,
  waysBackCounts,
  type WaysBackCounts,
} from '../core/ways-back/index.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext } from './context.ts'

interface WaysBackOptions extends GlobalOptions, OrganisationOption {
  ask?: boolean
  stop?: boolean
  every: number
  times: number
}

const countsText = (name: string, { people, none, password, withCodes, withContact }: WaysBackCounts): string[] => [
  `${name}: ${people} people sign in to an emergency mailbox.`,
  `  ${none} have no way in while the directory or identity provider is away, but by the help desk`,
  `  ${password} have nothing but a password, which they may have forgotten`,
  `  ${withCodes} have unused codes on paper (holdfast admin letters)`,
  `  ${withContact} have a confirmed private address (holdfast admin ways-back --ask)`,
]

async function waysBack(options: WaysBackOptions): Promise<void> {
  await withContext(options, async (context) => {
    const { db, clock, actor } = context
    const { id: organisationId, name } = await chooseOrganisation(db, options)
    if (options.ask && options.stop)
      throw new CommandError('Either --ask or --stop: both at once say nothing.', exitCodes.usage)
    const { everyDays, times } = { everyDays: options.every, times: options.times }
    if (options.ask)
      await beginCampaign(
        { db, clock, publicUrl: context.config.publicUrl },
        { organisationId, everyDays, times, actor },
      )
    if (options.stop) await stopCampaign(db, { organisationId, actor })
    const counts = await waysBackCounts(db, organisationId)
    const campaign = await campaignStanding(db, organisationId)
    const lines = countsText(name, counts)
    if (campaign) {
      const { startedAt, stoppedAt, asked, exhausted, unreachable, left } = campaign
      lines.push(
        stoppedAt
          ? `Nobody is asked any more, since ${stoppedAt.toISOString()}.`
          : `People without a private address are asked since ${startedAt.toISOString()}, every ${campaign.everyDays} days, ${campaign.times} times at most:`,
        `  ${asked} were asked and have confirmed none yet, ${exhausted} of them for the last time; ${left} are still to be asked`,
        ...(unreachable > 0 ? [`  ${unreachable} could not be reached: look at the log for why`] : []),
      )
    }
    show(options, { organisation: name, ...counts, campaign }, lines.join('\n'))
  })
}

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most}, please`)
    return value
  }

export function addWaysBackCommand(admin: Command): void {
  withOrganisation(
    addCommand(admin, 'ways-back', 'who could sign in on the worst day, and asking for private addresses'),
  )
    .option('--ask', 'ask everybody without a private address for one, by mail, with reminders')
    .option('--every <days>', 'days between reminders', whole(LEAST_EVERY_DAYS, MOST_EVERY_DAYS), 7)
    .option('--times <n>', 'most mails to the same person', whole(1, MOST_TIMES), 4)
    .option('--stop', 'ask nobody any more')
    .action((_options: WaysBackOptions, command: Command) => waysBack(command.optsWithGlobals()))
}
