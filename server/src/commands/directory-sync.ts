/**
 * `holdfast directory sync`: the people of an organisation's LDAP directory or Active Directory, by the servers and the search
 * account that its people sign in by (signIn.ldap). Shown, staged, limited and confirmed as a list from a file is.
 */
import type { Command } from 'commander'
import { fetchList, importList, noteFailed, signInDirectory, type RunDeps } from '../core/directory/index.ts'
import { PersonSource } from '../platform/codes.ts'
import { directoriesToSignInBy } from '../store/sign-in.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'
import { runText } from './directory-text.ts'

type Schema = Parameters<typeof fetchList>[2]['schema']
const SCHEMAS: Record<string, Schema> = { 'active-directory': 'activeDirectory', 'openldap': 'openldap' }

type SyncOptions = GlobalOptions &
  OrganisationOption & {
    source: string
    schema: string
    filter?: string
    group: string[]
    dryRun?: boolean
    apply?: boolean
  }

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

async function sync(
  options: SyncOptions,
  depsOf: (context: Context) => RunDeps,
  answered: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<void> {
  const { dryRun: isDryRun = false, apply: isUnasked = false } = options
  if (isDryRun && isUnasked) throw new CommandError('--dry-run or --apply, not both', exitCodes.usage)
  const schema = Object.hasOwn(SCHEMAS, options.schema) ? SCHEMAS[options.schema] : undefined
  if (!schema)
    throw new CommandError(`--schema ${options.schema}: take ${Object.keys(SCHEMAS).join(' or ')}`, exitCodes.usage)
  const name = options.source.trim()
  if (name === '' || name.length > 100)
    throw new CommandError('--source takes a name of 1 to 100 letters', exitCodes.usage)
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
    const deps = depsOf(context)
    const wish = { organisationId, source: { name, kind: PersonSource.ldap }, isUnasked, isDryRun }
    let fetched: Awaited<ReturnType<typeof fetchList>>
    try {
      const { filter } = options
      fetched = await fetchList(context.clock, directory, {
        schema,
        groups,
        ...(filter === undefined ? {} : { filter }),
      })
    } catch (error) {
      const why = (error as Error).message
      if (!isDryRun) await answered(() => noteFailed(deps, wish, why))
      throw new CommandError(`${why} Nothing was changed.`, exitCodes.failed)
    }
    const run = await answered(() => importList(deps, wish, fetched.list))
    const { server, found } = fetched
    show(
      options,
      { run, reading: { server, found }, dryRun: isDryRun },
      `${found} entries from ${server}.\n\n${runText(run, isDryRun)}`,
    )
    // Whoever runs this by the clock hears that somebody is asked.
    if (isUnasked && run.state !== 'applied') process.exitCode = exitCodes.failed
  })
}

export function registerSync(
  directory: Command,
  depsOf: (context: Context) => RunDeps,
  answered: <T>(work: () => Promise<T>) => Promise<T>,
): void {
  const collect = (text: string, all: string[]): string[] => [...all, text]
  withOrganisation(
    addCommand(directory, 'sync', 'read all people of the LDAP directory, and show what it would change'),
  )
    .option('--source <name>', 'what this list is called here; a source knows its people by their ids', 'ldap')
    .option('--schema <kind>', Object.keys(SCHEMAS).join(' or '), 'active-directory')
    .option('--filter <filter>', 'which entries are people, instead of all that have an address')
    .option(
      '--group <group=dn>',
      'the people of this directory group, nested ones too, are in the group here',
      collect,
      [],
    )
    .option('--dry-run', 'only show; keep nothing')
    .option('--apply', 'carry it out at once where it is not the first list and keeps to the limits of the source')
    .action((_options: SyncOptions, command: Command) => sync(command.optsWithGlobals(), depsOf, answered))
}
