/** `holdfast admin address` and `holdfast admin lists`: what stands for what, who is covered and why, and the members of whom something bounced. */
import type { Command } from 'commander'
import {
  coverageOf,
  createDirectory,
  foldAddress,
  sharedMembers,
  type Cover,
  type SharedMember,
} from '../core/directory/index.ts'
import { listsOf, resumeMember, type ListStanding } from '../core/lists/index.ts'
import { ListPosting, wordOf } from '../platform/codes.ts'
import { WireError } from '../platform/errors.ts'
import { chooseOrganisations, withOrganisation, type OrganisationOption } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

const standing = ({ member, bounces, lastAt, lastText, pausedAt }: ListStanding['bounces'][number]): string =>
  `    ${member}: ${bounces} bounces, the last ${lastAt}: ${lastText}${pausedAt === null ? '' : `; paused since ${pausedAt}`}`

async function lists(options: GlobalOptions & OrganisationOption): Promise<void> {
  await withContext(options, async ({ db }) => {
    const found: (ListStanding & { organisation: string })[] = []
    for (const { id, name: organisation } of await chooseOrganisations(db, options))
      for (const list of await listsOf(db, id)) found.push({ organisation, ...list })
    const text = found.map(({ address, name, posting, pauseBounces, pauseDays, bounces }) =>
      [
        `${address} (${name}), may post: ${wordOf(ListPosting, posting)}`,
        pauseBounces === null ? '' : `, paused after ${pauseBounces} bounces in ${pauseDays} days`,
        ...bounces.map((one) => `\n${standing(one)}`),
      ].join(''),
    )
    show(options, { lists: found }, text.length > 0 ? text.join('\n') : 'There are no lists.')
  })
}

async function resume(list: string, member: string, options: GlobalOptions & OrganisationOption): Promise<void> {
  const folded = { list: foldAddress(list) ?? list, member: foldAddress(member) ?? member }
  await withContext(options, async ({ db, actor }) => {
    for (const { id: organisationId } of await chooseOrganisations(db, options))
      if (await resumeMember(db, { organisationId, ...folded, actor }))
        return show(options, { resumed: folded }, `${member} gets what is posted to ${list} from now on.`)
    throw new CommandError(`No bounce of ${member} is counted at ${list}: holdfast admin lists`, exitCodes.failed)
  })
}

const scopeNames = { filtering: 'filtering', rollingCopy: 'rolling copy', emergency: 'emergency mailbox' } as const

function covered({ scope, isOn, by, name }: Cover): string {
  const why = by === 'nobody' ? 'it is no person here' : `the ${by}${by === 'person' ? '' : ` ${name}`} says so`
  return `${scopeNames[scope]}: ${isOn ? 'yes' : 'no'} (${why})`
}

const whereIs = (one: { standing: string; personId: string | null }, isShared: boolean): string => {
  if (one.standing === 'outside') return 'the world'
  return one.personId === null ? 'its mail system' : isShared ? 'a shared mailbox here' : 'a person here'
}

const sends = { sendAs: ', sends as the mailbox', onBehalf: ', sends on its behalf', no: '' } as const
const memberText = ({ name, isGroup, access, send }: SharedMember): string =>
  `${isGroup ? `everybody of the group ${name}` : name}: ${access === 'write' ? 'reads and writes' : 'reads'}${sends[send]}`

async function address(written: string, options: GlobalOptions): Promise<void> {
  await withContext(options, async ({ db, clock, log }) => {
    const directory = createDirectory({ db, clock, log })
    const found = await directory.resolve(written).catch((error: unknown) => {
      if (error instanceof WireError) throw new CommandError(`${written}: ${error.publicText}`, exitCodes.failed)
      throw error
    })
    const { redirect, list } = found
    const to: { address: string; where: string; covered: Cover[]; members: SharedMember[] }[] = []
    for (const one of redirect?.to ?? list?.members ?? [found]) {
      const shared = one.personId === null ? null : await sharedMembers(db, one.organisationId, one.personId)
      to.push({
        address: one.address,
        where: whereIs(one, shared !== null),
        covered: await coverageOf(db, one),
        members: shared ?? [],
      })
    }
    const kind = list ? `a list (${list.name})` : redirect ? 'a redirect' : 'nobody else'
    const unknown = (redirect ?? list)?.unknown ?? []
    const left = unknown.map((one) => `  ${one} (left out: nobody has this address)`)
    const paused = list && list.paused.length > 0 ? [`  paused: ${list.paused.join(', ')}`] : []
    show(
      options,
      {
        address: written,
        kind: list ? 'list' : redirect ? 'redirect' : 'address',
        to,
        unknown,
        paused: list?.paused ?? [],
      },
      [
        `${written} stands for ${kind}:`,
        ...to.flatMap((one) => [
          `  ${one.address} (${one.where})`,
          ...one.covered.map((cover) => `    ${covered(cover)}`),
          ...one.members.map((member) => `    ${memberText(member)}`),
        ]),
        ...left,
        ...paused,
      ].join('\n'),
    )
  })
}

export function addAddressCommands(admin: Command): void {
  addCommand(
    admin,
    'address',
    'what an address here comes to: redirects and lists to the end, and who is covered, and why',
  )
    .argument('<address>', 'an address of an own domain')
    .action((written: string, _options: GlobalOptions, command: Command) => address(written, command.optsWithGlobals()))
  withOrganisation(addCommand(admin, 'lists', 'lists, and the members of whom something bounced'))
    .option('--resume <member>', 'let a paused member in again, of the list named')
    .argument('[list]', 'address of the list, with --resume')
    .action((list: string | undefined, _options: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & OrganisationOption & { resume?: string }>()
      if (options.resume === undefined) return lists(options)
      if (list === undefined)
        throw new CommandError('Which list? holdfast admin lists LIST --resume MEMBER', exitCodes.usage)
      return resume(list, options.resume, options)
    })
}
