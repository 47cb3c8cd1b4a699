/**
 * `holdfast admin app-passwords`: what a person made for their devices, and revoking, for a help desk that has no page: a
 * lost phone, an account that was in a stranger's hands. The passwords themselves nobody can be told.
 */
import type { Command } from 'commander'
import type { Access, AppPassword } from '../core/access/index.ts'
import { isId, type Id } from '../platform/ids.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'

type WithAccess = (options: GlobalOptions, work: (context: Context, access: Access) => Promise<void>) => Promise<void>
interface Revoke {
  revoke?: string
}
const ALL = 'all'

const line = ({ id, name, protocols, createdAt, lastUsedAt, lastPlace }: AppPassword): string =>
  [
    `${id}  ${name} (${protocols.join(', ')}), made ${createdAt.toISOString()}`,
    lastUsedAt === null ? 'never used' : `used last in the hour of ${lastUsedAt.toISOString()} from ${lastPlace}`,
  ].join(', ')

/** Which are meant; the id is asked for as it is listed. */
function chosen(wish: string): { id: Id | null } {
  if (wish === ALL) return { id: null }
  const id = wish.trim().toLowerCase()
  if (!isId(id))
    throw new CommandError(`"${wish}" is not an id; "holdfast admin app-passwords PERSON" shows them`, exitCodes.usage)
  return { id }
}

async function appPasswords(
  name: string,
  { access, actor, options }: { access: Access; actor: string; options: GlobalOptions & Revoke },
): Promise<void> {
  const whose = await access.find(name)
  if (!whose) throw new CommandError(`Nobody signs in as "${name}".`, exitCodes.failed)
  if (whose.organisationId === null)
    throw new CommandError(`"${name}" is an administrator without a mailbox: no app passwords.`, exitCodes.failed)
  const person = { organisationId: whose.organisationId, personId: whose.subjectId }
  const found = await access.appPasswords.list(person)
  if (options.revoke === undefined)
    return show(
      options,
      { name, appPasswords: found },
      found.length > 0 ? found.map(line).join('\n') : `${name} has no app passwords.`,
    )
  const { id } = chosen(options.revoke)
  const revoked: AppPassword[] = []
  for (const one of found.filter((each) => id === null || each.id === id)) {
    const gone = await access.appPasswords.revoke(person, one.id, actor)
    if (gone) revoked.push(gone)
  }
  if (id !== null && revoked.length === 0)
    throw new CommandError(`${name} has no app password ${id}, or not any more.`, exitCodes.failed)
  show(
    options,
    { name, revoked },
    revoked.length > 0
      ? ['Revoked; what signed in with it sends nothing further:', ...revoked.map((one) => `  ${line(one)}`)].join('\n')
      : `${name} has no app passwords.`,
  )
}

export function addAppPasswordCommand(admin: Command, withAccess: WithAccess): void {
  addCommand(admin, 'app-passwords', "a person's app passwords, and revoking them")
    .argument('<person>', 'any sign-in name')
    .option('--revoke <id>', `revoke the one with this id, or "${ALL}"`)
    .action((name: string, _options: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & Revoke>()
      if (options.revoke !== undefined) chosen(options.revoke)
      return withAccess(options, ({ actor }, access) => appPasswords(name, { access, actor, options }))
    })
}
