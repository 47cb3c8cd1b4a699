/**
 * `holdfast notices`: of each mail system, whether people are told of an outage at their private addresses and how far that
 * has come; tell them now; tell nobody (more) of this outage. A running server does the sending.
 */
import type { Command } from 'commander'
import { routeNotices, suppressNotices, tellPeople, type RouteNotices } from '../core/notices/index.ts'
import { presentNotices } from '../servers/admin/present-notices.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, chooseOrganisations, withOrganisation } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'

type NoticeOptions = GlobalOptions & OrganisationOption

const depsOf = ({ db, clock, config }: Context) => ({ db, clock, publicUrl: config.publicUrl })

function line({ routeName, people, automatic, afterMinutes, hasUrl, dueAt, outage }: RouteNotices): string {
  const plan = !hasUrl
    ? 'nobody is told: publicUrl is not set'
    : automatic
      ? `told after ${afterMinutes} min of an emergency`
      : 'told by an admin only'
  const head = `  ${routeName}: ${people} people with a private address, ${plan}`
  if (outage === null) return head
  const standing =
    outage.toldAt === null
      ? outage.suppressedAt
        ? 'suppressed'
        : dueAt
          ? `people are told at ${dueAt.toISOString()}`
          : 'nobody was told'
      : `${outage.told} of ${outage.total} told since ${outage.toldAt.toISOString()} by ${outage.toldBy ?? ''}` +
        (outage.failed > 0 ? `, no way to ${outage.failed}` : '') +
        (outage.suppressedAt ? ', suppressed' : '') +
        (outage.overAt ? `, ${outage.overTold} told that it is over` : '')
  const when = `outage since ${outage.beganAt.toISOString()}${outage.overAt ? `, over ${outage.overAt.toISOString()}` : ''}`
  return `${head}\n      ${when}: ${standing}`
}

async function list(options: NoticeOptions): Promise<void> {
  await withContext(options, async (context) => {
    const organisations = []
    for (const { id, name } of await chooseOrganisations(context.db, options))
      organisations.push({ id, name, routes: await routeNotices(depsOf(context), id) })
    const text = organisations.map(({ name, routes }) => [name, ...routes.map(line)].join('\n')).join('\n')
    show(
      options,
      { organisations: organisations.map((one) => ({ ...one, routes: one.routes.map(presentNotices) })) },
      text === '' ? 'There is no organisation yet.' : text,
    )
  })
}

type Act = (context: Context, act: { organisationId: string; routeId: string; actor: string }) => Promise<unknown>

/** One act on a mail system, by name or id; shows how it stands afterwards. */
const act = (wanted: string, options: NoticeOptions, work: Act): Promise<void> =>
  withContext(options, async (context) => {
    const { id, name } = await chooseOrganisation(context.db, options)
    const routes = await routeNotices(depsOf(context), id)
    const found = routes.find(({ routeId, routeName }) => routeId === wanted || routeName === wanted)
    if (!found)
      throw new CommandError(
        `There is no mail system "${wanted}" in ${name}; there are ${routes.map((one) => `"${one.routeName}"`).join(', ')}.`,
        exitCodes.usage,
      )
    await work(context, { organisationId: id, routeId: found.routeId, actor: context.actor })
    const after = (await routeNotices(depsOf(context), id)).find(({ routeId }) => routeId === found.routeId)!
    show(options, presentNotices(after), line(after).trim())
  })

export function register(program: Command): void {
  const notices = withOrganisation(
    addCommand(program, 'notices', 'what people are told of an outage, and how many'),
  ).action(list)
  withOrganisation(addCommand(notices, 'send', 'tell people now, at their private addresses'))
    .argument('<route>', 'name or id of the mail system')
    .option('--text <words>', 'what to say besides')
    .action((wanted: string, _options: NoticeOptions, command: Command) => {
      const options = command.optsWithGlobals<NoticeOptions & { text?: string }>()
      return act(wanted, options, (context, one) =>
        tellPeople(depsOf(context), { ...one, ownText: options.text ?? null }),
      )
    })
  withOrganisation(addCommand(notices, 'suppress', 'tell nobody (more) of this outage'))
    .argument('<route>', 'name or id of the mail system')
    .action((wanted: string, _options: NoticeOptions, command: Command) =>
      act(wanted, command.optsWithGlobals<NoticeOptions>(), (context, one) => suppressNotices(context, one)),
    )
}
