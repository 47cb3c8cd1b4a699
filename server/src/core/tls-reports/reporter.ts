/**
 * After a UTC day has ended: a report to each domain that was written to and wants one (RFC 8460). Each report is claimed in the
 * database for a while by whoever makes it, so that there is one for each day and domain, however many processes there are;
 * its id stays the same through all tries. Tried again until a day is over, then given up.
 */
import { gzipSync } from 'node:zlib'
import type { Dns } from '../../clients/dns/resolver.ts'
import { postReport } from '../../clients/tls-rpt/post.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { RecordType } from '../../protocols/dns/message.ts'
import { parseReportRecord, type ReportTarget } from '../../protocols/tls-rpt/record.ts'
import { reportJson, reportMail, type ReportedPolicy } from '../../protocols/tls-rpt/report.ts'
import {
  claimTlsReports,
  delayTlsReport,
  endTlsReport,
  openTlsReports,
  sweepTlsReports,
  tlsResultsOf,
  type ClaimedReport,
} from '../../store/tls-reports.ts'
import { mailDate } from '../routing/index.ts'
import { mailReport, type MailRoute } from './hand-in.ts'
import { signReport } from './sign.ts'

export interface TlsReporter {
  /** Makes what is due; how many reports were dealt with. */
  run(): Promise<number>
  start(): void
  stop(): void
}

const EVERY_MS = 300_000
/** Counts of the last minutes of a day have been stored by then. */
const AFTER_SECONDS = 600
/** Not all of the world at once. */
const SPREAD_SECONDS = 3_600
const LEASE_SECONDS = 1_800
const AT_ONCE = 5
const MOST_ROWS = 1_000
const KEEP_DAYS = 3
const RETRY_SECONDS = 1_800
const MOST_RETRY_SECONDS = 14_400
/** RFC 8460 section 4: a day after the one that is reported. */
const GIVE_UP_MS = 2 * 86_400_000

export interface ReporterDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  keys: Pick<Keys, 'open'>
  dns: Dns
  allowPrivate: boolean
  mail: MailRoute
  /** false: `start` starts nothing */
  isOn?: boolean
  spreadSeconds?: number
}

export function createTlsReporter(deps: ReporterDeps): TlsReporter {
  const { db, clock, log, dns } = deps
  const submitter = deps.mail.helo
  let timer: Timer | null = null
  let running = false
  const ended = deps.metrics.counter('holdfast_tls_reports_total', 'TLS reports by what became of them', ['outcome'])

  async function targetsOf(domain: string): Promise<ReportTarget[]> {
    const { records } = await dns.ask(`_smtp._tls.${domain}`, RecordType.TXT)
    return parseReportRecord(records)
  }

  /** All of them must have it; one that had it already knows it by its id. */
  async function handIn(report: ClaimedReport, targets: readonly ReportTarget[]): Promise<void> {
    const { day, domain, reportId } = report
    const rows = await tlsResultsOf(db, day, domain, MOST_ROWS)
    const head = { reportId, submitter, domain, day }
    const results = rows.map((row) => ({ ...row, policy: row.policy as ReportedPolicy }))
    const gzip = gzipSync(reportJson(head, results))
    for (const target of targets)
      if (target.kind === 'https') await postReport(dns, target.url, gzip, deps.allowPrivate)
      else {
        const mail = reportMail(head, gzip, target.address, mailDate(clock.now()))
        await mailReport(deps.mail, target.address, await signReport(deps, submitter, mail))
      }
  }

  async function deal(report: ClaimedReport): Promise<void> {
    const { day, domain, attempts } = report
    const end = (state: 'sent' | 'unwanted' | 'given-up', told: string): Promise<void> => {
      ended.inc({ outcome: state })
      return endTlsReport(db, { day, domain, state, told })
    }
    try {
      const targets = await targetsOf(domain)
      if (targets.length === 0) return await end('unwanted', '')
      await handIn(report, targets)
      await end('sent', '')
      log.info({ domain, day }, 'a TLS report was sent')
    } catch (error) {
      const told = (error as Error).message.replace(/\0/g, '').slice(0, 500)
      log.warn({ domain, day, err: told }, 'a TLS report could not be sent')
      if (clock.now() - Date.parse(`${day}T00:00:00Z`) > GIVE_UP_MS) return end('given-up', told)
      const seconds = Math.min(RETRY_SECONDS * 2 ** Math.min(attempts - 1, 10), MOST_RETRY_SECONDS)
      await delayTlsReport(db, { day, domain, seconds, told })
    }
  }

  async function run(): Promise<number> {
    await openTlsReports(db, { afterSeconds: AFTER_SECONDS, spreadSeconds: deps.spreadSeconds ?? SPREAD_SECONDS })
    let count = 0
    for (let due = await claimTlsReports(db, AT_ONCE, LEASE_SECONDS); due.length > 0;) {
      await Promise.all(due.map(deal))
      count += due.length
      due = await claimTlsReports(db, AT_ONCE, LEASE_SECONDS)
    }
    await sweepTlsReports(db, KEEP_DAYS)
    return count
  }

  return {
    run,
    start() {
      if (deps.isOn === false) return
      timer = clock.every(EVERY_MS, () => {
        if (running) return
        running = true
        run()
          .catch((error: unknown) => log.warn({ err: String(error) }, 'TLS reports could not be made; repeated'))
          .finally(() => {
            running = false
          })
      })
    },
    stop: () => timer?.cancel(),
  }
}
