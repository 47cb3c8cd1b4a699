/**
 * `holdfast mode`: the mode of every route, since when and why; `mode pin` and `mode unpin` switch by hand. Works beside a
 * running server, which notices at once, and without one.
 */
import type { Command } from 'commander'
import { createContinuity } from '../core/continuity/index.ts'
import type { Continuity, RouteOverview } from '../core/continuity/index.ts'
import { createRouteBook } from '../core/directory/index.ts'
import { newId, type Id } from '../platform/ids.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, chooseOrganisations, withOrganisation } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { withContext } from './context.ts'

type ModeOptions = GlobalOptions & OrganisationOption
type PinOptions = ModeOptions & { reason?: string; until?: string }
const pins = ['emergency', 'normal', 'hold'] as const

/** The engine without judging: it shows and pins, the server judges. */
async function withContinuity<T>(context: Context, work: (continuity: Continuity) => Promise<T>): Promise<T> {
  const { db, clock, log, config } = context
  const routes = createRouteBook({ db, clock, log })
  await routes.refresh()
  return work(
    createContinuity({ db, clock, log, nodeId: newId(clock.now()), routes, helo: config.hostname, judging: false }),
  )
}

function line(route: RouteOverview): string {
  const pin = route.pin ? `  pinned ${route.pin.kind} by ${route.pin.author ?? '?'}: ${route.pin.reason ?? ''}` : ''
  // in whole words, where there is something to explain
  const why = route.mode !== 'normal' && route.detail ? `\n      ${route.detail}` : ''
  const blind = route.blind
    ? `\n      Cannot be judged since ${route.blind.since}, so the mode stays as it is: ${route.blind.why}`
    : ''
  const { question } = route
  const asks = question
    ? `\n      ${question.policy === 'ask' ? 'ASKS' : 'Would'} (by the switching policy) to become ${question.to} since ${question.since}: ${question.detail}\n      Do it: holdfast mode answer ${JSON.stringify(route.name)} ${question.direction}`
    : ''
  return `  ${route.name.padEnd(20)} ${route.mode.padEnd(14)} since ${route.since}  ${route.cause}  open ${route.open}  held ${route.held}${pin}${why}${blind}${asks}`
}

async function list(options: ModeOptions): Promise<void> {
  await withContext(options, (context) =>
    withContinuity(context, async (continuity) => {
      const found = await chooseOrganisations(context.db, options)
      const organisations = await Promise.all(
        found.map(async ({ id, name }) => ({ id, name, routes: await continuity.overview(id) })),
      )
      const text = organisations.map(({ name, routes }) => `${name}\n${routes.map(line).join('\n')}`).join('\n')
      show(options, { organisations }, text === '' ? 'There is no organisation yet.' : text)
    }),
  )
}

async function findRoute(
  continuity: Continuity,
  organisation: { id: Id; name: string },
  wanted: string,
): Promise<RouteOverview> {
  const route = (await continuity.overview(organisation.id)).find(({ id, name }) => name === wanted || id === wanted)
  if (!route) throw new CommandError(`There is no route "${wanted}" in ${organisation.name}.`, exitCodes.usage)
  return route
}

async function setPin(routeName: string, pin: (typeof pins)[number] | null, options: PinOptions): Promise<void> {
  const until = options.until === undefined ? null : new Date(options.until)
  if (until && Number.isNaN(until.getTime()))
    throw new CommandError(`--until: "${options.until}" is no time (2026-11-30T06:00:00Z)`, exitCodes.usage)
  await withContext(options, (context) =>
    withContinuity(context, async (continuity) => {
      const organisation = await chooseOrganisation(context.db, options)
      const route = await findRoute(continuity, organisation, routeName)
      await continuity.pins.pinRoute({
        organisationId: organisation.id,
        routeId: route.id,
        pin,
        reason: options.reason ?? '',
        until,
        actor: context.actor,
      })
      const now = await findRoute(continuity, organisation, routeName)
      show(options, now, line(now).trim())
    }),
  )
}

async function answer(routeName: string, word: string, options: ModeOptions): Promise<void> {
  if (word !== 'away' && word !== 'home') throw new CommandError(`"${word}" is neither away nor home`, exitCodes.usage)
  await withContext(options, (context) =>
    withContinuity(context, async (continuity) => {
      const organisation = await chooseOrganisation(context.db, options)
      const { id } = await findRoute(continuity, organisation, routeName)
      const { actor } = context
      await continuity.pins.answer({ organisationId: organisation.id, routeId: id, direction: word, actor })
      const now = await findRoute(continuity, organisation, id)
      show(options, now, line(now).trim())
    }),
  )
}

export function register(program: Command): void {
  const mode = withOrganisation(addCommand(program, 'mode', 'show the mode of routes; pin it by hand')).action(list)
  withOrganisation(addCommand(mode, 'pin', 'pin a route to a mode'))
    .argument('<route>', 'its name or id')
    .argument('<mode>', pins.join(', '))
    .requiredOption('--reason <text>', 'why; everybody sees it, the audit keeps it')
    .option('--until <time>', 'the pin ends by itself')
    .action(async (route: string, word: string, _options: PinOptions, command: Command) => {
      let pin = pins.find((each) => each === word)
      // said the other way round, it can mean only one thing
      const swapped = pin === undefined ? pins.find((each) => each === route) : undefined
      if (swapped) [pin, route] = [swapped, word]
      if (!pin) throw new CommandError(`"${word}" is no mode to pin to; take ${pins.join(', ')}`, exitCodes.usage)
      await setPin(route, pin, command.optsWithGlobals())
    })
  withOrganisation(addCommand(mode, 'unpin', 'take the pin away; the engine judges again'))
    .argument('<route>', 'its name or id')
    .option('--reason <text>', 'why')
    .action((route: string, _options: PinOptions, command: Command) => setPin(route, null, command.optsWithGlobals()))
  withOrganisation(addCommand(mode, 'answer', 'yes to what the engine asks by the switching policy, or would do'))
    .argument('<route>', 'its name or id')
    .argument('<direction>', 'away (into the emergency) or home (out of it)')
    .action((route: string, direction: string, _options: ModeOptions, command: Command) =>
      answer(route, direction, command.optsWithGlobals()),
    )
}
