/**
 * `holdfast mode`: the mode of every route, since when and why, and what else is pinned; of one person who decided theirs.
 * `mode pin` and `mode unpin` switch by hand: a route, or all mail of an organisation, a domain, a group or a person. Works
 * beside a running server, which notices at once, and without one.
 */
import type { Command } from 'commander'
import { createContinuity, findTarget, pinsOf } from '../core/continuity/index.ts'
import type { Continuity, PinRow, RouteOverview } from '../core/continuity/index.ts'
import { createRouteBook } from '../core/directory/index.ts'
import { listPeople } from '../core/trace/index.ts'
import { Pin, PinTarget, wordOf } from '../platform/codes.ts'
import type { Database } from '../platform/db/database.ts'
import { newId, type Id } from '../platform/ids.ts'
import { presentPerson } from '../servers/admin/present.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, chooseOrganisations, withOrganisation } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { withContext } from './context.ts'

type ModeOptions = GlobalOptions & OrganisationOption
type TargetOptions = ModeOptions & { everybody?: boolean; domain?: string; group?: string; person?: string }
type PinOptions = TargetOptions & { reason?: string; until?: string }
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
  return `  ${route.name.padEnd(20)} ${route.mode.padEnd(14)} since ${route.since}  ${route.cause}  open ${route.open}  held ${route.held}${pin}${why}${blind}${asks}${mailboxLines(route)}`
}

const pinLine = (pin: PinRow): string =>
  `  ${wordOf(PinTarget, pin.target)} ${pin.name ?? '(gone)'}: pinned ${wordOf(Pin, pin.pin)} by ${pin.author}: ${pin.reason}${pin.until ? `  until ${pin.until.toISOString()}` : ''}`

function mailboxLines({ mailboxes }: RouteOverview): string {
  if (mailboxes.failing === 0) return ''
  const head = mailboxes.isPart ? 'part of the route is down: ' : ''
  const people = mailboxes.people.map((one) => `\n        ${one.name} since ${one.since}: ${one.lastText ?? ''}`)
  return `\n      ${head}mailboxes that fail: ${mailboxes.failing}${people.join('')}`
}

/** What is pinned besides routes, as the API gives it. */
const presentPin = (pin: PinRow) => ({
  target: wordOf(PinTarget, pin.target),
  targetId: pin.targetId,
  name: pin.name,
  kind: wordOf(Pin, pin.pin),
  reason: pin.reason,
  author: pin.author,
  since: pin.since,
  until: pin.until,
})

/** Who decided a person's mode, and why. */
async function ofPerson(wanted: string, options: ModeOptions): Promise<void> {
  await withContext(options, async ({ db }) => {
    const organisation = await chooseOrganisation(db, options)
    const id = await targetId(db, organisation, 'person', wanted)
    const row = (await listPeople(db, organisation.id, { q: wanted, limit: 1000 })).find((one) => one.id === id)
    if (!row) throw new CommandError(`There is no person "${wanted}" in ${organisation.name}.`, exitCodes.usage)
    const person = presentPerson(row, new Map())
    const { decided } = person
    const by = decided && (decided.by === 'mailbox' ? 'their mailbox fails' : `decided by: ${decided.by}`)
    const why = [by, decided?.author, decided?.reason].filter(Boolean).join(', ')
    const until = decided?.until ? `  until ${decided.until}` : ''
    show(options, person, `${person.addresses[0] ?? person.name}  ${person.mode ?? 'no route'}  ${why}${until}`)
  })
}

async function targetId(
  db: Database,
  organisation: { id: Id; name: string },
  kind: TargetWord,
  wanted: string,
): Promise<Id> {
  const id = await findTarget(db, organisation.id, PinTarget[kind], kind === 'group' ? wanted : wanted.toLowerCase())
  if (id === null) throw new CommandError(`There is no ${kind} "${wanted}" in ${organisation.name}.`, exitCodes.usage)
  return id
}

type TargetWord = keyof typeof PinTarget

/** What the options name besides a route; null: nothing. */
function targetOf(options: TargetOptions): { kind: TargetWord; wanted: string } | null {
  const named = (['domain', 'group', 'person'] as const).flatMap((kind): { kind: TargetWord; wanted: string }[] =>
    options[kind] === undefined ? [] : [{ kind, wanted: options[kind] }],
  )
  if (options.everybody) named.push({ kind: 'organisation', wanted: '' })
  if (named.length > 1) throw new CommandError('name one of --everybody, --domain, --group, --person', exitCodes.usage)
  return named[0] ?? null
}

