/**
 * `holdfast directory sync`: the people of an organisation's LDAP directory or Active Directory, as its source is declared
 * (directorySources), or else by the servers and the search account that its people sign in by (signIn.ldap). Shown, staged,
 * limited and confirmed as a list from a file is.
 */
import type { Command } from 'commander'
import { fetchList, fetchSource, signInDirectory, sourceSettingsSchema } from '../core/directory/index.ts'
import { PersonSource } from '../platform/codes.ts'
import type { Id } from '../platform/ids.ts'
import { readSources } from '../store/directory-sources.ts'
import { directoriesToSignInBy } from '../store/sign-in.ts'
import { chooseOrganisation } from './choose.ts'
import { addCommand, CommandError, exitCodes } from './command.ts'
import { withContext, type Context } from './context.ts'
import { bringList, noList, sourceNameOf, wishOf, withListOptions, type ListOptions } from './directory-list.ts'

type Schema = Parameters<typeof fetchList>[2]['schema']
const SCHEMAS: Record<string, Schema> = { 'active-directory': 'activeDirectory', 'openldap': 'openldap' }

type SyncOptions = ListOptions & { schema?: string; filter?: string; group: string[] }

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

type Fetch = () => ReturnType<typeof fetchList>

/** null: nothing is declared of it but perhaps its limits. */
async function declaredSource(context: Context, organisationId: Id, name: string, options: SyncOptions) {
  const source = (await readSources(context.db, organisationId)).find((one) => one.name === name)
  if (!source || sourceSettingsSchema.parse(source.settings).ldap === undefined) return null
  if (options.schema !== undefined || options.filter !== undefined || options.group.length > 0)
    throw new CommandError(
      `What the source "${name}" is asked for is declared (directorySources): leave out --schema, --filter and --group.`,
      exitCodes.usage,
    )
  const { id: sourceId, settings, secret: hex } = source
  const secret = hex === null ? null : Buffer.from(hex, 'hex')
  const deps = { db: context.db, clock: context.clock, keys: context.keys() }
  return (): ReturnType<Fetch> => fetchSource(deps, { organisationId, sourceId, settings, secret })
}

async function bySignIn(
  context: Context,
  { id: organisationId, name: whose }: { id: Id; name: string },
  options: SyncOptions,
): Promise<Fetch> {
  const { schema: wanted = 'active-directory', filter } = options
  const schema = Object.hasOwn(SCHEMAS, wanted) ? SCHEMAS[wanted] : undefined
  if (!schema) throw new CommandError(`--schema ${wanted}: take ${Object.keys(SCHEMAS).join(' or ')}`, exitCodes.usage)
  const groups = options.group.map(groupOf)
  const stored = (await directoriesToSignInBy(context.db)).find((one) => one.organisationId === organisationId)
  if (!stored)
    throw new CommandError(
      `${whose} has no LDAP directory. Declare it as signIn.ldap, with the account that may read it, and apply.`,
      exitCodes.usage,
    )
  const directory = signInDirectory(stored, context.keys())
  return () => fetchList(context.clock, directory, { schema, groups, filter })
}

async function sync(options: SyncOptions): Promise<void> {
  const name = sourceNameOf(options)
  await withContext(options, async (context) => {
    const organisation = await chooseOrganisation(context.db, options)
    const fetch =
      (await declaredSource(context, organisation.id, name, options)) ??
      (await bySignIn(context, organisation, options))
    const wish = wishOf(options, { organisationId: organisation.id, source: { name, kind: PersonSource.ldap } })
    let fetched: Awaited<ReturnType<Fetch>>
    try {
      fetched = await fetch()
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
    .option('--schema <kind>', `${Object.keys(SCHEMAS).join(' or ')}; left out: the first, or as declared`)
    .option('--filter <filter>', 'which entries are people, instead of all that have an address')
    .option(
      '--group <group=dn>',
      'the people of this directory group, nested ones too, are in the group here',
      collect,
      [],
    )
    .action((_options: SyncOptions, command: Command) => sync(command.optsWithGlobals()))
}
