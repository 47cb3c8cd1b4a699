/** `holdfast trace QUERY`: every step of the messages an address, Message-ID, own id, delivery id or subject names. */
import type { Command } from 'commander'
import { findRefusals, readTrace, searchTrace } from '../core/trace/index.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'
import { presentRefusal, presentTrace, waitText } from '../servers/admin/present.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisations, idArgument, withOrganisation } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

type TraceOptions = GlobalOptions & OrganisationOption & { limit: string; after?: string; seconds: string }
type Shown = ReturnType<typeof presentTrace>

/** What an address that stands for others made of a message. */
export const viaText = ({
  via,
  recipient,
  sender,
}: {
  via: string | null
  recipient: string
  sender: string | null
}): string => `came for ${via}, redirected to ${recipient}${sender === null ? '' : `, sent with the sender ${sender}`}`

function text({ message, deliveries, copies, ledger }: Shown): string {
  const lines = [
    `${message.messageId}  ${message.direction}  ${message.acceptedAt}  ${message.size} bytes`,
    `  from ${message.from || '<>'}  subject ${message.subject ?? '(none)'}  ${message.messageIdHeader ?? '(no Message-ID)'}`,
    `  received from ${message.clientIp ?? '-'} (${message.helo ?? '-'}) ${message.tls ?? 'no TLS'}  sha256 ${message.digest}`,
  ]
  if (message.mended)
    lines.push(
      `  ${message.mended.count} bare line ends made whole (${message.mended.rule}); as it came: sha256 ${message.mended.digest}`,
    )
  for (const delivery of deliveries) {
    const why = waitText(delivery) ?? delivery.reason
    lines.push(
      `  to ${delivery.recipient} by ${delivery.route ?? '?'}: ${delivery.state}${why === null ? '' : ` (${why})`}  ${delivery.deliveryId}`,
    )
    if (delivery.via !== null) lines.push(`    ${viaText(delivery)}`)
    for (const attempt of delivery.attemptRows)
      lines.push(
        `    ${attempt.attemptNo}. ${attempt.at} ${attempt.host ?? '-'} ${attempt.outcome} (${attempt.reason}) ${attempt.reply ?? ''} ${attempt.durationMs} ms`,
      )
  }
  for (const copy of copies)
    lines.push(
      `  copy of ${copy.person} (${copy.source}) in ${copy.folder ?? 'no folder'} until ${copy.expiresAt ?? 'nothing is owed'}`,
    )
  for (const row of ledger) lines.push(`  ledger ${row.at} ${row.recipient} ${row.outcome}: ${row.proof}`)
  return lines.join('\n')
}

type ShownRefusal = ReturnType<typeof presentRefusal>
export function refusalText(one: ShownRefusal): string {
  const { from, recipient, signIn, messageIdHeader } = one
  const about = [
    from === null ? '' : `from ${from || '<>'}`,
    recipient === null ? '' : `to ${recipient}`,
    signIn === null ? '' : `signing in as ${signIn}`,
    messageIdHeader ?? '',
  ].filter(Boolean)
  const often = one.times > 1 ? ` (${one.times} times)` : ''
  return (
    `refused ${one.at}  ${about.join(' ') || 'nothing was said'}: ${one.reply}${often}\n` +
    `  at ${one.during}, to ${one.clientIp} (${one.helo || 'no name'}) ${one.tls ?? 'no TLS'}  ${one.id}`
  )
}

interface More {
  organisation: string
  next: Id
  searchedTo: string | null
}

/** What was not looked at, or not shown, is said, with the way to it. */
export const moreText = ({ organisation, next, searchedTo }: More): string =>
  `${searchedTo === null ? 'There may be more' : `Searched back to ${searchedTo}, not further`}; to go on: --organisation ${organisation} --after ${next}`

async function trace(query: string, options: TraceOptions): Promise<void> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new CommandError('--limit: a number from 1 to 1000', exitCodes.usage)
  const seconds = Number(options.seconds)
  if (!(seconds > 0 && seconds <= 86_400)) throw new CommandError('--seconds: a number up to 86400', exitCodes.usage)
  const after = options.after === undefined ? null : idArgument(options.after)
  await withContext(options, async ({ db }) => {
    const found: Shown[] = []
    const more: More[] = []
    const refusals: ShownRefusal[] = []
    const refusedOf = async (organisationId: Id): Promise<void> => {
      const { items } = await findRefusals(db, { organisationId, q: query, after: null, limit })
      refusals.push(...items.map(presentRefusal))
    }
    // What concerned nobody here as well, where no organisation is asked for.
    if (options.organisation === undefined && after === null) await refusedOf(NIL_ID)
    for (const organisation of await chooseOrganisations(db, options)) {
      const search = { organisationId: organisation.id, q: query, after, limit, forMs: seconds * 1000 }
      const page = await searchTrace(db, search)
      if (page.next !== null) {
        const searchedTo = page.searchedTo === null ? null : new Date(page.searchedTo).toISOString()
        more.push({ organisation: organisation.id, next: page.next, searchedTo })
      }
      if (after === null) await refusedOf(organisation.id)
      for (const { messageId } of page.items) {
        const full = await readTrace(db, organisation.id, messageId)
        if (full) found.push(presentTrace(full))
      }
    }
    const messages = found.map(({ message, deliveries, copies, ledger }) => ({
      ...message,
      deliveries: deliveries.map(({ attemptRows, ...delivery }) => ({ ...delivery, attempts: attemptRows })),
      copies,
      ledger,
    }))
    const shown = [...found.map(text), ...refusals.map(refusalText), ...more.map(moreText)]
    if (found.length + refusals.length === 0)
      shown.unshift(more.length === 0 ? 'Nothing is known about this.' : 'Nothing was found yet.')
    show(options, { messages, refusals, more }, shown.join('\n\n'))
  })
}

export function register(program: Command): void {
  withOrganisation(addCommand(program, 'trace', 'every step of a message'))
    .argument(
      '<query>',
      'address, Message-ID, own id, delivery id, queue id of the next server, part of a subject; of what was refused, the address of the sending server or the id of the refusal too',
    )
    .option('--limit <n>', 'most messages', '20')
    .option('--seconds <n>', 'how long to search in each organisation; then it says how far back it came', '20')
    .option('--after <id>', 'go on behind this message, from the newest to the oldest')
    .action(trace)
}
