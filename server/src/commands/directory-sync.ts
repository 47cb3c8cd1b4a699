/**
 * `holdfast directory sync`: the people of an organisation's LDAP directory or Active Directory, by the servers and the search
 * account that its people sign in by (signIn.ldap). Shown, staged, limited and confirmed as a list from a file is.
 */
import type { Command } from 'commander'
import { fetchList, signInDirectory } from '../core/directory/index.ts'
import { PersonSource } from '../platform/codes.ts'
import { directoriesToSignInBy } from '../store/sign-in.ts'
import { chooseOrganisation } from './choose.ts'
import { addCommand, CommandError, exitCodes } from './command.ts'
import { withContext } from './context.ts'
import { bringList, noList, sourceNameOf, wishOf, withListOptions, type ListOptions } from './directory-list.ts'

type Schema = Parameters<typeof fetchList>[2]['schema']
const SCHEMAS: Record<string, Schema> = { 'active-directory': 'activeDirectory', 'openldap': 'openldap' }

type SyncOptions = ListOptions & { schema: string; filter?: string; group: string[] }

/** `Group=DN`: the group here, then whose people are in it. */
function groupOf(text: string): { dn: string; group: string } {
  const at = text.indexOf('=')
  const [group, dn] = [text.slice(0, at).trim(), text.slice(at + 1).trim()]
  if (at < 1 || !dn.includes('='))
    throw new CommandError(
      `--group "${text}" is not GROUP=DN, such as "Staff=cn=staff,dc=corp,dc=test"`,
      exitCodes.usage,
    )
  return { dn, group }
}

async function sync(options: SyncOptions): Promise<void> {
  const name = sourceNameOf(options)
  const schema = Object.hasOwn(SCHEMAS, options.schema) ? SCHEMAS[options.schema] : undefined
  if (!schema)
    throw new CommandError(`--schema ${options.schema}: take ${Object.keys(SCHEMAS).join(' or ')}`, exitCodes.usage)
  const groups = options.group.map(groupOf)
  await withContext(options, async (context) => {
    const { id: organisationId, name: whose } = await chooseOrganisation(context.db, options)
    const stored = (await directoriesToSignInBy(context.db)).find((one) => one.organisationId === organisationId)
    if (!stored)
      throw new CommandError(
        `${whose} has no LDAP directory. Declare it as signIn.ldap, with the account that may read it, and apply.`,
        exitCodes.usage,
      )
    const directory = signInDirectory(stored, context.keys())
    const wish = wishOf(options, { organisationId, source: { name, kind: PersonSource.ldap } })
    const { filter } = options
    let fetched: Awaited<ReturnType<typeof fetchList>>
    try {
      const asked = { schema, groups, ...(filter === undefined ? {} : { filter }) }
      fetched = await fetchList(context.clock, directory, asked)
    } catch (error) {
      const why = (error as Error).message
      await noList(context, wish, why)
      throw new CommandError(`${why} Nothing was changed.`, exitCodes.failed)
    }
    const { list, ...facts } = fetched
    await bringList(context, options, wish, list, { facts, text: `${facts.found} entries from ${facts.server}.` })
  })
}

export function registerSync(directory: Command): void {
  const collect = (text: string, all: string[]): string[] => [...all, text]
  const about = 'read all people of the LDAP directory, and show what it would change'
  withListOptions(addCommand(directory, 'sync', about), 'ldap')
    .option('--schema <kind>', Object.keys(SCHEMAS).join(' or '), 'active-directory')
    .option('--filter <filter>', 'which entries are people, instead of all that have an address')
    .option(
      '--group <group=dn>',
      'the people of this directory group, nested ones too, are in the group here',
      collect,
      [],
    )
    .action((_options: SyncOptions, command: Command) => sync(command.optsWithGlobals()))
}
