/** `holdfast queue`: what waits, what is parked; retry, cancel, release, assign, drop one delivery. Every act has its audit row. */
import type { Command } from 'commander'
import type { Assigned, DeliveryAct, QueueFilter } from '../core/trace/index.ts'
import { actOnDelivery, assignParked, listParked, namesOf, readQueue } from '../core/trace/index.ts'
import { DeliveryState } from '../platform/codes.ts'
import { presentParked, presentQueueItem, waitText } from '../servers/admin/present.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisation, idArgument, withOrganisation } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

type QueueOptions = GlobalOptions & OrganisationOption
type ListOptions = QueueOptions & { state?: string; q?: string; limit?: string }
type Item = ReturnType<typeof presentQueueItem>

const words = ['open', 'finished', 'all', ...Object.keys(DeliveryState)]

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? 100)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new CommandError(`--limit: a number from 1 to 100000`, exitCodes.usage)
  return limit
}

function line(item: Item): string {
  const next = item.nextAttemptAt === null ? '' : `  next ${item.nextAttemptAt}`
  const why = waitText(item) ?? `${item.reason ?? ''}${next}`.trim()
  return `${item.deliveryId}  ${item.state.padEnd(9)} ${item.acceptedAt}  ${item.from || '<>'} -> ${item.recipient}  attempts ${item.attempts}  ${why}`.trimEnd()
}

function parkedLine(item: ReturnType<typeof presentParked>): string {
  const last = item.lastAttempt?.reply ? `\n    last reply: ${item.lastAttempt.reply}` : ''
  const seen = item.seenBy === null ? '' : `\n    seen by ${item.seenBy} at ${item.seenAt}`
  return line(item) + last + seen
}

async function list(options: ListOptions): Promise<void> {
  const state = options.state ?? 'open'
  if (!words.includes(state)) throw new CommandError(`--state: one of ${words.join(', ')}`, exitCodes.usage)
  const limit = limitOf(options.limit)
  await withContext(options, async ({ db }) => {
    const organisation = await chooseOrganisation(db, options)
    const page = await readQueue(db, {
      organisationId: organisation.id,
      state: state as QueueFilter,
      routeId: null,
      q: options.q ?? null,
      after: null,
      limit,
    })
    const items = page.items.map(presentQueueItem)
    show(
      options,
      { items, next: page.next },
      items.length === 0
        ? 'Nothing.'
        : `${items.map(line).join('\n')}${page.next === null ? '' : `\n... more (--limit)`}`,
    )
  })
}

async function parked(options: ListOptions): Promise<void> {
  await withContext(options, async ({ db }) => {
    const organisation = await chooseOrganisation(db, options)
    const rows = await listParked(db, organisation.id, null, limitOf(options.limit))
    const names = await namesOf(
      db,
      organisation.id,
      rows.map((row) => row.seenBy),
    )
    const items = rows.map((row) => presentParked(row, names))
    show(options, { items }, items.length === 0 ? 'Nothing is parked.' : items.map(parkedLine).join('\n'))
  })
}

const act = (what: DeliveryAct) => async (delivery: string, _options: QueueOptions, command: Command) => {
  const options = command.optsWithGlobals<QueueOptions>()
  const deliveryId = idArgument(delivery)
  await withContext(options, async ({ db, actor }) => {
    const organisation = await chooseOrganisation(db, options)
    await actOnDelivery(db, { organisationId: organisation.id, deliveryId, act: what, actor })
    show(options, { deliveryId, act: what }, `${what}: done.`)
  })
}

const outcomes: Record<Assigned['outcome'], (address: string) => string> = {
  queued: (address) => `It goes on to ${address}.`,
  waits: (address) =>
    `It is for ${address} now, and waits with the rest of their mail until their mail system takes it.`,
  already: (address) => `${address} has this message already: nothing is sent a second time.`,
}

async function assign(delivery: string, address: string, options: QueueOptions): Promise<void> {
  const deliveryId = idArgument(delivery)
  await withContext(options, async ({ db, clock, actor }) => {
    const organisation = await chooseOrganisation(db, options)
    const request = { organisationId: organisation.id, deliveryId, address, actor }
    const assigned = await assignParked({ db, clock }, request)
    show(options, { deliveryId, act: 'assign', ...assigned }, outcomes[assigned.outcome](assigned.address))
  })
}

export function register(program: Command): void {
  const queue = withOrganisation(addCommand(program, 'queue', 'what waits to be delivered; retry, cancel, parked'))
    .option('--state <state>', words.join(', '))
    .option('--q <text>', 'part of recipient, sender or subject')
    .option('--limit <n>', 'how many (100)')
    .action(list)
  withOrganisation(addCommand(queue, 'parked', 'what somebody must look at'))
    .option('--limit <n>', 'how many (100)')
    .action((_options: ListOptions, command: Command) => parked(command.optsWithGlobals()))
  const one = (what: DeliveryAct, summary: string): void => {
    withOrganisation(addCommand(queue, what, summary))
      .argument('<delivery>', 'its id')
      .action(act(what))
  }
  one('retry', 'try it now')
  one('cancel', 'give it up (not while an attempt runs)')
  one('seen', 'note that the parked one was looked at')
  one('release', 'put the parked one back into the queue')
  one('drop', 'give the parked one up for good')
  withOrganisation(addCommand(queue, 'assign', 'say whose the parked one is, where nobody knew the address'))
    .argument('<delivery>', 'its id')
    .argument('<address>', 'an address of the person')
    .action((delivery: string, address: string, _options: QueueOptions, command: Command) =>
      assign(delivery, address, command.optsWithGlobals<QueueOptions>()),
    )
}
