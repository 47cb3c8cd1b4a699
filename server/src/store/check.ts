/**
 * The invariants that SQL alone can prove: per name one query that returns what breaks it (organisation, subject,
 * detail), at most $1 rows. Each is one statement and so one snapshot: a running server does not disturb it. The
 * database does the joining; nothing here brings a table into our memory. What they mean: core/check/invariants.ts.
 */
import {
  AttemptOutcome,
  BodyStore,
  DeliveryState,
  BookKind,
  DirectoryRunState,
  Direction,
  Mode,
  OwedState,
  PasskeyPurpose,
  Pin,
  PinTarget,
  UndoStatus,
  alarmKinds,
  MailboxAccessPurpose,
  MailboxAccessState,
  PersonKind,
  accountNoticeKinds,
  PersonSource,
  ScimKind,
} from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { firstIdAt } from '../platform/ids.ts'
import type { Id } from '../platform/ids.ts'
import { CHUNK_BYTES } from './bodies.ts'
import { PROTECTED } from './protected.ts'
import { SWEPT_BY_MS } from './sweep.ts'

export interface Breach {
  organisationId: Id | null
  subject: string
  detail: string
}

const quoted = (set: readonly string[]): string => set.map((word) => `'${word}'`).join(', ')
const words = (set: Record<string, number>): string => Object.values(set).join(', ')

/** Where a copy `c` lies or lay: a tombstone is a place too, what a person deleted was visible. */
const PLACE_OF_COPY = `l.organisation_id = c.organisation_id AND l.person_id = c.person_id AND l.copy_id = c.copy_id AND l.message_id = c.message_id`

