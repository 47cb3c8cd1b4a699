/** `holdfast trace QUERY`: every step of the messages an address, Message-ID, own id, delivery id or subject names. */
import type { Command } from 'commander'
import { readTrace, searchTrace } from '../core/trace/index.ts'
import { presentTrace, waitText } from '../servers/admin/present.ts'
import type { OrganisationOption } from './choose.ts'
import { chooseOrganisations, withOrganisation } from './choose.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

type TraceOptions = GlobalOptions & OrganisationOption & { limit: string }
type Shown = ReturnType<typeof presentTrace>

function text({ message, deliveries, copies, ledger }: Shown): string {
  const lines = [
    `${message.messageId}  ${message.direction}  ${message.acceptedAt}  ${message.size} bytes`,
    `  from ${message.from || '<>'}  subject ${message.subject ?? '(none)'}  ${message.messageIdHeader ?? '(no Message-ID)'}`,
    `  received from ${message.clientIp ?? '-'} (${message.helo ?? '-'}) ${message.tls ?? 'no TLS'}  sha256 ${message.digest}`,
  ]
  for (const delivery of deliveries) {
    const why = waitText(delivery) ?? delivery.reason
    lines.push(
      `  to ${delivery.recipient} by ${delivery.route ?? '?'}: ${delivery.state}${why === null ? '' : ` (${why})`}  ${delivery.deliveryId}`,
    )
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

async function trace(query: string, options: TraceOptions): Promise<void> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new CommandError('--limit: a number from 1 to 1000', exitCodes.usage)
  await withContext(options, async ({ db }) => {
    const found: Shown[] = []
    for (const organisation of await chooseOrganisations(db, options)) {
      const page = await searchTrace(db, organisation.id, query, null, limit)
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
    show(options, { messages }, found.length === 0 ? 'Nothing is known about this.' : found.map(text).join('\n\n'))
  })
}

export function register(program: Command): void {
  withOrganisation(addCommand(program, 'trace', 'every step of a message'))
    .argument('<query>', 'address, Message-ID, own id, delivery id, or part of a subject')
    .option('--limit <n>', 'most messages', '20')
    .action(trace)
}
