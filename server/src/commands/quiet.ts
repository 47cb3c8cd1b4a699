/**
 * `holdfast quiet`: every window of Quiet Time, how it stands and what it holds; let its mail go early, keep it open for
 * longer, list what is held. Windows are set in the organisation's file (holdfast apply) or on the page. Works beside a
 * running server, which notices within a second, and without one.
 */
import type { Command } from 'commander'
import {
  dropWindow,
  extendWindow,
  heldPage,
  listWindows,
  releaseDelivery,
  releaseWindow,
  type HeldRow,
  type WindowView,
} from '../core/quiet/index.ts'
import { NIL_ID, isId, type Id } from '../platform/ids.ts'
import { presentHeld, presentWindow, whenText } from '../servers/admin/present-quiet.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, chooseOrganisations, withOrganisation } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'

type QuietOptions = GlobalOptions & OrganisationOption

function line(window: WindowView): string {
  const whom = window.target === 'all' ? 'everybody' : `${window.target} ${window.targetName ?? '(gone)'}`
  const standing = window.open
    ? `OPEN until ${window.open.until.toISOString()}${window.extendedUntil ? ' (extended)' : ''}`
    : window.releasedUntil
      ? `released; closed until ${window.releasedUntil.toISOString()}`
      : window.next
        ? `next ${window.next.from.toISOString()} to ${window.next.until.toISOString()}`
        : 'never again'
  const plan = window.plan === null ? 'its plan is not valid: it holds nothing' : whenText(window.plan)
  const modes = window.plan === null || window.plan.modes === 'judged' ? '' : `  modes: ${window.plan.modes}`
  return `  ${window.name}${window.isProviders ? " (the provider's)" : ''}: ${whom}, ${plan}${modes}\n      ${standing}  held ${window.held}`
}

async function list(options: QuietOptions): Promise<void> {
  await withContext(options, async ({ db }) => {
    const found = await chooseOrganisations(db, options)
    const organisations = []
    for (const { id, name } of found) organisations.push({ id, name, windows: await listWindows(db, id) })
    const text = organisations
      .map(
        ({ name, windows }) => `${name}\n${windows.length === 0 ? '  no quiet times' : windows.map(line).join('\n')}`,
      )
      .join('\n')
    show(
      options,
      { organisations: organisations.map((one) => ({ ...one, windows: one.windows.map(presentWindow) })) },
      text === '' ? 'There is no organisation yet.' : text,
    )
  })
}

const heldLine = (row: HeldRow): string =>
  `${row.deliveryId}  ${row.acceptedAt.toISOString()}  ${row.from || '<>'} -> ${row.recipient}  held by "${row.window}" until ${row.until.toISOString()}`

async function held(options: QuietOptions & { limit?: string }): Promise<void> {
  const limit = Number(options.limit ?? 100)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new CommandError('--limit: a number from 1 to 100000', exitCodes.usage)
  await withContext(options, async ({ db }) => {
    const organisation = await chooseOrganisation(db, options)
    const rows = await heldPage(db, organisation.id, { after: null, limit })
    show(
      options,
      { items: rows.map(presentHeld) },
      rows.length === 0 ? 'Nothing is held.' : rows.map(heldLine).join('\n'),
    )
  })
}

/** By name or id, an organisation's own before the provider's. */
async function find({ db }: Context, organisation: { id: Id; name: string }, wanted: string): Promise<WindowView> {
  const windows = (await listWindows(db, organisation.id)).sort((a, b) => Number(a.isProviders) - Number(b.isProviders))
  const found = windows.find(({ id, name }) => id === wanted || name === wanted)
  if (found) return found
  const known = windows.map(({ name }) => `"${name}"`).join(', ')
  throw new CommandError(
    `There is no quiet time "${wanted}" in ${organisation.name}${known === '' ? '' : `; there are ${known}`}.`,
    exitCodes.usage,
  )
}

type Act = (context: Context, one: { organisationId: Id; windowId: Id; actor: string }) => Promise<void>
type Chosen = { context: Context; organisation: { id: Id; name: string } }

const inOrganisation = (options: QuietOptions, work: (chosen: Chosen) => Promise<void>): Promise<void> =>
  withContext(options, async (context) =>
    work({ context, organisation: await chooseOrganisation(context.db, options) }),
  )

/** One act on one window; shows how it stands afterwards. */
async function act({ context, organisation }: Chosen, wanted: string, options: QuietOptions, work: Act): Promise<void> {
  const { id, isProviders } = await find(context, organisation, wanted)
  await work(context, {
    organisationId: isProviders ? NIL_ID : organisation.id,
    windowId: id,
    actor: context.actor,
  })
  const after = (await listWindows(context.db, organisation.id)).find((window) => window.id === id)
  show(options, after ? presentWindow(after) : { id, removed: true }, after ? line(after).trim() : 'Removed.')
}

/** A delivery where it is the id of no window. */
const release = (wanted: string, options: QuietOptions): Promise<void> =>
  inOrganisation(options, async (chosen) => {
    const { context, organisation } = chosen
    const windows = await listWindows(context.db, organisation.id)
    if (!isId(wanted) || windows.some(({ id, name }) => id === wanted || name === wanted))
      return act(chosen, wanted, options, releaseWindow)
    await releaseDelivery(context, { organisationId: organisation.id, deliveryId: wanted, actor: context.actor })
    show(options, { deliveryId: wanted, released: true }, 'It goes now.')
  })

export function register(program: Command): void {
  const quiet = withOrganisation(addCommand(program, 'quiet', 'planned holding of mail: windows, what is held')).action(
    list,
  )
  withOrganisation(addCommand(quiet, 'held', 'what waits for the end of a quiet time now'))
    .option('--limit <n>', 'how many (100)')
    .action((_options: QuietOptions, command: Command) => held(command.optsWithGlobals()))
  withOrganisation(addCommand(quiet, 'release', 'let what a window holds go now; or one message, by its delivery'))
    .argument('<window>', 'its name or id; or the id of a delivery')
    .action((wanted: string, _options: QuietOptions, command: Command) => release(wanted, command.optsWithGlobals()))
  withOrganisation(addCommand(quiet, 'extend', 'keep a window open for longer, or open it now'))
    .argument('<window>', 'its name or id')
    .requiredOption('--until <time>', 'when it closes: 2026-11-30T06:00:00Z')
    .action(async (wanted: string, _options: QuietOptions, command: Command) => {
      const options = command.optsWithGlobals<QuietOptions & { until: string }>()
      const until = new Date(options.until)
      if (Number.isNaN(until.getTime()))
        throw new CommandError(`--until: "${options.until}" is no time (2026-11-30T06:00:00Z)`, exitCodes.usage)
      await inOrganisation(options, (chosen) =>
        act(chosen, wanted, options, (context, one) => extendWindow(context, { ...one, until })),
      )
    })
  withOrganisation(addCommand(quiet, 'remove', 'take a window away; what it holds goes now'))
    .argument('<window>', 'its name or id')
    .action((wanted: string, _options: QuietOptions, command: Command) => {
      const options = command.optsWithGlobals<QuietOptions>()
      return inOrganisation(options, (chosen) => act(chosen, wanted, options, dropWindow))
    })
}