/** select o, s, d: organisation, subject, detail. $1 = most rows, $2 = first id that the sweep has not met yet, $3 = known reasons. */
const queries = {
  // ------------------------------------------------ bytes
  'body-row': `SELECT m.organisation_id o, 'message ' || m.message_id s, 'no body row' d FROM message m WHERE m.body_store = ${BodyStore.row}
    AND NOT EXISTS (SELECT FROM body b WHERE b.body_id = m.message_id AND b.organisation_id = m.organisation_id)`,
  'body-once': `SELECT NULL::uuid o, 'body ' || body_id s, count(*) || ' rows' d FROM body GROUP BY body_id HAVING count(*) > 1`,
  'body-size': `SELECT m.organisation_id o, 'message ' || m.message_id s, octet_length(b.bytes) || ' bytes, the message says ' || m.size d
    FROM message m JOIN body b ON b.body_id = m.message_id WHERE m.body_store = ${BodyStore.row} AND octet_length(b.bytes) <> m.size`,
  'chunks-whole': `SELECT m.organisation_id o, 'message ' || m.message_id s, format('%s chunks to number %s, %s bytes, the message says %s', c.n, c.last, c.sum, m.size) d
    FROM message m LEFT JOIN LATERAL (SELECT count(*) n, max(seq) last, coalesce(sum(octet_length(bytes)), 0) sum, count(*) FILTER (WHERE octet_length(bytes) = ${CHUNK_BYTES}) whole
      FROM body_chunk k WHERE k.body_id = m.message_id AND k.organisation_id = m.organisation_id) c ON true
    WHERE m.body_store = ${BodyStore.chunks} AND (c.n = 0 OR c.last <> c.n - 1 OR c.sum <> m.size OR c.whole < c.n - 1)`,
  'body-owner': `SELECT b.organisation_id o, 'body ' || b.body_id s, 'belongs to no message or upload' d FROM (
      SELECT organisation_id, body_id FROM body WHERE body_id < $2::uuid UNION SELECT organisation_id, body_id FROM body_chunk WHERE body_id < $2::uuid) b
    WHERE NOT EXISTS (SELECT FROM message m WHERE m.organisation_id = b.organisation_id AND m.message_id = b.body_id)
      AND NOT EXISTS (SELECT FROM upload u WHERE u.organisation_id = b.organisation_id AND u.upload_id = b.body_id)`,
  'blob-key': `SELECT organisation_id o, 'message ' || message_id s, format('body_store %s, blob key %s', body_store, blob_key) d FROM message
    WHERE body_store NOT IN (${words(BodyStore)}) OR (body_store = ${BodyStore.packed}) <> (pack_offset IS NOT NULL)
      OR (body_store IN (${BodyStore.blob}, ${BodyStore.packed})) <> (blob_key IS NOT NULL) AND body_store <> ${BodyStore.gone}`,
  'blob-reserved': `SELECT r.organisation_id o, 'blob ' || r.blob_key s, 'reserved though a message or a pack has it, or for more than two hours' d FROM blob_reservation r
    WHERE r.reserved_at < now() - interval '2 hours' OR EXISTS (SELECT FROM message m WHERE m.organisation_id = r.organisation_id AND m.blob_key = r.blob_key)
      OR EXISTS (SELECT FROM pack p WHERE p.blob_key = r.blob_key)`,
  'packed-place': `SELECT m.organisation_id o, 'message ' || m.message_id s, format('bytes %s to %s of pack %s, which has %s', m.pack_offset, m.pack_offset + m.size, m.blob_key, coalesce(p.bytes::text, 'no row')) d
    FROM message m LEFT JOIN pack p ON p.blob_key = m.blob_key AND p.organisation_id = m.organisation_id AND p.ended_at IS NULL AND m.message_id BETWEEN p.first_id AND p.last_id
    WHERE m.body_store = ${BodyStore.packed} AND (p.blob_key IS NULL OR m.pack_offset < 0 OR m.pack_offset + m.size > p.bytes)`,
  'packed-apart': `SELECT o, 'message ' || i s, format('begins at byte %s of pack %s, where the message before it ends at %s', at, k, before) d FROM (
      SELECT organisation_id o, message_id i, blob_key k, pack_offset at, max(pack_offset + size) OVER (PARTITION BY blob_key ORDER BY pack_offset, size
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) before
      FROM message WHERE body_store = ${BodyStore.packed}) t WHERE before > at`,
  'packed-once': `SELECT m.organisation_id o, 'message ' || m.message_id s, 'is in a pack, and in rows too' d FROM message m WHERE m.body_store = ${BodyStore.packed}
    AND (EXISTS (SELECT FROM body b WHERE b.body_id = m.message_id AND b.organisation_id = m.organisation_id)
      OR EXISTS (SELECT FROM body_chunk k WHERE k.body_id = m.message_id AND k.organisation_id = m.organisation_id))`,
  'pack-dead': `SELECT p.organisation_id o, 'pack ' || p.blob_key s, format('%s bytes, counted dead %s since %s, alive by its messages %s', p.bytes, p.dead_bytes, p.dead_since, coalesce(m.alive, 0)) d
    FROM pack p LEFT JOIN (SELECT blob_key, sum(size) alive FROM message WHERE body_store = ${BodyStore.packed} GROUP BY blob_key) m USING (blob_key)
    WHERE p.bytes - p.dead_bytes <> coalesce(m.alive, 0) OR (p.dead_bytes > 0) <> (p.dead_since IS NOT NULL)`,
  'upload-bytes': `SELECT u.organisation_id o, 'upload ' || u.upload_id s, 'no bytes' d FROM upload u
    WHERE NOT EXISTS (SELECT FROM body b WHERE b.body_id = u.upload_id) AND NOT EXISTS (SELECT FROM body_chunk k WHERE k.body_id = u.upload_id)`,
  'copy-bytes': `SELECT c.organisation_id o, 'copy ' || c.copy_id s, 'its message has no bytes any more' d FROM copy c JOIN message m USING (organisation_id, message_id) WHERE m.body_store = ${BodyStore.gone}`,
  // ------------------------------------------------ deliveries
  'delivery-message': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'no message ' || d.message_id d FROM delivery d
    WHERE NOT EXISTS (SELECT FROM message m WHERE m.organisation_id = d.organisation_id AND m.message_id = d.message_id)`,
  'delivery-route': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'no route ' || d.route_id d FROM delivery d
    WHERE state < 10 AND NOT EXISTS (SELECT FROM route r WHERE r.organisation_id = d.organisation_id AND r.route_id = d.route_id)`,
  'delivery-person': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'no person ' || d.person_id d FROM delivery d
    WHERE state < 10 AND person_id IS NOT NULL AND NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = d.organisation_id AND p.person_id = d.person_id)`,
  'delivery-visible': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'waits for ' || d.recipient || ', who has an emergency mailbox, but it was never put there' d
    FROM delivery d JOIN person p USING (organisation_id, person_id) WHERE d.state < 10 AND ${PROTECTED}
      AND NOT EXISTS (SELECT FROM copy c JOIN placement l ON ${PLACE_OF_COPY}
        WHERE c.organisation_id = d.organisation_id AND c.message_id = d.message_id AND c.person_id = d.person_id)`,
  'delivery-state': `SELECT organisation_id o, 'delivery ' || delivery_id s, 'state ' || state d FROM delivery WHERE state NOT IN (${words(DeliveryState)})`,
  'delivery-finished': `SELECT organisation_id o, 'delivery ' || delivery_id s, format('state %s, finished at %s', state, finished_at) d FROM delivery WHERE (state >= 10) <> (finished_at IS NOT NULL)`,
  'delivery-lease': `SELECT organisation_id o, 'delivery ' || delivery_id s, format('state %s, lease %s', state, lease) d FROM delivery
    WHERE state = ${DeliveryState.leased} AND lease IS NULL OR state >= 10 AND lease IS NOT NULL`,
  'delivery-parked': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'parked, but not on the list of parked mail' d FROM delivery d
    WHERE state = ${DeliveryState.parked} AND NOT EXISTS (SELECT FROM parking k WHERE k.organisation_id = d.organisation_id AND k.delivery_id = d.delivery_id)`,
  'parking-delivery': `SELECT k.organisation_id o, 'parked ' || k.delivery_id s, 'no such delivery' d FROM parking k
    WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.organisation_id = k.organisation_id AND d.delivery_id = k.delivery_id)`,
  'quiet-hold': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'held by a quiet time, but nothing says by which and until when' d FROM delivery d
    WHERE state < 10 AND reason = 'quiet-time' AND NOT EXISTS (SELECT FROM quiet_hold h WHERE h.organisation_id = d.organisation_id AND h.delivery_id = d.delivery_id)`,
  'delivery-proof': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'delivered, but no attempt says so' d FROM delivery d
    WHERE state = ${DeliveryState.delivered} AND NOT EXISTS (SELECT FROM attempt a WHERE a.organisation_id = d.organisation_id AND a.delivery_id = d.delivery_id AND a.outcome = ${AttemptOutcome.delivered})`,
  'delivery-attempts': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, format('%s attempts, the rows go to %s', d.attempts, max(a.attempt_no)) d
    FROM delivery d JOIN attempt a USING (organisation_id, delivery_id) GROUP BY d.organisation_id, d.delivery_id HAVING max(a.attempt_no) > d.attempts`,
  'delivery-reason': `SELECT organisation_id o, 'delivery ' || delivery_id s, 'reason ' || reason d FROM delivery WHERE reason IS NOT NULL AND reason <> ALL ($3::text[])`,
  'delivery-sender': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, format('is sent with %L, came for %s, the message is from %L', d.sender, coalesce(d.via, 'its recipient'), m.envelope_from) d
    FROM delivery d JOIN message m USING (organisation_id, message_id) WHERE d.sender IS NOT NULL AND (d.via IS NULL OR d.sender NOT LIKE '_%@_%' OR m.envelope_from = '')`,
  'attempt-delivery': `SELECT a.organisation_id o, 'attempt ' || a.delivery_id || ' no ' || a.attempt_no s, 'no such delivery' d FROM attempt a
    WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.organisation_id = a.organisation_id AND d.delivery_id = a.delivery_id)`,
  'attempt-words': `SELECT organisation_id o, 'attempt ' || delivery_id || ' no ' || attempt_no s, format('outcome %s, reason %s', outcome, reason) d FROM attempt
    WHERE outcome NOT IN (${words(AttemptOutcome)}) OR reason <> ALL ($3::text[])`,
  'delivered-once': `SELECT organisation_id o, 'delivery ' || delivery_id s, 'delivered in attempt ' || attempt_no || ' after it had been delivered in attempt ' || first d FROM (
      SELECT a.*, min(attempt_no) OVER w AS first FROM attempt a WHERE outcome = ${AttemptOutcome.delivered} WINDOW w AS (PARTITION BY organisation_id, delivery_id)) t
    WHERE attempt_no > first AND NOT EXISTS (SELECT FROM attempt u WHERE u.organisation_id = t.organisation_id AND u.delivery_id = t.delivery_id
      AND u.outcome = ${AttemptOutcome.unsure} AND u.attempt_no < t.attempt_no)`,
  // ------------------------------------------------ copies, folders, placements
  'copy-message': `SELECT c.organisation_id o, 'copy ' || c.copy_id s, 'no message ' || c.message_id d FROM copy c
    WHERE NOT EXISTS (SELECT FROM message m WHERE m.organisation_id = c.organisation_id AND m.message_id = c.message_id)`,
  'copy-person': `SELECT c.organisation_id o, 'copy ' || c.copy_id s, 'no person ' || c.person_id d FROM copy c
    WHERE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.person_id)`,
  'copy-delivery': `SELECT c.organisation_id o, 'copy ' || c.copy_id s, 'its delivery ' || c.delivery_id || ' is missing, or of another message or person' d
    FROM copy c LEFT JOIN delivery d USING (organisation_id, delivery_id)
    WHERE c.delivery_id IS NOT NULL AND (d.message_id IS DISTINCT FROM c.message_id OR d.person_id IS DISTINCT FROM c.person_id)`,
  'copy-placed': `SELECT c.organisation_id o, 'copy ' || c.copy_id s, 'was put into the mailbox of its person, but no place of it is left there' d
    FROM copy c WHERE c.placed AND NOT EXISTS (SELECT FROM placement l WHERE ${PLACE_OF_COPY})`,
  'placement-copy': `SELECT p.organisation_id o, format('placement %s/%s/%s', p.person_id, p.folder_no, p.uid) s, 'copy ' || p.copy_id || ' is missing, or of another message, person or thread' d
    FROM placement p LEFT JOIN copy c USING (organisation_id, copy_id)
    WHERE p.tombstone IS NULL AND (c.message_id IS DISTINCT FROM p.message_id OR c.person_id IS DISTINCT FROM p.person_id OR c.thread_id IS DISTINCT FROM p.thread_id)`,
  'placement-once': `SELECT organisation_id o, format('copy %s of %s', copy_id, person_id) s, 'is in ' || count(*) || ' places at once' d FROM placement
    WHERE tombstone IS NULL GROUP BY organisation_id, person_id, copy_id HAVING count(*) > 1`,
  'placement-folder': `SELECT p.organisation_id o, format('placement %s/%s/%s', p.person_id, p.folder_no, p.uid) s, 'no such folder, or a removed one' d FROM placement p
    LEFT JOIN folder f USING (organisation_id, person_id, folder_no) WHERE f.folder_no IS NULL OR (f.removed_modseq IS NOT NULL AND p.tombstone IS NULL)`,
  'folder-counters': `SELECT f.organisation_id o, format('folder %s/%s', f.person_id, f.folder_no) s,
      format('total %s unseen %s bytes %s, contents %s, %s, %s', f.total, f.unseen, f.bytes, c.total, c.unseen, c.bytes) d
    FROM folder f LEFT JOIN LATERAL (SELECT count(*) total, count(*) FILTER (WHERE flags & 1 = 0) unseen, coalesce(sum(size), 0) bytes FROM placement p
      WHERE p.organisation_id = f.organisation_id AND p.person_id = f.person_id AND p.folder_no = f.folder_no AND p.tombstone IS NULL) c ON true
    WHERE (f.total, f.unseen, f.bytes) IS DISTINCT FROM (c.total, c.unseen, c.bytes) AND f.removed_modseq IS NULL`,
  'own-content': `SELECT coalesce(k.organisation_id, c.organisation_id) o, format('own content of %s until %s', coalesce(k.person_id, c.person_id), coalesce(k.ends_on, c.ends_on)) s,
      format('counted %s bytes, contents %s', coalesce(k.bytes, 0), coalesce(c.bytes, 0)) d
    FROM own_content k FULL JOIN (SELECT c.organisation_id, c.person_id, (c.expires_at AT TIME ZONE 'UTC')::date ends_on, sum(m.size) bytes
      FROM message m JOIN copy c USING (organisation_id, message_id) WHERE m.direction = ${Direction.draft} GROUP BY 1, 2, 3) c USING (organisation_id, person_id, ends_on)
    WHERE coalesce(k.bytes, 0) <> coalesce(c.bytes, 0) AND ends_on >= (now() AT TIME ZONE 'UTC')::date`,
  'folder-uidnext': `SELECT f.organisation_id o, format('folder %s/%s', f.person_id, f.folder_no) s, format('uidnext %s, but uid %s is given', f.uidnext, max(p.uid)) d
    FROM folder f JOIN placement p USING (organisation_id, person_id, folder_no) GROUP BY f.organisation_id, f.person_id, f.folder_no HAVING max(p.uid) >= f.uidnext`,
  'folder-modseq': `SELECT f.organisation_id o, format('folder %s/%s', f.person_id, f.folder_no) s, format('modseq %s, but a change has %s', f.modseq, max(p.modseq)) d
    FROM folder f JOIN placement p USING (organisation_id, person_id, folder_no) GROUP BY f.organisation_id, f.person_id, f.folder_no HAVING max(p.modseq) > f.modseq`,
  'placement-modseq': `SELECT organisation_id o, format('placement %s/%s/%s', person_id, folder_no, uid) s, format('made at %s, changed at %s', created_modseq, modseq) d FROM placement WHERE created_modseq > modseq`,
  'folder-inbox': `SELECT p.organisation_id o, 'person ' || p.person_id s, 'has an emergency mailbox, but no Inbox' d FROM person p WHERE p.disabled_at IS NULL AND ${PROTECTED}
    AND NOT EXISTS (SELECT FROM folder f WHERE f.organisation_id = p.organisation_id AND f.person_id = p.person_id AND f.folder_no = 1 AND f.removed_modseq IS NULL)`,
  // ------------------------------------------------ continuity
  'mode-route': `SELECT m.organisation_id o, 'mode of ' || m.route_id s, 'no such route' d FROM route_mode m
    WHERE NOT EXISTS (SELECT FROM route r WHERE r.organisation_id = m.organisation_id AND r.route_id = m.route_id)`,
  'mode-words': `SELECT organisation_id o, 'mode of ' || route_id s, format('mode %s, pin %s (%s, by %s)', mode, pin, pin_reason, pin_author) d FROM route_mode
    WHERE mode NOT IN (${words(Mode)}) OR pin NOT IN (${words(Pin)}) OR pin IS NOT NULL AND (pin_reason IS NULL OR pin_author IS NULL)`,
  'mode-event': `SELECT m.organisation_id o, 'mode of ' || m.route_id s, 'its return ' || m.return_event_id || ' is missing, finished, or of another route' d FROM route_mode m
    LEFT JOIN return_event e USING (organisation_id, return_event_id)
    WHERE m.return_event_id IS NOT NULL AND (e.route_id IS DISTINCT FROM m.route_id OR e.finished_at IS NOT NULL)`,
  'pin-target': `SELECT m.organisation_id o, 'pin ' || m.target || ' of ' || m.target_id s, 'nothing of this organisation is pinned by it' d FROM mode_pin m
    WHERE NOT CASE m.target WHEN ${PinTarget.organisation} THEN m.target_id = m.organisation_id
      WHEN ${PinTarget.domain} THEN EXISTS (SELECT FROM domain x WHERE x.organisation_id = m.organisation_id AND x.domain_id = m.target_id)
      WHEN ${PinTarget.group} THEN EXISTS (SELECT FROM person_group x WHERE x.organisation_id = m.organisation_id AND x.group_id = m.target_id)
      WHEN ${PinTarget.person} THEN EXISTS (SELECT FROM person x WHERE x.organisation_id = m.organisation_id AND x.person_id = m.target_id)
      ELSE false END`,
  'pin-words': `SELECT organisation_id o, 'pin ' || target || ' of ' || target_id s, format('pin %s (%s, by %s)', pin, pin_reason, pin_author) d FROM mode_pin
    WHERE pin NOT IN (${words(Pin)}) OR pin_reason = '' OR pin_author = ''`,
  'mailbox-person': `SELECT t.organisation_id o, 'failing mailbox of ' || t.person_id || ' at ' || t.route_id s, 'no such person or route' d FROM mailbox_trouble t
    WHERE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = t.organisation_id AND p.person_id = t.person_id)
      OR NOT EXISTS (SELECT FROM route r WHERE r.organisation_id = t.organisation_id AND r.route_id = t.route_id)`,
  'alarm-once': `SELECT organisation_id o, format('alarm %s about %s', kind, subject) s, 'stands ' || count(*) || ' times' d FROM alarm
    WHERE ended_at IS NULL GROUP BY organisation_id, kind, subject HAVING count(*) > 1`,
  'alarm-words': `SELECT organisation_id o, 'alarm ' || alarm_id s, format('kind %s, about "%s", acknowledged %s by %s', kind, subject, acknowledged_at, acknowledged_by) d FROM alarm
    WHERE kind NOT IN (${quoted(alarmKinds)}) OR subject = '' OR (acknowledged_at IS NULL) <> (acknowledged_by IS NULL)`,
  'alarm-times': `SELECT organisation_id o, 'alarm ' || alarm_id s, format('opened at %s, acknowledged at %s, ended at %s', opened_at, acknowledged_at, ended_at) d FROM alarm
    WHERE ended_at < opened_at OR acknowledged_at < opened_at`,
  'alarm-told': `SELECT organisation_id o, 'alarm ' || alarm_id s, format('told %s times, last at %s', told, told_at) d FROM alarm
    WHERE told < 0 OR (told > 0) <> (told_at IS NOT NULL)`,
  'alarm-letter': `SELECT l.organisation_id o, 'letter about alarm ' || l.alarm_id s, 'no such alarm, or it was never told' d FROM alarm_letter l
    LEFT JOIN alarm a USING (organisation_id, alarm_id) WHERE coalesce(a.told, 0) = 0`,
  'person-source': `SELECT p.organisation_id o, 'person ' || p.person_id s, 'came from a directory source, and none knows them' d FROM person p
    WHERE p.source IN (${PersonSource.csv}, ${PersonSource.ldap}, ${PersonSource.scim})
      AND NOT EXISTS (SELECT FROM person_source l WHERE l.organisation_id = p.organisation_id AND l.person_id = p.person_id)`,
  'address-source': `SELECT a.organisation_id o, 'address ' || a.address s, 'came from a directory source, and none speaks of it' d FROM address a
    WHERE a.from_source AND NOT EXISTS (SELECT FROM person_source l WHERE l.organisation_id = a.organisation_id AND l.person_id = a.person_id
      AND l.said->'addresses' ? a.address)`,
  'shared-member': `SELECT m.organisation_id o, 'shared mailbox ' || m.mailbox_id s, 'is read by somebody who is gone, or is no shared mailbox' d FROM shared_member m
    WHERE NOT EXISTS (SELECT FROM person x WHERE x.organisation_id = m.organisation_id AND x.person_id = m.mailbox_id AND x.kind <> ${PersonKind.person})
      OR NOT EXISTS (SELECT FROM person p WHERE NOT m.is_group AND p.organisation_id = m.organisation_id AND p.person_id = m.member_id AND p.kind = ${PersonKind.person})
        AND NOT EXISTS (SELECT FROM person_group g WHERE m.is_group AND g.organisation_id = m.organisation_id AND g.group_id = m.member_id)`,
  'shared-sign-in': `SELECT p.organisation_id o, 'shared mailbox ' || p.person_id s, 'has a password, code, link or session of its own' d FROM person p
    WHERE p.kind <> ${PersonKind.person} AND (EXISTS (SELECT FROM credential c WHERE c.subject_id = p.person_id)
      OR EXISTS (SELECT FROM session c WHERE c.subject_id = p.person_id)
      OR EXISTS (SELECT FROM app_password c WHERE c.organisation_id = p.organisation_id AND c.person_id = p.person_id))`,
  'mailbox-access-people': `SELECT a.organisation_id o, 'mailbox access ' || a.access_id s, 'was asked for by whose mailbox it is, or for no known purpose' d FROM mailbox_access a
    WHERE a.asker_id = a.mailbox_id OR a.purpose NOT IN (${MailboxAccessPurpose.read}, ${MailboxAccessPurpose.handOver})`,
  'mailbox-access-second': `SELECT a.organisation_id o, 'mailbox access ' || a.access_id s, 'was opened without a second person: ' || coalesce(a.decided_by, 'nobody') d FROM mailbox_access a
    WHERE (a.expires_at IS NOT NULL OR a.opened_at IS NOT NULL OR a.state = ${MailboxAccessState.open})
      AND coalesce(a.decided_by, '') IN ('', 'person:' || a.asker_id, 'person:' || a.mailbox_id)`,
  'mailbox-access-state': `SELECT a.organisation_id o, 'mailbox access ' || a.access_id s, format('state %s, decided %s, until %s, over %s', a.state, a.decided_at, a.expires_at, a.over_at) d FROM mailbox_access a
    WHERE CASE a.state WHEN ${MailboxAccessState.asked} THEN a.decided_at IS NOT NULL OR a.over_at IS NOT NULL
      WHEN ${MailboxAccessState.open} THEN a.decided_at IS NULL OR a.expires_at IS NULL OR a.tell_at IS NULL OR a.over_at IS NOT NULL
      WHEN ${MailboxAccessState.declined} THEN a.decided_at IS NULL OR a.over_at IS NULL OR a.expires_at IS NOT NULL
      WHEN ${MailboxAccessState.expired} THEN a.expires_at IS NULL OR a.over_at < a.expires_at
      WHEN ${MailboxAccessState.ended} THEN a.expires_at IS NULL OR a.over_at IS NULL
      ELSE a.state NOT IN (${MailboxAccessState.withdrawn}, ${MailboxAccessState.lapsed}) OR a.decided_at IS NOT NULL OR a.over_at IS NULL END
      OR a.expires_at > a.decided_at + interval '7 days 1 second'`,
  'mailbox-access-told': `SELECT a.organisation_id o, 'mailbox access ' || a.access_id s, 'was approved, and nobody tells the person' d FROM mailbox_access a
    WHERE a.expires_at IS NOT NULL AND NOT EXISTS (SELECT FROM account_notice n WHERE n.organisation_id = a.organisation_id
      AND n.person_id = a.mailbox_id AND n.kind = 'access-approved' AND n.made_at >= a.asked_at)`,
  'shared-hand-over': `SELECT p.organisation_id o, 'shared mailbox ' || p.person_id s, 'was somebody''s own, with mail in it, and no second person approved' d FROM person p
    WHERE p.was_own_until IS NOT NULL AND NOT EXISTS (SELECT FROM mailbox_access a WHERE a.organisation_id = p.organisation_id AND a.mailbox_id = p.person_id
      AND a.purpose = ${MailboxAccessPurpose.handOver} AND a.decided_at <= p.was_own_until AND a.expires_at > p.was_own_until)`,
  'account-notice': `SELECT n.organisation_id o, 'notice ' || n.notice_id s, 'of no known kind: ' || n.kind d FROM account_notice n
    WHERE n.kind NOT IN (${quoted(accountNoticeKinds)})`,
  'book-shown': `SELECT e.organisation_id o, 'address book ' || e.entry_id s, 'shows who is hidden, gone or named otherwise' d FROM book_entry e
    WHERE NOT EXISTS (SELECT FROM person p JOIN address a USING (organisation_id, person_id) LEFT JOIN person_card c USING (organisation_id, person_id)
        WHERE e.kind = ${BookKind.person} AND p.organisation_id = e.organisation_id AND p.person_id = e.entry_id AND p.name = e.name AND c.hidden IS NOT TRUE)
      AND NOT EXISTS (SELECT FROM mailing_list l WHERE e.kind = ${BookKind.list} AND l.organisation_id = e.organisation_id AND l.list_id = e.entry_id AND l.name = e.name)
      AND NOT EXISTS (SELECT FROM person_group g WHERE e.kind = ${BookKind.group} AND g.organisation_id = e.organisation_id AND g.group_id = e.entry_id AND g.name = e.name)`,
  'book-whole': `SELECT p.organisation_id o, 'person ' || p.person_id s, 'is not in the address book, though others of the organisation are' d FROM person p
    WHERE EXISTS (SELECT FROM address a WHERE a.organisation_id = p.organisation_id AND a.person_id = p.person_id)
      AND EXISTS (SELECT FROM book_entry e WHERE e.organisation_id = p.organisation_id AND e.kind = ${BookKind.person})
      AND NOT EXISTS (SELECT FROM person_card c WHERE c.organisation_id = p.organisation_id AND c.person_id = p.person_id AND c.hidden)
      AND NOT EXISTS (SELECT FROM book_entry e WHERE e.organisation_id = p.organisation_id AND e.entry_id = p.person_id)`,
  'run-list': `SELECT organisation_id o, 'directory run ' || run_id s, format('in state %s, its list is %s', state, CASE WHEN list_packed IS NULL THEN 'gone' ELSE 'there' END) d
    FROM directory_run WHERE (state IN (${DirectoryRunState.staged}, ${DirectoryRunState.asks})) <> (list_packed IS NOT NULL)`,
  'run-once': `SELECT organisation_id o, 'directory source ' || source_id s, count(*) || ' runs of it wait' d FROM directory_run
    WHERE state IN (${DirectoryRunState.staged}, ${DirectoryRunState.asks}) GROUP BY organisation_id, source_id HAVING count(*) > 1`,
  'scim-source': `SELECT s.organisation_id o, 'SCIM source ' || s.source_id s, 'is of another kind, or has changes that no run will ever look at' d
    FROM scim_source s JOIN directory_source d USING (organisation_id, source_id)
    WHERE d.kind <> ${PersonSource.scim} OR s.compiled > s.changes OR s.compiled < s.changes AND (s.first_change_at IS NULL OR s.last_change_at IS NULL)`,
  'scim-counts': `SELECT s.organisation_id o, 'SCIM source ' || s.source_id s, format('says it has %s users, %s groups, %s members', s.users, s.groups, s.members) d
    FROM scim_source s WHERE (s.users, s.groups) <> (SELECT count(*) FILTER (WHERE r.kind = ${ScimKind.user}), count(*) FILTER (WHERE r.kind = ${ScimKind.group})
        FROM scim_resource r WHERE r.organisation_id = s.organisation_id AND r.source_id = s.source_id AND r.deleted_at IS NULL)
      OR s.members <> (SELECT count(*) FROM scim_member m WHERE m.organisation_id = s.organisation_id AND m.source_id = s.source_id)`,
  'scim-resource': `SELECT r.organisation_id o, 'SCIM resource ' || r.resource_id s, 'is of no source, has no name, or is deleted and still says something' d FROM scim_resource r
    WHERE NOT EXISTS (SELECT FROM scim_source s WHERE s.organisation_id = r.organisation_id AND s.source_id = r.source_id)
      OR (r.deleted_at IS NULL) = (r.doc = '{}') OR r.kind NOT IN (${words(ScimKind)}) OR r.external_id IS DISTINCT FROM r.doc->>'externalId' AND r.deleted_at IS NULL`,
  'scim-member': `SELECT m.organisation_id o, 'member ' || m.member || ' of SCIM group ' || m.group_id s, 'there is no such group' d FROM scim_member m
    WHERE NOT EXISTS (SELECT FROM scim_resource r WHERE r.organisation_id = m.organisation_id AND r.source_id = m.source_id
      AND r.resource_id = m.group_id AND r.kind = ${ScimKind.group} AND r.deleted_at IS NULL)`,
  'ledger-event': `SELECT l.organisation_id o, 'ledger ' || l.ledger_id s, 'return ' || l.return_event_id || ' is missing or of another route' d FROM ledger l
    LEFT JOIN return_event e USING (organisation_id, return_event_id) WHERE l.return_event_id IS NOT NULL AND e.route_id IS DISTINCT FROM l.route_id`,
  'ledger-delivery': `SELECT l.organisation_id o, 'ledger ' || l.ledger_id s, 'delivery ' || l.delivery_id || ' is missing or of another message' d FROM ledger l
    LEFT JOIN delivery d USING (organisation_id, delivery_id) WHERE l.delivery_id IS NOT NULL AND d.message_id IS DISTINCT FROM l.message_id`,
  'ledger-state': `SELECT l.organisation_id o, 'ledger ' || l.ledger_id s, format('says delivered, the delivery is in state %s', d.state) d FROM ledger l
    JOIN delivery d USING (organisation_id, delivery_id) WHERE l.outcome = ${AttemptOutcome.delivered} AND d.state <> ${DeliveryState.delivered}`,
  'ledger-attempt': `SELECT l.organisation_id o, 'ledger ' || l.ledger_id s, format('attempt %s of delivery %s is missing or ended otherwise', l.attempt_no, l.delivery_id) d FROM ledger l
    LEFT JOIN attempt a USING (organisation_id, delivery_id, attempt_no)
    WHERE l.delivery_id IS NOT NULL AND l.outcome IN (${AttemptOutcome.delivered}, ${AttemptOutcome.refused}, ${AttemptOutcome.unsure}) AND a.outcome IS DISTINCT FROM l.outcome`,
  'return-proof': `SELECT d.organisation_id o, 'delivery ' || d.delivery_id s, 'belongs to a return and is delivered, but the ledger has no proof' d FROM delivery d
    WHERE held AND state = ${DeliveryState.delivered}
      AND NOT EXISTS (SELECT FROM ledger l WHERE l.organisation_id = d.organisation_id AND l.delivery_id = d.delivery_id AND l.outcome = ${AttemptOutcome.delivered})`,
  'return-once': `SELECT organisation_id o, 'delivery ' || delivery_id s, 'brought home in attempts ' || min(attempt_no) || ' and ' || max(attempt_no) d FROM ledger l
    WHERE outcome = ${AttemptOutcome.delivered} AND delivery_id IS NOT NULL GROUP BY organisation_id, delivery_id
    HAVING count(*) > 1 AND NOT EXISTS (SELECT FROM attempt u WHERE u.organisation_id = l.organisation_id AND u.delivery_id = l.delivery_id
      AND u.outcome = ${AttemptOutcome.unsure} AND u.attempt_no < max(l.attempt_no))`,
  'submission-waiting': `SELECT s.organisation_id o, 'submission ' || s.submission_id s, format('waits until %s, but its copy %s ends %s', s.release_at, s.copy_id, c.expires_at) d FROM submission s
    LEFT JOIN copy c ON c.organisation_id = s.organisation_id AND c.copy_id = s.copy_id AND c.person_id = s.person_id
    WHERE s.undo_status = ${UndoStatus.waiting} AND (s.release_at IS NULL OR s.due_at IS NULL OR s.envelope IS NULL OR c.copy_id IS NULL OR c.expires_at <= s.release_at)`,
  'submission-once': `SELECT organisation_id o, 'copy ' || copy_id s, 'left ' || count(*) || ' times to the same people' d FROM submission
    WHERE undo_status = ${UndoStatus.final} GROUP BY organisation_id, copy_id, envelope_digest HAVING count(*) > 1`,
  'submission-early': `SELECT organisation_id o, 'submission ' || submission_id s, format('left at %s, was to wait until %s', sent_at, release_at) d FROM submission
    WHERE undo_status = ${UndoStatus.final} AND sent_at < release_at`,
  'owed-copy': `SELECT w.organisation_id o, 'owed ' || w.owed_id s, 'copy ' || w.copy_id || ' is missing or of another person' d FROM owed_item w
    LEFT JOIN copy c USING (organisation_id, copy_id) WHERE w.state = ${OwedState.owed} AND c.person_id IS DISTINCT FROM w.person_id`,
  'owed-finished': `SELECT organisation_id o, 'owed ' || owed_id s, format('state %s, finished at %s', state, finished_at) d FROM owed_item
    WHERE state NOT IN (${words(OwedState)}) OR (state = ${OwedState.owed}) <> (finished_at IS NULL)`,
  // ------------------------------------------------ people and the installation
  'credential-subject': `SELECT organisation_id o, 'credential ' || credential_id s, 'of nobody' d FROM credential c
    WHERE CASE WHEN organisation_id IS NULL THEN NOT EXISTS (SELECT FROM operator x WHERE x.operator_id = c.subject_id)
      ELSE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.subject_id) END`,
  'second-factor-subject': `SELECT organisation_id o, 'second factor of ' || subject_id s, 'of nobody' d FROM second_factor c
    WHERE CASE WHEN organisation_id IS NULL THEN NOT EXISTS (SELECT FROM operator x WHERE x.operator_id = c.subject_id)
      ELSE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.subject_id) END`,
  'half-sign-in-subject': `SELECT organisation_id o, 'half sign-in of ' || subject_id s, 'of nobody' d FROM half_sign_in c
    WHERE CASE WHEN organisation_id IS NULL THEN NOT EXISTS (SELECT FROM operator x WHERE x.operator_id = c.subject_id)
      ELSE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.subject_id) END`,
  'passkey-subject': `SELECT organisation_id o, 'passkey ' || passkey_id s, 'of nobody' d FROM passkey c
    WHERE CASE WHEN organisation_id IS NULL THEN NOT EXISTS (SELECT FROM operator x WHERE x.operator_id = c.subject_id)
      ELSE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.subject_id) END`,
  'passkey-whole': `SELECT organisation_id o, 'passkey ' || passkey_id s, 'cannot be used' d FROM passkey
    WHERE rp_id = '' OR credential = '' OR public_key = '' OR counter < 0`,
  'passkey-challenge-purpose': `SELECT NULL::uuid o, 'a challenge for passkeys' s, format('purpose %s, until %s', purpose, expires_at) d FROM passkey_challenge
    WHERE purpose NOT IN (${words(PasskeyPurpose)}) OR expires_at > now() + interval '1 hour'`,
  'app-password-person': `SELECT organisation_id o, 'app password ' || app_password_id s, 'of nobody' d FROM app_password a
    WHERE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = a.organisation_id AND p.person_id = a.person_id)`,
  'provider-tie': `SELECT t.organisation_id o, 'account of person ' || t.person_id || ' at ' || t.provider s, 'that is not the provider of the organisation' d FROM provider_tie t
    JOIN organisation o USING (organisation_id)
    WHERE t.provider IS DISTINCT FROM (o.sign_in->'provider'->>'issuer') || ' ' || (o.sign_in->'provider'->>'clientId')`,
  'private-contact-person': `SELECT organisation_id o, 'private address of ' || person_id s, 'of nobody' d FROM private_contact c
    WHERE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.person_id)`,
  'private-contact-verified': `SELECT organisation_id o, 'private address of ' || person_id s, 'half verified' d FROM private_contact
    WHERE (sealed IS NULL) <> (verified_at IS NULL) OR (waiting_sealed IS NULL) <> (code_hash IS NULL)
      OR (code_hash IS NULL) <> (code_expires_at IS NULL)`,
  'contact-ask-campaign': `SELECT organisation_id o, 'ask of ' || person_id s, 'without a campaign' d FROM contact_ask k
    WHERE NOT EXISTS (SELECT FROM contact_campaign c WHERE c.organisation_id = k.organisation_id)`,
  'session-subject': `SELECT organisation_id o, 'session of ' || subject_id s, 'of nobody' d FROM session c
    WHERE CASE WHEN is_operator THEN NOT EXISTS (SELECT FROM operator x WHERE x.operator_id = c.subject_id)
      ELSE NOT EXISTS (SELECT FROM person p WHERE p.organisation_id = c.organisation_id AND p.person_id = c.subject_id) END`,
  'installation-row': `SELECT NULL::uuid o, 'installation' s, n || ' rows' d FROM (SELECT count(*) n FROM installation) t WHERE n <> 1`,
  'generation-row': `SELECT NULL::uuid o, 'directory_generation' s, n || ' rows' d FROM (SELECT count(*) n FROM directory_generation) t WHERE n <> 1`,
  'index-valid': `SELECT NULL::uuid o, 'index ' || indexrelid::regclass s, 'is not valid' d FROM pg_index WHERE NOT indisvalid`,
  'digest-row': `SELECT m.organisation_id o, 'message ' || m.message_id s, 'SHA-256 ' || encode(sha256(b.bytes), 'hex') || ', accepted was ' || encode(m.sha256, 'hex') d
    FROM message m JOIN body b ON b.body_id = m.message_id WHERE m.body_store = ${BodyStore.row} AND get_byte(uuid_send(m.message_id), 15) < $4::int AND sha256(b.bytes) <> m.sha256`,
} as const
export type SqlInvariant = keyof typeof queries
export const sqlInvariants = Object.keys(queries) as SqlInvariant[]

export interface CheckParameters {
  /** most breaches per invariant */
  most: number
  /** now, milliseconds: bodies younger than SWEPT_BY_MS may still be on their way, or wait for the sweep */
  now: number
  reasons: readonly string[]
  /** how many of 256 messages have their digest recomputed */
  sample: number
}

/** What breaks an invariant, at most `most` rows; none = it holds. */
export async function breachesOf(sql: Sql, name: SqlInvariant, parameters: CheckParameters): Promise<Breach[]> {
  const values = [parameters.most, firstIdAt(parameters.now - SWEPT_BY_MS), [...parameters.reasons], parameters.sample]
  // Every parameter is mentioned once, whatever the query uses, so that one call fits all.
  return sql.query<Breach>(
    `SELECT o AS "organisationId", s AS subject, d AS detail FROM (${queries[name]}) q
     WHERE $2::uuid IS NOT NULL AND $3::text[] IS NOT NULL AND $4::int IS NOT NULL ORDER BY 2 LIMIT $1`,
    values,
  )
}

export interface StoredMessage {
  organisationId: Id
  messageId: Id
  bodyStore: number
  blobKey: string | null
  size: number
  sha256: Buffer
}

/** Messages with their bytes in chunks, blobs or packs, a page after (organisation, message). */
export async function bigMessages(
  sql: Sql,
  after: { organisationId: Id; messageId: Id },
  limit: number,
): Promise<StoredMessage[]> {
  return sql.query<StoredMessage>(
    `SELECT organisation_id AS "organisationId", message_id AS "messageId", body_store AS "bodyStore", blob_key AS "blobKey", size, sha256 FROM message
     WHERE (organisation_id, message_id) > ($1, $2) AND body_store IN (${BodyStore.chunks}, ${BodyStore.blob}, ${BodyStore.packed})
     ORDER BY organisation_id, message_id LIMIT $3`,
    [after.organisationId, after.messageId, limit],
  )
}

export interface MendedMessage extends Omit<StoredMessage, 'sha256'> {
  /** of the original, hexadecimal; and the way back to it (protocols/smtp/line-ends.ts) */
  original: string
  ends: string
}

/** Messages whose line ends were mended and whose original can be had back, a page after (organisation, message). */
export function mendedMessages(
  sql: Sql,
  after: { organisationId: Id; messageId: Id },
  limit: number,
): Promise<MendedMessage[]> {
  return sql.query<MendedMessage>(
    `SELECT organisation_id AS "organisationId", message_id AS "messageId", body_store AS "bodyStore", blob_key AS "blobKey", size,
       facts->'mended'->>'sha256' AS original, facts->'mended'->>'ends' AS ends FROM message
     WHERE (organisation_id, message_id) > ($1, $2) AND facts ? 'mended' AND facts->'mended'->>'ends' IS NOT NULL
       AND body_store <> ${BodyStore.gone}
     ORDER BY organisation_id, message_id LIMIT $3`,
    [after.organisationId, after.messageId, limit],
  )
}

/** Which of these blob keys a message, a pack or a reservation knows. */
export async function knownBlobs(sql: Sql, keys: readonly string[]): Promise<Set<string>> {
  const rows = await sql.query<{ key: string }>(
    `SELECT blob_key AS key FROM blob_reservation WHERE blob_key = ANY ($1::text[])
     UNION SELECT blob_key FROM pack WHERE blob_key = ANY ($1::text[])
     UNION SELECT blob_key FROM message WHERE blob_key = ANY ($1::text[])`,
    [[...keys]],
  )
  return new Set(rows.map((row) => row.key))
}
