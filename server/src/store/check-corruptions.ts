/**
 * What can go wrong with a sound installation, one statement each, and the invariant that must name it: the seeds of
 * `check --self-test`. Run on the sample (check-sample.ts) inside a transaction that is rolled back.
 */
import type { Sql } from '../platform/db/database.ts'
import type { SqlInvariant } from './check.ts'
import { alarmCorruptions } from './check-corruptions-alarms.ts'
import { signInCorruptions } from './check-corruptions-sign-in.ts'
import { ownContentCorruptions } from './check-corruptions-own-content.ts'
import { directoryCorruptions } from './check-corruptions-directory.ts'

export interface Corruption {
  expected: SqlInvariant | 'digest-big' | 'original-mended' | 'audit-chain' | 'partitions'
  text: string
  sql: string
}

const one = (table: string, key: string, where = 'true'): string =>
  `${key} = (SELECT ${key} FROM ${table} WHERE ${where} ORDER BY 1 LIMIT 1)`

export const corruptions: readonly Corruption[] = [
  {
    expected: 'body-row',
    text: 'bytes of a message are gone',
    sql: `DELETE FROM body WHERE ${one('message', 'body_id', 'body_store = 1').replace('SELECT body_id', 'SELECT message_id')}`,
  },
  { expected: 'body-once', text: 'bytes are there twice', sql: 'INSERT INTO body SELECT * FROM body LIMIT 1' },
  {
    expected: 'body-size',
    text: 'bytes were cut short',
    sql: `UPDATE body SET bytes = substr(bytes, 1, 10) WHERE ${one('message', 'body_id', 'body_store = 1').replace('SELECT body_id', 'SELECT message_id')}`,
  },
  {
    expected: 'digest-row',
    text: 'one bit of a message flipped',
    sql: `UPDATE body SET bytes = set_bit(bytes, 99, 1 - get_bit(bytes, 99)) WHERE ${one('message', 'body_id', 'body_store = 1').replace('SELECT body_id', 'SELECT message_id')}`,
  },
  { expected: 'chunks-whole', text: 'a chunk in the middle is gone', sql: 'DELETE FROM body_chunk WHERE seq = 1' },
  { expected: 'chunks-whole', text: 'the last chunk is gone', sql: 'DELETE FROM body_chunk WHERE seq = 2' },
  {
    expected: 'digest-big',
    text: 'one bit of a chunk flipped',
    sql: 'UPDATE body_chunk SET bytes = set_bit(bytes, 99, 1 - get_bit(bytes, 99)) WHERE seq = 1',
  },
  {
    expected: 'original-mended',
    text: 'line ends of a mended message are another’s',
    sql: `UPDATE message SET facts = jsonb_set(facts, '{mended,sha256}', to_jsonb(repeat('0', 64))) WHERE facts ? 'mended'`,
  },
  {
    expected: 'original-mended',
    text: 'line ends of a mended message were kept in part',
    sql: `UPDATE message SET facts = jsonb_set(facts, '{mended,ends}', '"AwA="') WHERE facts ? 'mended'`,
  },
  {
    expected: 'body-owner',
    text: 'old bytes without a message',
    sql: `INSERT INTO body SELECT organisation_id, '01000000-0000-7000-8000-000000000001', '' FROM organisation`,
  },
  {
    expected: 'blob-key',
    text: 'a blob message without a key',
    sql: 'UPDATE message SET blob_key = NULL WHERE body_store = 3',
  },
  {
    expected: 'blob-reserved',
    text: 'a reservation was left behind',
    sql: `INSERT INTO blob_reservation SELECT blob_key, organisation_id FROM message WHERE body_store = 3`,
  },
  {
    expected: 'blob-key',
    text: 'a message in a pack without a place in it',
    sql: 'UPDATE message SET pack_offset = NULL WHERE body_store = 5',
  },
  {
    expected: 'blob-reserved',
    text: 'the reservation of a pack was left behind',
    sql: `INSERT INTO blob_reservation SELECT blob_key, organisation_id FROM pack`,
  },
  { expected: 'packed-place', text: 'the pack of a message is not known', sql: 'DELETE FROM pack' },
  { expected: 'packed-place', text: 'a pack ended with messages in it', sql: 'UPDATE pack SET ended_at = now()' },
  {
    expected: 'packed-place',
    text: 'a message lies beyond the end of its pack',
    sql: 'UPDATE message SET pack_offset = pack_offset + 100 WHERE body_store = 5',
  },
  {
    expected: 'packed-place',
    text: "a message lies in another organisation's pack",
    sql: 'UPDATE pack SET organisation_id = first_id',
  },
  {
    expected: 'packed-apart',
    text: 'two messages share bytes of a pack',
    sql: 'UPDATE message SET pack_offset = 0 WHERE body_store = 5',
  },
  {
    expected: 'packed-once',
    text: 'the row of a message in a pack is still there',
    sql: `INSERT INTO body SELECT organisation_id, message_id, '' FROM message WHERE body_store = 5`,
  },
  {
    expected: 'packed-once',
    text: 'a chunk of a message in a pack is still there',
    sql: `INSERT INTO body_chunk SELECT organisation_id, message_id, 7, '' FROM message WHERE body_store = 5`,
  },
  {
    expected: 'pack-dead',
    text: 'dead bytes of a pack are not counted',
    sql: 'UPDATE pack SET dead_bytes = dead_bytes - 1',
  },
  {
    expected: 'pack-dead',
    text: 'nobody knows since when bytes of a pack are dead',
    sql: 'UPDATE pack SET dead_since = NULL',
  },
  {
    expected: 'upload-bytes',
    text: "an upload's bytes are gone",
    sql: 'DELETE FROM body WHERE body_id IN (SELECT upload_id FROM upload)',
  },
  {
    expected: 'copy-bytes',
    text: 'bytes were let go though somebody has a copy',
    sql: `UPDATE message SET body_store = 4 WHERE ${one('message', 'message_id', 'body_store = 1')}`,
  },
  {
    expected: 'delivery-message',
    text: 'the message of a delivery is gone',
    sql: `DELETE FROM message WHERE ${one('delivery', 'message_id')}`,
  },
  {
    expected: 'delivery-route',
    text: 'open mail to a route that is not there',
    sql: `UPDATE delivery SET route_id = organisation_id WHERE state < 10`,
  },
  {
    expected: 'delivery-person',
    text: 'open mail for a person who is not there',
    sql: 'UPDATE delivery SET person_id = organisation_id WHERE state < 10',
  },
  {
    expected: 'delivery-visible',
    text: 'waiting mail that its person cannot see',
    sql: 'DELETE FROM copy WHERE delivery_id IN (SELECT delivery_id FROM delivery WHERE state < 10)',
  },
  {
    expected: 'delivery-visible',
    text: 'waiting mail with a copy, but no place in the mailbox',
    sql: `WITH gone AS (DELETE FROM placement WHERE message_id IN (SELECT message_id FROM delivery WHERE state < 10))
      UPDATE copy SET placed = false`,
  },
  {
    expected: 'delivery-state',
    text: 'a state nobody knows',
    sql: `UPDATE delivery SET state = 9 WHERE ${one('delivery', 'delivery_id', 'state < 10')}`,
  },
  {
    expected: 'delivery-finished',
    text: 'delivered without an end time',
    sql: 'UPDATE delivery SET finished_at = NULL WHERE state = 10',
  },
  {
    expected: 'delivery-finished',
    text: 'open with an end time',
    sql: 'UPDATE delivery SET finished_at = now() WHERE state = 2',
  },
  { expected: 'delivery-lease', text: 'leased by nobody', sql: 'UPDATE delivery SET lease = NULL WHERE state = 1' },
  {
    expected: 'quiet-hold',
    text: 'held by nobody knows what',
    sql: `UPDATE delivery SET reason = 'quiet-time' WHERE ${one('delivery', 'delivery_id', 'state IN (0, 2, 3)')}`,
  },
  { expected: 'delivery-parked', text: 'parked where no admin looks', sql: 'DELETE FROM parking' },
  {
    expected: 'parking-delivery',
    text: 'a parked delivery that is not there',
    sql: `INSERT INTO parking (organisation_id, delivery_id, reason) SELECT organisation_id, organisation_id, 'loop' FROM organisation`,
  },
  {
    expected: 'delivery-proof',
    text: 'delivered without an attempt',
    sql: 'UPDATE attempt SET outcome = 2 WHERE outcome = 1',
  },
  {
    expected: 'delivery-attempts',
    text: 'fewer attempts counted than made',
    sql: 'UPDATE delivery SET attempts = 0 WHERE state = 10',
  },
  {
    expected: 'delivery-reason',
    text: 'a reason nobody knows',
    sql: `UPDATE delivery SET reason = 'because' WHERE state = 10`,
  },
  {
    expected: 'delivery-sender',
    text: 'a delivery that came for nobody else has a sender of its own',
    sql: `UPDATE delivery SET sender = 'x@corp.test' WHERE ${one('delivery', 'delivery_id')}`,
  },
  {
    expected: 'delivery-sender',
    text: 'a notice is sent on with a sender',
    sql: `WITH bare AS (UPDATE message SET envelope_from = '' RETURNING 1)
      UPDATE delivery SET sender = 'x@corp.test', via = 'team@corp.test' WHERE ${one('delivery', 'delivery_id')}`,
  },
  {
    expected: 'attempt-delivery',
    text: 'an attempt of no delivery',
    sql: `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason) SELECT organisation_id, organisation_id, 1, 2, 'loop' FROM organisation`,
  },
  {
    expected: 'attempt-words',
    text: 'an outcome nobody knows',
    sql: 'UPDATE attempt SET outcome = 77 WHERE outcome = 2',
  },
  {
    expected: 'delivered-once',
    text: 'delivered twice with certainty',
    sql: 'UPDATE attempt SET outcome = 2 WHERE outcome = 4',
  },
  {
    expected: 'copy-message',
    text: 'a copy of no message',
    sql: `UPDATE copy SET message_id = organisation_id WHERE ${one('copy', 'copy_id')}`,
  },
  {
    expected: 'copy-person',
    text: 'a copy of nobody',
    sql: `UPDATE copy SET person_id = organisation_id WHERE ${one('copy', 'copy_id')}`,
  },
  {
    expected: 'copy-delivery',
    text: "a copy names another person's delivery",
    sql: 'UPDATE copy SET delivery_id = (SELECT delivery_id FROM delivery d WHERE d.person_id <> copy.person_id LIMIT 1)',
  },
  {
    expected: 'copy-placed',
    text: 'a placement and its counters are gone',
    sql: `WITH gone AS (DELETE FROM placement WHERE message_id IN (SELECT message_id FROM delivery WHERE state >= 10))
      UPDATE folder f SET (total, unseen, bytes) = (SELECT count(*), count(*) FILTER (WHERE flags & 1 = 0), coalesce(sum(size), 0)
        FROM placement p WHERE p.organisation_id = f.organisation_id AND p.person_id = f.person_id AND p.folder_no = f.folder_no
          AND p.tombstone IS NULL AND p.message_id NOT IN (SELECT message_id FROM delivery WHERE state >= 10))`,
  },
  {
    expected: 'placement-copy',
    text: 'mail is shown that nobody has a copy of',
    sql: `DELETE FROM copy WHERE ${one('copy', 'copy_id')}`,
  },
  {
    expected: 'placement-copy',
    text: "mail is shown to another person than the copy's",
    sql: `UPDATE placement SET person_id = (SELECT person_id FROM person p WHERE p.person_id <> placement.person_id LIMIT 1), uid = uid + 1000 WHERE ${one('placement', 'copy_id')}`,
  },
  {
    expected: 'placement-copy',
    text: 'mail is shown in another thread than its own',
    sql: `UPDATE placement SET thread_id = '01000000-0000-7000-8000-000000000001' WHERE ${one('placement', 'copy_id', 'tombstone IS NULL')}`,
  },
  {
    expected: 'placement-once',
    text: 'a message is in two places',
    sql: `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, flags, created_modseq, modseq, size)
      SELECT organisation_id, person_id, folder_no, uid + 1000000, copy_id, message_id, thread_id, flags, created_modseq, modseq, size
      FROM placement WHERE tombstone IS NULL LIMIT 1`,
  },
  {
    expected: 'placement-folder',
    text: 'mail in a folder that is not there',
    sql: `UPDATE placement SET folder_no = 99 WHERE ${one('placement', 'copy_id')}`,
  },
  {
    expected: 'folder-counters',
    text: 'a folder counts wrongly',
    sql: 'UPDATE folder SET total = total + 1 WHERE folder_no = 1',
  },
  {
    expected: 'folder-counters',
    text: 'a folder counts unseen wrongly',
    sql: `UPDATE placement SET flags = 1 WHERE ${one('placement', 'copy_id')}`,
  },
  {
    expected: 'folder-counters',
    text: 'a folder counts its bytes wrongly',
    sql: 'UPDATE folder SET bytes = bytes - 1 WHERE folder_no = 1',
  },
  ...ownContentCorruptions,
  {
    expected: 'folder-uidnext',
    text: 'the next UID is given already',
    sql: 'UPDATE folder SET uidnext = 1 WHERE folder_no = 1',
  },
  {
    expected: 'folder-modseq',
    text: 'a change number above its folder',
    sql: `UPDATE placement SET modseq = 1000000 WHERE ${one('placement', 'copy_id')}`,
  },
  {
    expected: 'placement-modseq',
    text: 'changed before it was made',
    sql: `UPDATE placement SET created_modseq = modseq + 1 WHERE ${one('placement', 'copy_id')}`,
  },
  {
    expected: 'folder-inbox',
    text: 'a person without an Inbox',
    sql: 'UPDATE folder SET removed_modseq = 1 WHERE folder_no = 1',
  },
  { expected: 'mode-route', text: 'a mode of no route', sql: 'UPDATE route_mode SET route_id = organisation_id' },
  { expected: 'mode-words', text: 'a mode nobody knows', sql: 'UPDATE route_mode SET mode = 99' },
  { expected: 'mode-words', text: 'a pin without an author', sql: `UPDATE route_mode SET pin = 1, pin_reason = 'x'` },
  {
    expected: 'mode-event',
    text: 'a finished return is under way',
    sql: 'UPDATE return_event SET finished_at = now()',
  },
  {
    expected: 'pin-target',
    text: 'a pin of nobody',
    sql: 'UPDATE mode_pin SET target_id = organisation_id',
  },
  { expected: 'pin-words', text: 'a pin nobody knows', sql: 'UPDATE mode_pin SET pin = 9' },
  {
    expected: 'mailbox-person',
    text: 'a mailbox of nobody',
    sql: 'UPDATE mailbox_trouble SET person_id = organisation_id',
  },
  ...alarmCorruptions,
  ...directoryCorruptions,
  {
    expected: 'ledger-event',
    text: 'a ledger row of no return',
    sql: 'UPDATE ledger SET return_event_id = organisation_id',
  },
  {
    expected: 'ledger-delivery',
    text: 'a ledger row of another message',
    sql: 'UPDATE ledger SET message_id = organisation_id',
  },
  {
    expected: 'ledger-state',
    text: 'home by the ledger, open in the queue',
    sql: 'UPDATE delivery SET state = 2, finished_at = NULL WHERE held',
  },
  { expected: 'ledger-attempt', text: 'a ledger row without its attempt', sql: 'UPDATE ledger SET attempt_no = 7' },
  { expected: 'return-proof', text: 'brought home without a proof', sql: 'DELETE FROM ledger' },
  {
    expected: 'return-once',
    text: 'brought home twice',
    sql: 'INSERT INTO ledger SELECT organisation_id, message_id, return_event_id, route_id, person_id, delivery_id, owed_id, message_id, 2, at, outcome, proof FROM ledger',
  },
  {
    expected: 'submission-waiting',
    text: 'what waits has lost its recipients',
    sql: 'UPDATE submission SET envelope = NULL WHERE undo_status = 4',
  },
  {
    expected: 'submission-waiting',
    text: 'what waits ends before its time',
    sql: `UPDATE submission SET release_at = 'infinity' WHERE undo_status = 4`,
  },
  {
    expected: 'submission-once',
    text: 'a message left twice',
    sql: 'UPDATE submission SET undo_status = 1, sent_at = release_at',
  },
  {
    expected: 'submission-early',
    text: 'a message left before its time',
    sql: `UPDATE submission SET sent_at = release_at - interval '1 second' WHERE undo_status = 1`,
  },
  {
    expected: 'owed-copy',
    text: 'owed, but gone',
    sql: 'DELETE FROM copy WHERE copy_id IN (SELECT copy_id FROM owed_item)',
  },
  { expected: 'owed-finished', text: 'owed and finished', sql: 'UPDATE owed_item SET finished_at = now()' },
  ...signInCorruptions,
  { expected: 'installation-row', text: 'the installation forgot who it is', sql: 'DELETE FROM installation' },
  { expected: 'generation-row', text: "the directory's generation is gone", sql: 'DELETE FROM directory_generation' },
  {
    expected: 'index-valid',
    text: 'an index is broken',
    sql: `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'copy_message'::regclass`,
  },
  {
    expected: 'audit-chain',
    text: 'an audit row was changed',
    sql: `UPDATE audit SET actor = 'cli:nobody' WHERE seq = 2`,
  },
  { expected: 'audit-chain', text: 'an audit row was removed', sql: 'DELETE FROM audit WHERE seq = 2' },
  { expected: 'audit-chain', text: 'the last audit row was removed', sql: 'DELETE FROM audit WHERE seq = 3' },
]

export async function corrupt(sql: Sql, corruption: Corruption): Promise<void> {
  await sql.query(corruption.sql)
}

/** Takes today's partition away (its rows go with it): the only corruption whose text depends on the day. */
export async function dropPartition(sql: Sql, name: string): Promise<void> {
  await sql.query(`DROP TABLE ${name}`)
}
