/**
 * A small installation with something of everything, for `check --self-test`: two people with an emergency mailbox and one
 * without, bytes of every kind, a delivery in each kind of state, a return under way with its ledger, sent mail that
 * is owed, credentials, an upload. Messages come in by the real accept statement. All of it is sound:
 * corruptions (check-corruptions.ts) make it not so.
 */
import { createHash, randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import {
  AttemptOutcome,
  DeliveryState,
  DomainKind,
  Mode,
  OwedKind,
  OwedState,
  RouteKind,
  UndoStatus,
} from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { newId } from '../platform/ids.ts'
import type { AcceptRow } from './accept.ts'
import { insertBatch } from './accept.ts'
import { blobKey } from './blobs/blob-store.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { CHUNK_BYTES, insertBodyRow, insertChunk } from './bodies.ts'
import { packSample, type SamplePack } from './check-sample-pack.ts'
import { insertMailboxAccess } from './check-sample-access.ts'
import { insertDirectory } from './check-sample-directory.ts'

export interface Sample {
  organisationId: Id
  /** of the message in the blob store */
  blobKey: string
  blobBytes: Buffer
  pack: SamplePack
}

interface Person {
  personId: Id
  address: string
  isProtected: boolean
}

async function insertPeople(sql: Sql, o: Id, routeId: Id, id: () => Id): Promise<Person[]> {
  const domainId = id()
  await sql.query('INSERT INTO domain (organisation_id, domain_id, name, kind, route_id) VALUES ($1, $2, $3, $4, $5)', [
    o,
    domainId,
    'sample.test',
    DomainKind.authoritative,
    routeId,
  ])
  const people: Person[] = []
  for (const name of ['alice', 'bob', 'carol']) {
    const personId = id()
    const address = `${name}@sample.test`
    const isProtected = name !== 'carol'
    await sql.query('INSERT INTO person (organisation_id, person_id, name, scope_emergency) VALUES ($1, $2, $3, $4)', [
      o,
      personId,
      name,
      isProtected,
    ])
    await sql.query(
      'INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display) VALUES ($1, $2, $3, $4, true, $2)',
      [o, address, personId, domainId],
    )
    await sql.query(
      `INSERT INTO folder (organisation_id, person_id, folder_no, name, role, uidvalidity) SELECT $1, $2, n, 'Folder ' || n, n, n FROM generate_series(1, 6) n`,
      [o, personId],
    )
    await sql.query(
      `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier) VALUES ($1, $2, $3, 1, 'none')`,
      [id(), o, personId],
    )
    await sql.query(
      `INSERT INTO provider_tie (organisation_id, provider, subject, person_id) VALUES ($1, 'https://id.sample.test holdfast', $3, $2)`,
      [o, personId, name],
    )
    if (people.length === 0)
      await sql.query(
        `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, proved_at) VALUES ($1, $2, $3, 2, 'none', now())`,
        [id(), o, personId],
      )
    await sql.query(
      `INSERT INTO app_password (app_password_id, organisation_id, person_id, name, protocols, verifier) VALUES ($1, $2, $3, 'Phone', '{1}', $4)`,
      [id(), o, personId, randomBytes(32)],
    )
    if (people.length === 0) {
      await sql.query(
        `INSERT INTO contact_campaign (organisation_id, campaign_id, started_by, every_days, times) VALUES ($1, $2, 'sample', 7, 4)`,
        [o, id()],
      )
      await sql.query(
        `INSERT INTO contact_ask (organisation_id, person_id, asks, asked_at) VALUES ($1, $2, 1, now())`,
        [o, personId],
      )
      await sql.query(
        `INSERT INTO second_factor (subject_id, organisation_id, secret_sealed, confirmed_at) VALUES ($1, $2, '', now())`,
        [personId, o],
      )
      await sql.query(
        `INSERT INTO half_sign_in (token_hash, organisation_id, subject_id, expires_at) VALUES ($1, $2, $3, now() + interval '5 minutes')`,
        [randomBytes(32), o, personId],
      )
      await sql.query(
        `INSERT INTO passkey (passkey_id, organisation_id, subject_id, rp_id, credential, public_key, counter, transports, name, is_backed_up)
         VALUES ($1, $2, $3, 'mail.example.org', $4, $4, 0, '{}', 'Phone', true)`,
        [id(), o, personId, randomBytes(32)],
      )
      await sql.query(
        `INSERT INTO passkey_challenge (challenge_hash, holder_hash, purpose, network, expires_at) VALUES ($1, $1, 1, '', now() + interval '5 minutes')`,
        [randomBytes(32)],
      )
    }
    await sql.query(
      `INSERT INTO private_contact (organisation_id, person_id, sealed, verified_at) VALUES ($1, $2, '\\x01', now())`,
      [o, personId],
    )
    await sql.query(
      `INSERT INTO session (token_hash, organisation_id, subject_id, is_operator, csrf, expires_at) VALUES ($1, $2, $3, false, '', now() + interval '1 day')`,
      [randomBytes(32), o, personId],
    )
    people.push({ personId, address, isProtected })
  }
  return people
}

interface Where {
  organisationId: Id
  routeId: Id
  messageId: Id
  deliveryId: Id
  copyId: Id
  now: number
}

/** A message that came with bare LF (protocols/smtp/line-ends.ts): its ten line ends are one run. */
function mendedSample(): { bytes: Buffer; facts: object } {
  const line = 'a line that a script wrote'
  const came = Buffer.from(`${line}\n`.repeat(10))
  const mended = {
    rule: 'bare-line-ends',
    count: 10,
    sha256: createHash('sha256').update(came).digest('hex'),
    size: came.length,
    ends: deflateRawSync(Buffer.from([10 * 3 + 1])).toString('base64'),
  }
  return { bytes: Buffer.from(`${line}\r\n`.repeat(10)), facts: { mended } }
}

function messageTo(person: Person, bytes: Buffer, body: AcceptRow['body'], ids: Where): AcceptRow {
  return {
    organisationId: ids.organisationId,
    messageId: ids.messageId,
    receivedAt: ids.now,
    direction: 1,
    envelopeFrom: 'sender@elsewhere.test',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body,
    prefix: Buffer.from('Received: by sample.test\r\n'),
    headerFrom: null,
    subject: 'sample',
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: null,
    helo: null,
    tls: null,
    facts: {},
    deliveries: [
      {
        deliveryId: ids.deliveryId,
        recipient: person.address,
        personId: person.personId,
        routeId: ids.routeId,
        notify: 0,
        orcpt: null,
        hot: false,
        held: false,
        parked: null,
      },
    ],
    copies: [
      {
        copyId: ids.copyId,
        personId: person.personId,
        source: 1,
        expiresAt: Infinity,
        policy: 'owed',
        deliveryId: ids.deliveryId,
        threadId: ids.copyId,
        folderNo: person.isProtected ? 1 : null,
        flags: 0,
      },
    ],
  }
}

/** One attempt row per outcome, and the delivery's state after them. */
async function attempts(sql: Sql, o: Id, deliveryId: Id, outcomes: readonly number[], state: number): Promise<void> {
  await sql.query(
    `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason)
     SELECT $1, $2, no, outcome, 'delivered' FROM unnest($3::int[]) WITH ORDINALITY AS t(outcome, no)`,
    [o, deliveryId, [...outcomes]],
  )
  await sql.query(
    `UPDATE delivery SET state = $3::smallint, attempts = $4, reason = 'delivered', finished_at = CASE WHEN $3::smallint >= 10 THEN now() END,
       lease = CASE WHEN $3::smallint = ${DeliveryState.leased} THEN $1::uuid END WHERE organisation_id = $1 AND delivery_id = $2`,
    [o, deliveryId, state, outcomes.length],
  )
}

/** One that was told, seen and is over, with its letter; one that stands. */
async function insertAlarms(sql: Sql, o: Id, routeId: Id, id: () => Id): Promise<void> {
  await sql.query(
    `INSERT INTO alarm (organisation_id, alarm_id, kind, subject, facts, opened_at, ended_at, acknowledged_at, acknowledged_by, told, told_at)
     VALUES ($1, $2, 'emergency', $4, '{}', now() - interval '1 hour', now(), now(), 'sample', 1, now()),
       ($1, $3, 'part-down', $4, '{}', now(), NULL, NULL, NULL, 0, NULL)`,
    [o, id(), id(), `route:${routeId}`],
  )
  await sql.query(`INSERT INTO alarm_letter SELECT organisation_id, alarm_id, now() FROM alarm WHERE told > 0`)
}

export async function fillSample(sql: Sql, blobs: BlobStore, now: number): Promise<Sample> {
  const id = (): Id => newId(now)
  const [o, routeId, eventId] = [id(), id(), id()]
  await sql.query(
    `INSERT INTO organisation (organisation_id, slug, name, sign_in) VALUES ($1, 'sample', 'Sample', $2)`,
    [o, { provider: { issuer: 'https://id.sample.test', clientId: 'holdfast' } }],
  )
  await sql.query(`INSERT INTO route (organisation_id, route_id, name, kind) VALUES ($1, $2, 'primary', $3)`, [
    o,
    routeId,
    RouteKind.primary,
  ])
  await sql.query(
    'INSERT INTO return_event (organisation_id, return_event_id, route_id, owed_at_start) VALUES ($1, $2, $3, 2)',
    [o, eventId, routeId],
  )
  await sql.query(
    `INSERT INTO route_mode (organisation_id, route_id, mode, cause, return_event_id) VALUES ($1, $2, $3, 'probe-good', $4)`,
    [o, routeId, Mode.recovering, eventId],
  )
  const [alice, bob, carol] = (await insertPeople(sql, o, routeId, id)) as [Person, Person, Person]
  await sql.query(
    `INSERT INTO mode_pin (organisation_id, target, target_id, pin, pin_reason, pin_author, version) VALUES ($1, 4, $2, 1, 'sample', 'sample', 1)`,
    [o, bob.personId],
  )
  await sql.query(
    `INSERT INTO mailbox_trouble (organisation_id, person_id, route_id, failures, first_delivery, is_mailbox) VALUES ($1, $2, $3, 1, $1, true)`,
    [o, carol.personId, routeId],
  )
  await insertAlarms(sql, o, routeId, id)
  await insertDirectory(sql, o, bob.personId, id)
  await insertMailboxAccess(sql, o, { mailboxId: alice.personId, askerId: bob.personId, deciderId: carol.personId }, id)

  const rows: AcceptRow[] = []
  const deliveries: Id[] = []
  const add = (person: Person, bytes: Buffer, body: AcceptRow['body'], messageId = id()): AcceptRow => {
    const row = messageTo(person, bytes, body, {
      organisationId: o,
      routeId,
      messageId,
      deliveryId: id(),
      copyId: id(),
      now,
    })
    rows.push(row)
    deliveries.push(row.deliveries[0]!.deliveryId)
    return row
  }
  for (const person of [alice, bob, alice, bob, alice, carol]) {
    const bytes = Buffer.concat([Buffer.from('Subject: sample\r\n\r\n'), randomBytes(200)])
    add(person, bytes, { kind: 'row', bytes })
  }
  const chunked = randomBytes(CHUNK_BYTES * 2 + 1000)
  const chunkedId = id()
  for (let seq = 0; seq < 3; seq++)
    await insertChunk(sql, o, chunkedId, seq, chunked.subarray(seq * CHUNK_BYTES, (seq + 1) * CHUNK_BYTES))
  add(alice, chunked, { kind: 'chunks' }, chunkedId)
  const blobBytes = randomBytes(5000)
  const key = blobKey(o, now, id())
  const writer = await blobs.create(key)
  await writer.write(blobBytes)
  await writer.commit()
  add(bob, blobBytes, { kind: 'blob', blobKey: key })
  const packable = (bytes: Buffer) => ({ ...add(alice, bytes, { kind: 'row', bytes }), bytes })
  const toPack = [packable(randomBytes(400)), packable(randomBytes(300))] as const
  const { bytes, facts } = mendedSample()
  add(carol, bytes, { kind: 'row', bytes }).facts = facts
  await insertBatch(sql, rows, { nodeId: id(), seconds: 60 })
  const pack = await packSample(sql, blobs, now, o, toPack)

  const { delivered, deferred, unsure } = AttemptOutcome
  await attempts(sql, o, deliveries[0]!, [deferred, delivered], DeliveryState.delivered)
  await attempts(sql, o, deliveries[1]!, [unsure, delivered, delivered], DeliveryState.delivered)
  await attempts(sql, o, deliveries[2]!, [deferred], DeliveryState.deferred)
  await attempts(sql, o, deliveries[3]!, [deferred], DeliveryState.parked)
  await sql.query(`INSERT INTO parking (organisation_id, delivery_id, reason) VALUES ($1, $2, 'null-sender')`, [
    o,
    deliveries[3]!,
  ])
  await attempts(sql, o, deliveries[4]!, [], DeliveryState.leased)
  // Held: what the return brought home, with its proof.
  await attempts(sql, o, deliveries[6]!, [delivered], DeliveryState.delivered)
  await sql.query('UPDATE delivery SET held = true WHERE delivery_id = $1', [deliveries[6]!])
  await sql.query(
    `INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
     SELECT organisation_id, $1, $2, route_id, person_id, delivery_id, message_id, 1, $3, '250 2.0.0 Ok' FROM delivery WHERE delivery_id = $4`,
    [id(), eventId, delivered, deliveries[6]!],
  )
  await sql.query(
    `INSERT INTO owed_item (organisation_id, owed_id, route_id, person_id, kind, copy_id, state, reason)
     SELECT organisation_id, $1, $2, person_id, ${OwedKind.sent}, copy_id, ${OwedState.owed}, 'accepted' FROM copy WHERE organisation_id = $3 LIMIT 1`,
    [id(), routeId, o],
  )
  // One has waited for its time and left, one waits.
  await sql.query(
    `INSERT INTO submission (organisation_id, submission_id, person_id, copy_id, message_id, identity_address, recipients, undo_status,
       envelope, release_at, due_at)
     SELECT c.organisation_id, n.id, c.person_id, c.copy_id, c.message_id, 'sample@sample.test', 1, n.status, '{}', now() + n.ahead, now() + n.ahead
     FROM (SELECT * FROM copy WHERE organisation_id = $1 ORDER BY copy_id LIMIT 1) c, (VALUES
       ($2::uuid, ${UndoStatus.final}, interval '-1 hour'), ($3::uuid, ${UndoStatus.waiting}, interval '1 hour')) n (id, status, ahead)`,
    [o, id(), id()],
  )
  const uploadId = id()
  await insertBodyRow(sql, o, uploadId, Buffer.from('upload'))
  await sql.query(
    `INSERT INTO upload (organisation_id, upload_id, person_id, type, size, body_store) VALUES ($1, $2, $3, 'text/plain', 6, 1)`,
    [o, uploadId, alice.personId],
  )
  return { organisationId: o, blobKey: key, blobBytes, pack }
}
