/** The mail itself, a stretch of message numbers of one table at a time. */
import { PACKED, SIZE, sqlOf, type Shape } from './shape.ts'

export const mailTables = ['message', 'body', 'delivery', 'attempt', 'copy', 'placement'] as const
export type MailTable = (typeof mailTables)[number]

const TRACE = ['Received: from out.outside.test (203.0.113.7) by mx.holdfast.test (Holdfast) with ESMTPS id ', '\r\n']
/** every message's has the same length, so that the counters of folders are known without reading */
const PREFIX = `convert_to('${TRACE[0]!}' || lpad(i::text, 10, '0') || E'\\r\\n', 'UTF8')`
export const PREFIX_BYTES = TRACE.join('').length + 10

const LINE = 'What follows is only here because a message has to have some length to be stored.'
const BYTES = `convert_to(left(E'From: <sender' || i % 500 || E'@outside.test>\\r\\nSubject: Message number ' || i || E'\\r\\nMessage-ID: <' || i
  || E'@outside.test>\\r\\n\\r\\n' || repeat(E'${LINE}\\r\\n', ${Math.ceil(SIZE / LINE.length)}), ${SIZE}), 'UTF8')`

/** INSERT of messages number `from` to `to` - 1 into one table. */
export function mailStatement(shape: Shape, table: MailTable, from: number, to: number): string {
  const sql = sqlOf(shape)
  const base = `(SELECT i, i % ${shape.people} AS p, i % ${shape.organisations} AS o FROM generate_series(${from}, ${to - 1}) AS i) AS mail`
  const inserts: Record<MailTable, string> = {
    message: `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, header_from, subject, message_id_header,
        header_date, size, sha256, body_store, blob_key, pack_offset, prefix, client_ip, helo)
      SELECT ${sql.organisationId}, ${sql.messageId}, ${sql.at}, 1, 'sender' || i % 500 || '@outside.test', '<sender' || i % 500 || '@outside.test>',
        'Message number ' || i, '<' || i || '@outside.test>', ${sql.at}, ${SIZE}, CASE WHEN ${sql.hasBody} THEN sha256(${BYTES}) ELSE sha256(int8send(i)) END,
        CASE WHEN ${sql.hasBody} THEN 1 ELSE 5 END, CASE WHEN NOT ${sql.hasBody} THEN ${sql.blobKey(`${sql.nth} / ${PACKED}`)} END,
        CASE WHEN NOT ${sql.hasBody} THEN ${sql.nth} % ${PACKED} * ${SIZE} END, ${PREFIX}, '203.0.113.7', 'out.outside.test' FROM ${base}`,
    body: `INSERT INTO body (organisation_id, body_id, bytes) SELECT ${sql.organisationId}, ${sql.messageId}, ${BYTES} FROM ${base}`,
    // What waits has never been tried; the rest was taken at once.
    delivery: `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, reason, attempts, next_attempt,
        held, accepted_at, finished_at)
      SELECT ${sql.organisationId}, ${sql.deliveryId}, ${sql.messageId}, ${sql.address}, ${sql.personId}, ${sql.routeId(sql.route)},
        CASE WHEN waits THEN 0 ELSE 10 END, CASE WHEN NOT waits THEN 'delivered' END, CASE WHEN waits THEN 0 ELSE 1 END, at, waits, at,
        CASE WHEN NOT waits THEN at + interval '0.2 s' END
      FROM ${base} CROSS JOIN LATERAL (SELECT ${sql.waits} AS waits, ${sql.at} AS at) AS w`,
    attempt: `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, at, outcome, reason, host, smtp_code, enhanced, reply, took_ms)
      SELECT ${sql.organisationId}, ${sql.deliveryId}, 1, ${sql.at} + interval '0.2 s', 1, 'delivered', '127.0.0.1', 250, '2.0.0', 'Ok: queued as ' || i, 5
      FROM ${base} WHERE NOT ${sql.waits}`,
    copy: `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id)
      SELECT ${sql.organisationId}, ${sql.copyId}, ${sql.messageId}, ${sql.personId}, 1, ${sql.at} + interval '14 days', 'organisation:14d',
        ${sql.deliveryId}, ${sql.threadId} FROM ${base}`,
    placement: `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size)
      SELECT ${sql.organisationId}, ${sql.personId}, 1, ${sql.uid}, ${sql.copyId}, ${sql.messageId}, ${sql.threadId}, ${sql.uid} + 1, ${sql.uid} + 1,
        ${SIZE + PREFIX_BYTES} FROM ${base}`,
  }
  return inserts[table]
}

/** The packs that hold the bytes of old messages, as rows; their blobs are not made. */
export function packStatement(shape: Shape): string {
  const sql = sqlOf(shape)
  const O = shape.organisations
  const packed = shape.messages - shape.bodies
  // Of organisation o: messages o, o + O, o + 2 O, …
  const last = `least((k + 1) * ${PACKED}, (${packed} - o + ${O} - 1) / ${O}) - 1`
  return `INSERT INTO pack (blob_key, organisation_id, first_id, last_id, bytes, dead_bytes)
    SELECT ${sql.blobKey('k')}, ${sql.organisationId}, ${sql.messageIdOf(`o + ${O} * (k * ${PACKED})`)}, ${sql.messageIdOf(`o + ${O} * (${last})`)},
      (${last} - k * ${PACKED} + 1)::bigint * ${SIZE}, 0
    FROM generate_series(0, ${O - 1}) AS o
    CROSS JOIN LATERAL generate_series(0, ((${packed} - o + ${O} - 1) / ${O} + ${PACKED} - 1) / ${PACKED} - 1) AS k`
}
