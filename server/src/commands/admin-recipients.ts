/** `holdfast admin recipients`: who is known without being listed, since when and why; and what is to be forgotten of it. */
import type { Command } from 'commander'
import { foldAddress, foldDomain } from '../core/directory/index.ts'
import { forgetKnown, knownAddresses, type KnownAddress } from '../core/callouts/index.ts'
import { KnownSource, wordOf } from '../platform/codes.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

type Options = GlobalOptions & OrganisationOption & { domain?: string; forget?: string | true; after?: string }

/** On one page. */
const MOST_SHOWN = 500

const why = ({ source, known }: KnownAddress): string =>
  source === KnownSource.delivered
    ? 'mail was delivered'
    : known
      ? 'its mail system said so'
      : 'its mail system refused it'

function domainOf(options: Options): string | null {
  if (options.domain === undefined) return null
  const domain = foldDomain(options.domain)
  if (domain === null) throw new CommandError(`${options.domain} is not a domain name`, exitCodes.usage)
  return domain
}

async function list(options: Options): Promise<void> {
  const page = { domain: domainOf(options), after: options.after ?? '', limit: MOST_SHOWN + 1 }
  await withContext(options, async ({ db }) => {
    const { id: organisationId } = await chooseOrganisation(db, options)
    const found = await knownAddresses(db, organisationId, page)
    const shown = found.slice(0, MOST_SHOWN)
    const next = found.length > MOST_SHOWN ? shown.at(-1)!.address : null
    const recipients = shown.map(({ source, ...one }) => ({ ...one, source: wordOf(KnownSource, source) }))
    const text = shown.map(
      (one) =>
        `${one.address}: ${one.known ? 'known' : 'refused'}, ${why(one)}, ${one.seenAt.toISOString()} (${one.route ?? 'no route'})`,
    )
    if (next !== null) text.push(`More: holdfast admin recipients --after ${next}`)
    show(options, { recipients, next }, text.length > 0 ? text.join('\n') : 'Nobody is known but who is listed.')
  })
}

async function forget(options: Options): Promise<void> {
  const address = typeof options.forget === 'string' ? foldAddress(options.forget) : null
  const domain = domainOf(options)
  if (address === null && typeof options.forget === 'string')
    throw new CommandError(`${options.forget} is not an e-mail address`, exitCodes.usage)
  if ((address === null) === (domain === null))
    throw new CommandError('Forget what? --forget ADDRESS, or --forget with --domain DOMAIN', exitCodes.usage)
  const what = address === null ? { domain: domain! } : { address }
  await withContext(options, async ({ db, actor }) => {
    const { id: organisationId } = await chooseOrganisation(db, options)
    const count = await forgetKnown(db, { organisationId, actor }, what)
    if (count === 0)
      throw new CommandError(`Nothing is known of ${address ?? domain}: holdfast admin recipients`, exitCodes.failed)
    show(options, { forgotten: count, ...what }, `Forgotten: ${count}. The next mail to them asks anew.`)
  })
}

export function addRecipientCommand(admin: Command): void {
  withOrganisation(
    addCommand(
      admin,
      'recipients',
      'addresses known without being listed: mail was delivered, or their mail system was asked',
    ),
  )
    .option('--domain <domain>', 'of this domain only')
    .option('--after <address>', 'the page behind this address')
    .option('--forget [address]', 'forget this address; without one all of --domain')
    .action((_options: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      return options.forget === undefined ? list(options) : forget(options)
    })
}
