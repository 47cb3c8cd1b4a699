/** The numbers of the SMTP listener, bound once so that counting costs an addition. */
import type { ErrorCode } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'

export interface SmtpCounters {
  opened(): void
  closed(): void
  accepted(octets: number): void
  refused(code: ErrorCode): void
}

export function createSmtpCounters(metrics: Metrics, listener: string): SmtpCounters {
  const labels = { listener }
  const connections = metrics
    .counter('holdfast_smtp_connections_total', 'SMTP connections taken.', ['listener'])
    .labels(labels)
  const open = metrics.gauge('holdfast_smtp_sessions', 'SMTP sessions open now.', ['listener']).labels(labels)
  const messages = metrics
    .counter('holdfast_smtp_messages_total', 'Messages answered with 250.', ['listener'])
    .labels(labels)
  const octets = metrics.counter('holdfast_smtp_octets_total', 'Octets of these messages.', ['listener']).labels(labels)
  const refusals = metrics.counter('holdfast_smtp_refusals_total', 'Replies of 4xx and 5xx, by error.', [
    'listener',
    'code',
  ])
  return {
    opened() {
      connections.inc()
      open.inc()
    },
    closed: () => open.dec(),
    accepted(size) {
      messages.inc()
      octets.inc(size)
    },
    refused: (code) => refusals.inc({ listener, code }),
  }
}
