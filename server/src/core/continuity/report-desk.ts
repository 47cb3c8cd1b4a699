/**
 * Where people's reports come in, in every process with web pages. A report that names an address is answered before it is
 * looked at: whether the address exists shows neither in the answer nor in its time. What is too much, of one network or
 * altogether, is left out in silence, for who reports in good faith can do nothing about it.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { noteClaimed, noteSigned } from '../../store/reports.ts'
import { foldAddress } from '../directory/index.ts'
import { networkLimits } from './reports.ts'

export interface ReportDesk {
  /** Of somebody who has not signed in. Returns at once. */
  claim(report: { address: string; network: string }): void
  /** Of a person who has signed in. */
  sign(organisationId: Id, personId: Id): Promise<void>
  /** Resolves when what was claimed so far has been looked at; for tests. */
  settled(): Promise<void>
}

/** More than this wait for the database: it has other things to do. */
const MOST_WAITING = 200

export function createReportDesk(deps: { db: Database; clock: Clock; log: Log; metrics?: Metrics }): ReportDesk {
  const limits = networkLimits()
  const counter = deps.metrics?.counter(
    'holdfast_reach_reports_total',
    "People's reports that they cannot reach their mail",
    ['kind'],
  )
  let waiting = 0
  let last: Promise<void> = Promise.resolve()

  async function look(address: string): Promise<void> {
    try {
      const folded = foldAddress(address)
      if (folded !== null) await noteClaimed(deps.db, folded)
    } catch (error) {
      deps.log.warn({ err: String(error) }, 'a report of a person could not be noted')
    } finally {
      waiting--
    }
  }

  return {
    claim({ address, network }) {
      const isTaken = waiting < MOST_WAITING && limits.take(network, deps.clock.monotonic())
      counter?.inc({ kind: isTaken ? 'claimed' : 'left-out' })
      if (!isTaken) return
      waiting++
      // One after the other, by one connection.
      last = last.then(() => look(address))
    },
    async sign(organisationId, personId) {
      counter?.inc({ kind: 'signed' })
      await noteSigned(deps.db, organisationId, personId)
    },
    settled: () => last,
  }
}
