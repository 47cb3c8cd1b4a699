/**
 * What became of attempts, many in one statement: the delivery's new state, a row per attempt, a ledger row where the
 * delivery belongs to a return, a parking row where an admin must look. Written with synchronous_commit=off: an outcome
 * lost in a crash leaves a lease that runs out, and comes back as unsure, never as ready.
 */
import { DeliveryState, type AttemptOutcome } from '../platform/codes.ts'
import { boolArray, int2Array, int4Array, textArray, timestamptzArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { STATE_BY_KEY } from './claims.ts'
import type { Id } from '../platform/ids.ts'

export interface OutcomeRow {
  organisationId: Id
  deliveryId: Id
  outcome: AttemptOutcome
  state: DeliveryState
  reason: string
  /** when it is tried again, milliseconds from the database's now; null where it is finished */
  againIn: number | null
  host: string | null
  code: number
  enhanced: string | null
  reply: string
  remoteId: string | null
  tls: string | null
  tookMs: number
  /** when the attempt ended, ms */
  at: number
  ledgerId: Id
  returnEventId: Id | null
  /** a ledger row even if the delivery was never held (it is attempted by the return) */
  byReturn: boolean
}

/** Cuts a reply to what a person reads; NUL and broken UTF-16 never reach the database. */
function short(text: string): string {
  return text.slice(0, 500).toWellFormed().replaceAll('\0', '')
}

/** The reply as it stood on the wire, `250 2.0.0 Ok`; what the peer did not say (a lost connection) has no code. */
export const wholeReply = (code: string, enhanced: string, text: string): string =>
  `concat_ws(' ', ${code}, CASE WHEN ${code} IS NOT NULL THEN ${enhanced} END, ${text})`

/**
 * How the connection of the outcomes is opened: deliveries are found by key, however few or many there are. A plan for
 * every batch (a third of a millisecond): one that was made while the table was empty may name any index that begins with
 * the organisation, and read all its deliveries for each key.
 */
export const OUTCOME_SETTINGS = {
  plan_cache_mode: 'force_custom_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  synchronous_commit: 'off',
} as const

/**
 * Writes the outcomes; only deliveries still leased by `nodeId`, or unsure because our lease ran out meanwhile, are
 * moved. Returns the ids that were.
 */
export async function writeOutcomes(sql: Sql, nodeId: Id, rows: readonly OutcomeRow[]): Promise<{ deliveryId: Id }[]> {
  return sql.query(
    `WITH t AS (
       SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::int2[], $5::int2[], $6::text[], $7::int4[], $8::text[], $9::int2[], $10::text[],
         $11::text[], $12::text[], $13::text[], $14::int4[], $15::timestamptz[], $16::uuid[], $17::uuid[], $18::bool[])
         AS t(o, i, oc, st, re, again, host, code, enh, reply, rid, tls, took, at, led, ev, byret)
     ), upd AS (
       UPDATE delivery d SET state = t.st, reason = t.re, attempts = d.attempts + 1, lease = NULL,
         next_attempt = CASE WHEN t.again < 0 THEN d.next_attempt ELSE now() + make_interval(secs => t.again / 1000.0) END,
         finished_at = CASE WHEN t.st >= 10 THEN now() END
       FROM t WHERE d.organisation_id = t.o AND d.delivery_id = t.i
         AND ((${STATE_BY_KEY} = ${DeliveryState.leased} AND d.lease = $1) OR ${STATE_BY_KEY} = ${DeliveryState.unsure})
       RETURNING d.organisation_id, d.delivery_id, d.attempts, d.held, d.route_id, d.person_id, d.message_id, t.*
     ), att AS (
       INSERT INTO attempt (organisation_id, delivery_id, attempt_no, at, outcome, reason, host, smtp_code, enhanced, reply, remote_id, tls, took_ms)
       SELECT organisation_id, delivery_id, attempts, at, oc, re, host, NULLIF(code, 0), enh, reply, rid, tls, took FROM upd
     ), led AS (
       INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, at, outcome, proof)
       SELECT organisation_id, led, ev, route_id, person_id, delivery_id, message_id, attempts, at, oc, ${wholeReply('NULLIF(code, 0)', 'enh', 'reply')}
       FROM upd WHERE held OR byret
     ), prk AS (
       INSERT INTO parking (organisation_id, delivery_id, reason)
       SELECT organisation_id, delivery_id, re FROM upd WHERE st = ${DeliveryState.parked}
       ON CONFLICT DO NOTHING
     )
     SELECT delivery_id AS "deliveryId" FROM upd`,
    [
      nodeId,
      uuidArray(rows.map((r) => r.organisationId)),
      uuidArray(rows.map((r) => r.deliveryId)),
      int2Array(rows.map((r) => r.outcome)),
      int2Array(rows.map((r) => r.state)),
      textArray(rows.map((r) => r.reason)),
      waits(rows.map((r) => r.againIn)),
      textArray(rows.map((r) => r.host)),
      int2Array(rows.map((r) => r.code)),
      textArray(rows.map((r) => r.enhanced)),
      textArray(rows.map((r) => short(r.reply))),
      textArray(rows.map((r) => r.remoteId)),
      textArray(rows.map((r) => r.tls)),
      int4Array(rows.map((r) => Math.min(2_000_000_000, Math.round(r.tookMs)))),
      timestamptzArray(rows.map((r) => r.at)),
      uuidArray(rows.map((r) => r.ledgerId)),
      uuidArray(rows.map((r) => r.returnEventId)),
      boolArray(rows.map((r) => r.byReturn)),
    ],
    'outcomes',
  )
}

/** -1 stands for "not again". */
function waits(values: readonly (number | null)[]): Buffer {
  return int4Array(values.map((value) => (value === null ? -1 : Math.max(0, Math.round(value)))))
}
