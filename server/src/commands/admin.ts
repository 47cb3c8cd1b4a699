/**
 * `holdfast admin`: a new set-up link for the first (or a further) administrator, a new one-time password for anybody, letters with
 * emergency codes, who has which ways back in, people's app passwords, accounts at identity providers, tokens of SCIM clients,
 * mailboxes that were asked for, what an address comes to, lists with their bounces, the recovery sheet of the master
 * key. Secrets are printed once, to whoever holds the machine.
 */
import type { Command } from 'commander'
import { oneTimePassword, removeSecondFactor } from '../core/access/index.ts'
import { addAddressCommands } from './admin-addresses.ts'
import { addLettersCommand } from './admin-letters.ts'
import { addAppPasswordCommand } from './admin-app-passwords.ts'
import { addMailboxAccessCommand } from './admin-mailbox-access.ts'
import { addProviderCommand } from './admin-provider.ts'
import { addRecipientCommand } from './admin-recipients.ts'
import { addWaysBackCommand } from './admin-ways-back.ts'
import { addScimCommand } from './admin-scim.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { hostName, withContext } from './context.ts'
import { pagesUrl, withAccess } from './with-access.ts'

async function setupLink(options: GlobalOptions): Promise<void> {
  await withContext(options, (context) =>
    withAccess(context, async (access) => {
      const token = await access.makeSetupLink(context.db, context.actor)
      const link = `${pagesUrl(context)}/setup#${token}`
      show(options, { setupLink: link }, `Make an administrator here (the link works once, for a day):\n  ${link}`)
    }),
  )
}

async function password(name: string, options: GlobalOptions): Promise<void> {
  await withContext(options, (context) =>
    withAccess(context, async (access) => {
      const whose = await access.find(name)
      if (!whose) throw new CommandError(`Nobody signs in as "${name}".`, exitCodes.failed)
      const fresh = oneTimePassword()
      await context.db.transaction(async (sql) => {
        await access.setPassword(sql, whose, fresh, { mustChange: true, actor: context.actor })
        // The last way in of an administrator whose telephone is gone: whoever is at this machine may do more than that.
        await removeSecondFactor(sql, whose, context.actor, context.clock.now())
      })
      const { organisationId, subjectId: personId } = whose
      const kept = organisationId === null ? [] : await access.appPasswords.list({ organisationId, personId })
      show(
        options,
        { name, password: fresh, appPasswords: kept.length },
        [
          `One-time password for ${name} (must be changed at the first sign-in; sessions were ended):\n  ${fresh}`,
          ...(kept.length > 0
            ? [
                `App passwords of theirs, which work again after that: ${kept.length} (holdfast admin app-passwords ${name})`,
              ]
            : []),
        ].join('\n'),
      )
    }),
  )
}

async function recoverySheet(options: GlobalOptions): Promise<void> {
  await withContext(options, async (context) => {
    const sheet = context.keys().recoverySheet({ hostname: hostName(context.config), now: context.clock.now() })
    show(options, { recoverySheet: sheet }, sheet)
  })
}

export function register(program: Command): void {
  const admin = addCommand(program, 'admin', 'administrators, passwords, the recovery sheet')
  // A flag before the subcommand, or one both know, is the group's.
  addCommand(admin, 'setup-link', 'a new one-time link to make an administrator').action(
    (_options: GlobalOptions, command: Command) => setupLink(command.optsWithGlobals()),
  )
  addCommand(admin, 'password', 'a new one-time password for a person or administrator')
    .argument('<name>', 'any sign-in name')
    .action((name: string, _options: GlobalOptions, command: Command) => password(name, command.optsWithGlobals()))
  addWaysBackCommand(admin)
  addLettersCommand(admin)
  addAppPasswordCommand(admin, (options, work) =>
    withContext(options, (context) => withAccess(context, (access) => work(context, access))),
  )
  addAddressCommands(admin)
  addRecipientCommand(admin)
  addProviderCommand(admin)
  addScimCommand(admin)
  addMailboxAccessCommand(admin)
  addCommand(admin, 'recovery-sheet', 'print the master key for paper').action(
    (_options: GlobalOptions, command: Command) => recoverySheet(command.optsWithGlobals()),
  )
}