async function setTargetPin(
  { kind, wanted }: { kind: TargetWord; wanted: string },
  pin: (typeof pins)[number] | null,
  options: PinOptions,
): Promise<void> {
  const until = endOf(options)
  await withContext(options, (context) =>
    withContinuity(context, async (continuity) => {
      const organisation = await chooseOrganisation(context.db, options)
      const id = kind === 'organisation' ? organisation.id : await targetId(context.db, organisation, kind, wanted)
      const after = await continuity.pins.pinTarget({
        organisationId: organisation.id,
        target: kind,
        targetId: id,
        pin,
        reason: options.reason ?? '',
        until,
        actor: context.actor,
      })
      show(options, { pin: after && presentPin(after) }, after ? pinLine(after).trim() : 'no pin')
    }),
  )
}

function endOf(options: PinOptions): Date | null {
  const until = options.until === undefined ? null : new Date(options.until)
  if (until && Number.isNaN(until.getTime()))
    throw new CommandError(`--until: "${options.until}" is no time (2026-11-30T06:00:00Z)`, exitCodes.usage)
  return until
}

async function list(options: TargetOptions): Promise<void> {
  if (options.person !== undefined) return ofPerson(options.person, options)
  await withContext(options, (context) =>
    withContinuity(context, async (continuity) => {
      const found = await chooseOrganisations(context.db, options)
      const organisations = await Promise.all(
        found.map(async ({ id, name }) => ({
          id,
          name,
          routes: await continuity.overview(id),
          pins: await pinsOf(context.db, id),
        })),
      )
      const text = organisations
        .map((one) => [one.name, ...one.routes.map(line), ...one.pins.map(pinLine)].join('\n'))
        .join('\n')
      const shown = organisations.map((one) => ({ ...one, pins: one.pins.map(presentPin) }))
      show(options, { organisations: shown }, text === '' ? 'There is no organisation yet.' : text)
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
  const until = endOf(options)
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
  const mode = withOrganisation(addCommand(program, 'mode', 'show the mode of routes and what is pinned; pin by hand'))
    .option('--person <address>', 'who decided the mode of this person, and why')
    .action(list)
  const withTarget = (command: Command): Command =>
    withOrganisation(command)
      .option('--everybody', 'all of the organisation, instead of a route')
      .option('--domain <name>', 'mail of a domain, instead of a route')
      .option('--group <name>', 'the people of a group, instead of a route')
      .option('--person <address>', 'one person, instead of a route')
  withTarget(addCommand(mode, 'pin', 'pin a route, or whose mail it is, to a mode'))
    .argument('[route]', 'its name or id; left out where the options say whose mail it is')
    .argument('[mode]', pins.join(', '))
    .requiredOption('--reason <text>', 'why; everybody sees it, the audit keeps it')
    .option('--until <time>', 'the pin ends by itself')
    .action(async (first: string | undefined, second: string | undefined, _options: PinOptions, command: Command) => {
      const options = command.optsWithGlobals<PinOptions>()
      const target = targetOf(options)
      if (target && second !== undefined)
        throw new CommandError(`take the route "${first}" away, or --${target.kind}`, exitCodes.usage)
      const [given, word] = target ? ['', first ?? ''] : [first ?? '', second ?? '']
      let route = given
      let pin = pins.find((each) => each === word)
      // said the other way round, it can mean only one thing
      const swapped = pin === undefined ? pins.find((each) => each === route) : undefined
      if (swapped && !target) [pin, route] = [swapped, word]
      if (!pin) throw new CommandError(`"${word}" is no mode to pin to; take ${pins.join(', ')}`, exitCodes.usage)
      await (target ? setTargetPin(target, pin, options) : setPin(route, pin, options))
    })
  withTarget(addCommand(mode, 'unpin', 'take the pin away; what is wider decides again'))
    .argument('[route]', 'its name or id; left out where the options say whose mail it is')
    .option('--reason <text>', 'why')
    .action((route: string | undefined, _options: PinOptions, command: Command) => {
      const options = command.optsWithGlobals<PinOptions>()
      const target = targetOf(options)
      return target ? setTargetPin(target, null, options) : setPin(route ?? '', null, options)
    })
  withOrganisation(addCommand(mode, 'answer', 'yes to what the engine asks by the switching policy, or would do'))
    .argument('<route>', 'its name or id')
    .argument('<direction>', 'away (into the emergency) or home (out of it)')
    .action((route: string, direction: string, _options: ModeOptions, command: Command) =>
      answer(route, direction, command.optsWithGlobals()),
    )
}
