/**
 * Counts how TLS towards the world went, in memory and off the path of mail: one look into a map for each connection, a row in the
 * database once a minute (RFC 8460 section 4). Bounded; what a crash loses is a minute of numbers.
 */
import { createHash } from 'node:crypto'
import type { SmtpConnection } from '../../clients/smtp/connection.ts'
import { SmtpFailure, type SmtpTarget } from '../../clients/smtp/result.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { ReportedPolicy } from '../../protocols/tls-rpt/report.ts'
import { addTlsResults, type TlsResultRow } from '../../store/tls-reports.ts'

/** What a connection to a host of the world was about. */
export interface TlsAbout {
  /** the domain whose policy it is, A-label */
  domain: string
  policy: ReportedPolicy
  /** the policy asks for reports only: what would have failed counts as failed (RFC 8461 section 5) */
  isTest?: boolean
}

export interface TlsTally {
  /** A connection was made, or not. */
  note(about: TlsAbout, target: Pick<SmtpTarget, 'host' | 'address'>, outcome: SmtpConnection | SmtpFailure): void
  /** A host was not even asked. */
  unused(about: TlsAbout, host: string, result: string, reason: string): void
  /** A domain's MTA-STS policy could not be had, or is none (RFC 8460 section 4.3.2.2). */
  noPolicy(domain: string, reason: string): void
  /** Writes what has gathered. */
  flush(): Promise<void>
  start(): void
  stop(): Promise<void>
}

const EVERY_MS = 60_000
const MOST_KEPT = 5_000
const MOST_ROWS = 500
const MOST_REASON = 200

type Way = Pick<SmtpConnection, 'tls' | 'fault' | 'ownAddress'>

/** The result, '' for success; null: it was not about TLS. */
export function resultOf(outcome: Way | SmtpFailure, isTest: boolean): { result: string; reason: string } | null {
  if (outcome instanceof SmtpFailure)
    return outcome.stage === 'tls' ? { result: outcome.fault ?? 'validation-failure', reason: outcome.message } : null
  const { tls, fault } = outcome
  if (tls === null) return { result: 'starttls-not-supported', reason: '' }
  const isClear = tls.startsWith('clear: ')
  if (isClear) return { result: fault ?? 'validation-failure', reason: tls.slice('clear: '.length) }
  return { result: isTest && fault !== null ? fault : '', reason: '' }
}

export function createTlsTally(deps: { db: Database; clock: Clock; log: Log; metrics: Metrics }): TlsTally {
  const { db, clock, log } = deps
  let rows = new Map<string, TlsResultRow>()
  let timer: Timer | null = null
  const sessions = deps.metrics.counter(
    'holdfast_world_tls_sessions_total',
    'Connections to mail servers of the world by policy and TLS result',
    ['policy', 'result'],
  )
  const lost = deps.metrics.counter('holdfast_world_tls_uncounted_total', 'Connections that no TLS report will count')

  function add(
    about: TlsAbout,
    one: Pick<TlsResultRow, 'result' | 'reason' | 'sendingIp' | 'mxHost' | 'receivingIp'>,
  ): void {
    const { domain, policy } = about
    sessions.inc({ policy: policy.type, result: one.result || 'success' })
    // Nobody could ask for reports about an address literal.
    if (domain.startsWith('[')) return
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    const policyKey = createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 32)
    const key = [day, domain, policyKey, one.result, one.sendingIp, one.mxHost, one.receivingIp].join('\n')
    const known = rows.get(key)
    if (known) {
      known.sessions++
      return
    }
    if (rows.size >= MOST_KEPT) return lost.inc()
    const reason = one.reason.replace(/\0/g, '').slice(0, MOST_REASON)
    rows.set(key, { ...one, day, domain, policyKey, policy, reason, sessions: 1 })
  }

  async function flush(): Promise<void> {
    const all = [...rows.values()]
    rows = new Map()
    for (let at = 0; at < all.length; at += MOST_ROWS)
      try {
        await addTlsResults(db, all.slice(at, at + MOST_ROWS))
      } catch (error) {
        lost.inc(all.length - at)
        log.warn({ err: String(error) }, 'counts for TLS reports could not be stored; they are lost')
        return
      }
  }

  return {
    note(about, target, outcome) {
      const found = resultOf(outcome, about.isTest === true)
      if (found === null) return
      // A success is counted as one, whoever took part.
      const isFailure = found.result !== ''
      const mxHost = isFailure ? target.host : ''
      const receivingIp = isFailure ? (target.address ?? '') : ''
      add(about, { ...found, mxHost, receivingIp, sendingIp: isFailure ? (outcome.ownAddress ?? '') : '' })
    },
    unused: (about, host, result, reason) =>
      add(about, { result, reason, mxHost: host, receivingIp: '', sendingIp: '' }),
    noPolicy(domain, reason) {
      const result = reason.endsWith('is not a policy') ? 'sts-policy-invalid' : 'sts-policy-fetch-error'
      const about: TlsAbout = { domain, policy: { type: 'sts', strings: [], mx: [] } }
      add(about, { result, reason, mxHost: '', receivingIp: '', sendingIp: '' })
    },
    flush,
    start() {
      timer = clock.every(EVERY_MS, () => void flush())
    },
    async stop() {
      timer?.cancel()
      await flush()
    },
  }
}
