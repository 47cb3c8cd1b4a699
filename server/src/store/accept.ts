/**
 * The accept statement: everything a batch of messages needs, in ONE autocommit statement on one connection. Promise 1
 * hangs on it: when it has answered, message, bytes, deliveries, copies, placements and folder counters are all there;
 * when it failed, none is. A missing folder makes it fail (uid would be null), never makes a placement vanish.
 *
 * All arrays are hand-encoded in binary (platform/db/binary.ts). The plan is generic and prepared once a connection
 * (ACCEPT_SETTINGS).
 */
import { BodyStore, DeliveryState } from '../platform/codes.ts'
import {
  boolArray,
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  uuidArray,
} from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** The shape of core/queue/incoming.ts as far as it is stored; kept structural so that store knows nothing of core. */
export interface AcceptRow {
  organisationId: Id
  messageId: Id
  receivedAt: number
  direction: number
  envelopeFrom: string
  size: number
  sha256: Buffer
  body: { kind: 'row'; bytes: Buffer } | { kind: 'chunks' } | { kind: 'blob'; blobKey: string }
  prefix: Buffer
  headerFrom: string | null
  subject: string | null
  messageIdHeader: string | null
  inReplyTo: string | null
  headerDate: number | null
  clientIp: string | null
  helo: string | null
  tls: string | null
  facts: object
  deliveries: {
    deliveryId: Id
    recipient: string
    personId: Id | null
    routeId: Id
    notify: number
    orcpt: string | null
    hot: boolean
    held: boolean
    parked: string | null
    via?: string
    sender?: string
  }[]
  copies: {
    copyId: Id
    personId: Id
    source: number
    expiresAt: number
    policy: string
    deliveryId: Id | null
    threadId: Id
    folderNo: number | null
    flags: number
  }[]
}

/** A folder that got mail, and the change number it has now: wakes the people who look at it. */
export interface TouchedFolder {
  organisationId: Id
  personId: Id
  folderNo: number
  modseq: number
}

/**
 * Placements come grouped by folder, the folders in the order of their keys (locks are taken in that order): one update
 * for each folder gives its uids, and its placements are read out of the arrays from `at` on. No sorting and no join of
 * arrays in the database: with twenty recipients that cost more than the rows.
 */
const STATEMENT = `
WITH msg AS (
  INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, header_from, subject,
    message_id_header, header_date, in_reply_to, size, sha256, body_store, blob_key, prefix, client_ip, helo, tls, facts)
  SELECT o, m, ra, di, ef, hf, su, mh, hd, ir, sz, sh, bs, bk, px, ip, he, tl, fa::jsonb
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int2[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::timestamptz[], $10::text[], $11::int8[], $12::bytea[], $13::int2[], $14::text[], $15::bytea[], $16::text[],
    $17::text[], $18::text[], $19::text[])
    AS t(o, m, ra, di, ef, hf, su, mh, hd, ir, sz, sh, bs, bk, px, ip, he, tl, fa)
), bod AS (
  INSERT INTO body (organisation_id, body_id, bytes)
  SELECT o, m, b FROM unnest($20::uuid[], $21::uuid[], $22::bytea[]) AS t(o, m, b)
), res AS (
  DELETE FROM blob_reservation WHERE blob_key = ANY ($52::text[])
), del AS (
  INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt,
    lease, held, accepted_at, notify, orcpt, reason, finished_at, via, sender)
  SELECT o, d, m, re, p, ro, CASE WHEN pk IS NOT NULL THEN ${DeliveryState.parked} WHEN hot THEN ${DeliveryState.leased} ELSE ${DeliveryState.ready} END,
    CASE WHEN hot THEN now() + make_interval(secs => $23::float8) ELSE now() END,
    CASE WHEN hot THEN $24::uuid END, he, now(), no, oc, pk, CASE WHEN pk IS NOT NULL THEN now() END, vi, se
  FROM unnest($25::uuid[], $26::uuid[], $27::uuid[], $28::text[], $29::uuid[], $30::uuid[], $31::bool[], $32::bool[],
    $33::int2[], $34::text[], $35::text[], $59::text[], $60::text[]) AS t(o, d, m, re, p, ro, hot, he, no, oc, pk, vi, se)
), prk AS (
  INSERT INTO parking (organisation_id, delivery_id, reason)
  SELECT o, d, pk FROM unnest($25::uuid[], $26::uuid[], $35::text[]) AS t(o, d, pk) WHERE pk IS NOT NULL
), cpy AS (
  INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id, placed)
  SELECT * FROM unnest($36::uuid[], $37::uuid[], $38::uuid[], $39::uuid[], $40::int2[], $41::timestamptz[], $42::text[],
    $43::uuid[], $44::uuid[], $45::bool[])
), fld AS (
  UPDATE folder SET uidnext = uidnext + n, modseq = modseq + 1, total = total + n, unseen = unseen + un, bytes = folder.bytes + by
  FROM unnest($46::uuid[], $47::uuid[], $48::int4[], $49::int4[], $50::int4[], $51::int4[], $53::int8[]) AS w(o, p, f, at, n, un, by)
  WHERE organisation_id = o AND person_id = p AND folder_no = f AND removed_modseq IS NULL
  RETURNING o, p, f, at, n, uidnext - n AS base, modseq
), plc AS (
  INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, flags, created_modseq,
    modseq, size)
  SELECT o, p, f, base + i, ($54::uuid[])[at + i], ($55::uuid[])[at + i], ($56::uuid[])[at + i], ($57::int4[])[at + i],
    modseq, modseq, ($58::int8[])[at + i]
  FROM fld CROSS JOIN LATERAL generate_series(0, n - 1) AS i
  UNION ALL
  SELECT o, p, f, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM unnest($46::uuid[], $47::uuid[], $48::int4[]) AS w(o, p, f)
  WHERE (SELECT count(*) FROM fld) < cardinality($46::uuid[])
)
SELECT o AS "organisationId", p AS "personId", f AS "folderNo", modseq FROM fld`

