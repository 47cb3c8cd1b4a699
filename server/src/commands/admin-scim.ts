/**
 * `holdfast admin scim`: tokens by which an organisation's identity provider (Entra ID, Okta) writes its people here by SCIM. There
 * is no other way to switch it on: without a token nothing answers.
 */
import type { Command } from 'commander'
import { makeScimToken, revokeScimToken, scimTokens, type ScimToken } from '../core/directory/index.ts'
import { isId } from '../platform/ids.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'
import { answered } from './directory-list.ts'
import { pagesUrl } from './with-access.ts'

interface ScimOptions extends GlobalOptions, OrganisationOption {
  source: string
  new?: string
  days?: string
  revoke?: string
}

const MOST_DAYS = 3650
const DAY_MS = 86_400_000

const baseUrl = (context: Context): string => `${pagesUrl(context)}/scim/v2`

const line = ({ id, name, source, createdAt, expiresAt, lastUsedAt, lastPlace }: ScimToken): string =>
  [
    `${id}  ${name}, of the source "${source}", made ${createdAt.toISOString()}`,
    expiresAt === null ? 'good until it is revoked' : `good until ${expiresAt.toISOString()}`,
    lastUsedAt === null ? 'never used' : `used last in the hour of ${lastUsedAt.toISOString()} from ${lastPlace}`,
  ].join(', ')

function nameArgument(text: string, what: string): string {
  const name = text.trim()
  if (name === '' || name.length > 100 || name.includes('\0') || !name.isWellFormed())
    throw new CommandError(`${what} takes a name of 1 to 100 letters`, exitCodes.usage)
  return name
}

function expiry(days: string | undefined, now: number): Date | null {
  if (days === undefined) return null
  const number = Number(days)
  if (!Number.isInteger(number) || number < 1 || number > MOST_DAYS)
    throw new CommandError(`--days takes a number from 1 to ${MOST_DAYS}`, exitCodes.usage)
  return new Date(now + number * DAY_MS)
}

const connectText = (url: string, token: string): string[] => [
  `Base URL (Entra ID: "Tenant URL"; Okta: "SCIM connector base URL"):`,
  `  ${url}`,
  `Token (Entra ID: "Secret token"; Okta: "HTTP Header", Authorization); it is shown only now:`,
  `  ${token}`,
  'The first list changes nothing until you say yes: when the client has written everybody, "holdfast directory runs".',
  ...(url.startsWith('https:')
    ? []
    : ['', 'This is no https address: set publicUrl to the one by which the client reaches these pages.']),
]

async function make(name: string, options: ScimOptions): Promise<void> {
  const wanted = { source: nameArgument(options.source, '--source'), name: nameArgument(name, '--new') }
  await withContext(options, async (context) => {
    const { db, clock, actor } = context
    const expiresAt = expiry(options.days, clock.now())
    const { id: organisationId } = await chooseOrganisation(db, options)
    const { id, token } = await answered(() =>
      makeScimToken({ db, clock }, { ...wanted, organisationId, expiresAt, actor }),
    )
    const url = baseUrl(context)
    show(options, { id, token, url, ...wanted, expiresAt }, connectText(url, token).join('\n'))
  })
}

async function revoke(wanted: string, options: ScimOptions): Promise<void> {
  const id = wanted.trim().toLowerCase()
  if (!isId(id))
    throw new CommandError(`"${wanted}" is not the id of a token; "holdfast admin scim" shows them`, exitCodes.usage)
  await withContext(options, async ({ db, actor }) => {
    const { id: organisationId, name } = await chooseOrganisation(db, options)
    const gone = await revokeScimToken({ db }, { organisationId, id, actor })
    if (!gone) throw new CommandError(`${name} has no token ${id}, or not any more.`, exitCodes.failed)
    show(options, { revoked: gone }, `Revoked; what the client wrote stays:\n  ${line(gone)}`)
  })
}

async function list(options: ScimOptions): Promise<void> {
  await withContext(options, async (context) => {
    const { id: organisationId, name } = await chooseOrganisation(context.db, options)
    const tokens = await scimTokens(context.db, organisationId)
    const text =
      tokens.length === 0
        ? [`${name} has no SCIM token, so nobody can write here. Make one: holdfast admin scim --new "Entra ID"`]
        : [`Base URL: ${baseUrl(context)}`, ...tokens.map(line)]
    show(options, { url: baseUrl(context), tokens }, text.join('\n'))
  })
}

export function addScimCommand(admin: Command): void {
  withOrganisation(addCommand(admin, 'scim', 'tokens for an identity provider that writes its people here by SCIM'))
    .option('--new <name>', 'make a token for the client of this name, and show it once')
    .option('--days <number>', 'with --new: how long it is good; left out, until it is revoked')
    .option(
      '--source <name>',
      'with --new: which list of people is written; a source knows its people by their ids',
      'scim',
    )
    .option('--revoke <id>', 'revoke the token with this id')
    .action((_options: ScimOptions, command: Command) => {
      const options = command.optsWithGlobals<ScimOptions>()
      if (options.new !== undefined && options.revoke !== undefined)
        throw new CommandError('--new or --revoke, not both', exitCodes.usage)
      if (options.new !== undefined) return make(options.new, options)
      return options.revoke === undefined ? list(options) : revoke(options.revoke, options)
    })
}
