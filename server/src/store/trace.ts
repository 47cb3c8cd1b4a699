/**
 * Everything that is known about a message: the message, its deliveries with every attempt, copies, ledger rows. Finding
 * one: trace-search.ts.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { QueueRow } from './queue-view.ts'
import { QUEUE_COLUMNS, QUEUE_FROM, shownHost, shownRecipient, shownReply } from './queue-view.ts'
import { wholeReply } from './outcomes.ts'

export interface TraceMessageRow {
  messageId: Id
  messageIdHeader: string | null
  from: string
  subject: string | null
  acceptedAt: Date
  size: number
  direction: number
  recipients: string[]
}

export const TRACE_MESSAGE = `m.message_id AS "messageId", m.message_id_header AS "messageIdHeader", m.envelope_from AS "from", m.subject,
  m.received_at AS "acceptedAt", m.size, m.direction,
  ARRAY(SELECT ${shownRecipient('m', 'd')} FROM delivery d WHERE d.organisation_id = m.organisation_id AND d.message_id = m.message_id
        ORDER BY d.delivery_id LIMIT 20) AS recipients`

export interface FullMessageRow extends TraceMessageRow {
  sha256: Buffer
  clientIp: string | null
  helo: string | null
  tls: string | null
  /** what is stored differs from what came by this rule, so many times; digest of what came, hexadecimal */
  mended: { rule: string; count: number; sha256: string } | null
}

export async function readMessage(sql: Sql, organisationId: Id, messageId: Id): Promise<FullMessageRow | null> {
  const rows = await sql.query<FullMessageRow>(
    `SELECT ${TRACE_MESSAGE}, m.sha256, m.client_ip AS "clientIp", m.helo, m.tls, m.facts->'mended' AS mended FROM message m WHERE m.organisation_id = $1 AND m.message_id = $2`,
    [organisationId, messageId],
  )
  return rows[0] ?? null
}

export interface TraceDeliveryRow extends QueueRow {
  finishedAt: Date | null
  /** the address of ours that it came for */
  via: string | null
  /** another sender than the message's */
  sender: string | null
}

export function deliveriesOf(sql: Sql, organisationId: Id, messageId: Id): Promise<TraceDeliveryRow[]> {
  return sql.query<TraceDeliveryRow>(
    `SELECT ${QUEUE_COLUMNS}, d.finished_at AS "finishedAt", d.via, d.sender
     ${QUEUE_FROM}
     WHERE d.organisation_id = $1 AND d.message_id = $2 ORDER BY d.delivery_id LIMIT 1000`,
    [organisationId, messageId],
  )
}

export interface AttemptRow {
  deliveryId: Id
  attemptNo: number
  at: Date
  outcome: number
  reason: string
  host: string | null
  tls: string | null
  /** with its code and enhanced code */
  reply: string | null
  tookMs: number
}

export function attemptsOf(sql: Sql, organisationId: Id, messageId: Id): Promise<AttemptRow[]> {
  return sql.query<AttemptRow>(
    `SELECT a.delivery_id AS "deliveryId", a.attempt_no AS "attemptNo", a.at, a.outcome, a.reason, ${shownHost('a.host')} AS host, a.tls,
            ${shownReply(`NULLIF(${wholeReply('a.smtp_code', 'a.enhanced', 'a.reply')}, '')`)} AS reply, a.took_ms AS "tookMs"
     FROM delivery d JOIN attempt a ON a.organisation_id = d.organisation_id AND a.delivery_id = d.delivery_id
     JOIN message m ON m.organisation_id = d.organisation_id AND m.message_id = d.message_id
     WHERE d.organisation_id = $1 AND d.message_id = $2 ORDER BY a.delivery_id, a.attempt_no LIMIT 5000`,
    [organisationId, messageId],
  )
}

export interface CopyRow {
  person: string
  source: number
  expiresAt: Date | number
  folder: string | null
}

export function copiesOf(sql: Sql, organisationId: Id, messageId: Id): Promise<CopyRow[]> {
  return sql.query<CopyRow>(
    `SELECT coalesce(p.name, c.person_id::text) AS person, c.source, c.expires_at AS "expiresAt", f.name AS folder
     FROM copy c
     LEFT JOIN person p ON p.organisation_id = c.organisation_id AND p.person_id = c.person_id
     LEFT JOIN LATERAL (
       SELECT o.name FROM folder o JOIN placement x ON x.organisation_id = o.organisation_id AND x.person_id = o.person_id
         AND x.folder_no = o.folder_no AND x.copy_id = c.copy_id AND x.tombstone IS NULL
       WHERE o.organisation_id = c.organisation_id AND o.person_id = c.person_id LIMIT 1) f ON true
     WHERE c.organisation_id = $1 AND c.message_id = $2 ORDER BY c.copy_id LIMIT 1000`,
    [organisationId, messageId],
  )
}

export interface LedgerRow {
  ledgerId: Id
  at: Date
  person: string | null
  recipient: string | null
  subject: string | null
  outcome: number
  proof: string
  attemptNo: number
  owedId: Id | null
}

const LEDGER = `SELECT l.ledger_id AS "ledgerId", l.at, p.name AS person, d.recipient, m.subject, l.outcome, l.proof,
    l.attempt_no AS "attemptNo", l.owed_id AS "owedId"
  FROM ledger l
  LEFT JOIN person p ON p.organisation_id = l.organisation_id AND p.person_id = l.person_id
  LEFT JOIN delivery d ON d.organisation_id = l.organisation_id AND d.delivery_id = l.delivery_id
  LEFT JOIN message m ON m.organisation_id = l.organisation_id AND m.message_id = l.message_id`

export function ledgerOfMessage(sql: Sql, organisationId: Id, messageId: Id): Promise<LedgerRow[]> {
  return sql.query<LedgerRow>(
    `${LEDGER} WHERE l.organisation_id = $1
       AND (l.delivery_id IN (SELECT delivery_id FROM delivery WHERE organisation_id = $1 AND message_id = $2)
         OR l.owed_id IN (SELECT o.owed_id FROM copy c JOIN owed_item o ON o.organisation_id = c.organisation_id AND o.copy_id = c.copy_id
                          WHERE c.organisation_id = $1 AND c.message_id = $2))
     ORDER BY l.ledger_id LIMIT 5000`,
    [organisationId, messageId],
  )
}