/**
 * How the accept connection is opened. The plan is made once and must hold for an empty table and for ten million rows
 * alike: by key, whatever the statistics of the moment say.
 */
export const ACCEPT_SETTINGS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
} as const

const BODY_STORE = { row: BodyStore.row, chunks: BodyStore.chunks, blob: BodyStore.blob } as const

/** PostgreSQL's text refuses NUL, and lone surrogates would not be UTF-8: one such value would fail twenty sessions. */
function clean(text: string | null): string | null {
  if (text === null) return null
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  return whole.includes('\0') ? whole.replaceAll('\0', '\uFFFD') : whole
}

interface Placed {
  m: AcceptRow
  c: AcceptRow['copies'][number]
}
interface Group {
  organisationId: Id
  personId: Id
  folderNo: number
  placed: Placed[]
}

/** Placements by folder, the folders in the order of their keys. */
function groupsOf(placed: readonly Placed[]): Group[] {
  const groups = new Map<string, Group>()
  for (const one of placed) {
    const { organisationId } = one.m
    const { personId, folderNo } = one.c
    // An id of a person belongs to one organisation, but nothing here relies on it.
    const key = `${organisationId} ${personId} ${folderNo}`
    const group = groups.get(key)
    if (group) group.placed.push(one)
    else groups.set(key, { organisationId, personId, folderNo: folderNo!, placed: [one] })
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

const sum = (group: Group, of: (one: Placed) => number): number =>
  group.placed.reduce((total, one) => total + of(one), 0)
const sizeOf = ({ m }: Placed): number => m.size + m.prefix.length

/**
 * Stores the batch. Throws pg's error (classify with classifyDbError). `sql` is the accept connection, opened with
 * ACCEPT_SETTINGS; `leaseSeconds` and `nodeId` are those of the hot deliveries.
 */
export async function insertBatch(
  sql: Sql,
  batch: readonly AcceptRow[],
  lease: { nodeId: Id; seconds: number },
): Promise<TouchedFolder[]> {
  const rows = batch.filter((m) => m.body.kind === 'row')
  const blobs = batch.flatMap((m) => (m.body.kind === 'blob' ? [m.body.blobKey] : []))
  const deliveries = batch.flatMap((m) => m.deliveries.map((d) => ({ m, d })))
  const copies = batch.flatMap((m) => m.copies.map((c) => ({ m, c })))
  const groups = groupsOf(copies.filter(({ c }) => c.folderNo !== null))
  const placed = groups.flatMap((group) => group.placed)
  let next = 1
  const starts = groups.map((group) => (next += group.placed.length) - group.placed.length)
  const org = (all: readonly { m: AcceptRow }[]): Buffer => uuidArray(all.map(({ m }) => m.organisationId))
  const msg = (all: readonly { m: AcceptRow }[]): Buffer => uuidArray(all.map(({ m }) => m.messageId))
  const text = (pick: (m: AcceptRow) => string | null): Buffer => textArray(batch.map((m) => clean(pick(m))))
  const values = [
    uuidArray(batch.map((m) => m.organisationId)),
    uuidArray(batch.map((m) => m.messageId)),
    timestamptzArray(batch.map((m) => m.receivedAt)),
    int2Array(batch.map((m) => m.direction)),
    text((m) => m.envelopeFrom),
    text((m) => m.headerFrom),
    text((m) => m.subject),
    text((m) => m.messageIdHeader),
    timestamptzArray(batch.map((m) => m.headerDate)),
    text((m) => m.inReplyTo),
    int8Array(batch.map((m) => m.size)),
    byteaArray(batch.map((m) => m.sha256)),
    int2Array(batch.map((m) => BODY_STORE[m.body.kind])),
    text((m) => (m.body.kind === 'blob' ? m.body.blobKey : null)),
    byteaArray(batch.map((m) => m.prefix)),
    text((m) => m.clientIp),
    text((m) => m.helo),
    text((m) => m.tls),
    text((m) => JSON.stringify(m.facts)),
    uuidArray(rows.map((m) => m.organisationId)),
    uuidArray(rows.map((m) => m.messageId)),
    byteaArray(rows.map((m) => (m.body.kind === 'row' ? m.body.bytes : null))),
    lease.seconds,
    lease.nodeId,
    org(deliveries),
    uuidArray(deliveries.map(({ d }) => d.deliveryId)),
    msg(deliveries),
    textArray(deliveries.map(({ d }) => clean(d.recipient))),
    uuidArray(deliveries.map(({ d }) => d.personId)),
    uuidArray(deliveries.map(({ d }) => d.routeId)),
    boolArray(deliveries.map(({ d }) => d.hot)),
    boolArray(deliveries.map(({ d }) => d.held)),
    int2Array(deliveries.map(({ d }) => d.notify)),
    textArray(deliveries.map(({ d }) => clean(d.orcpt))),
    textArray(deliveries.map(({ d }) => d.parked)),
    org(copies),
    uuidArray(copies.map(({ c }) => c.copyId)),
    msg(copies),
    uuidArray(copies.map(({ c }) => c.personId)),
    int2Array(copies.map(({ c }) => c.source)),
    timestamptzArray(copies.map(({ c }) => c.expiresAt)),
    textArray(copies.map(({ c }) => c.policy)),
    uuidArray(copies.map(({ c }) => c.deliveryId)),
    uuidArray(copies.map(({ c }) => c.threadId)),
    boolArray(copies.map(({ c }) => c.folderNo !== null)),
    uuidArray(groups.map((group) => group.organisationId)),
    uuidArray(groups.map((group) => group.personId)),
    int4Array(groups.map((group) => group.folderNo)),
    int4Array(starts),
    int4Array(groups.map((group) => group.placed.length)),
    int4Array(groups.map((group) => sum(group, ({ c }) => ((c.flags & 1) === 0 ? 1 : 0)))),
    textArray(blobs),
    int8Array(groups.map((group) => sum(group, sizeOf))),
    uuidArray(placed.map(({ c }) => c.copyId)),
    msg(placed),
    uuidArray(placed.map(({ c }) => c.threadId)),
    int4Array(placed.map(({ c }) => c.flags)),
    int8Array(placed.map(sizeOf)),
    textArray(deliveries.map(({ d }) => clean(d.via ?? null))),
    textArray(deliveries.map(({ d }) => clean(d.sender ?? null))),
  ]
  return sql.query<TouchedFolder>(STATEMENT, values, 'accept')
}
