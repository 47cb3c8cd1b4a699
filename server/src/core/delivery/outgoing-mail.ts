/**
 * What is put on the wire for a job: the original behind its trace headers, and before both the marks of mail that comes
 * late or may come twice. Bytes that are not in memory are streamed from where they are stored.
 *
 * Failure: fewer stored bytes than the message has end the transaction before its final dot.
 */
import type { OutgoingMail } from '../../clients/smtp/connection.ts'
import type { OwnSignature } from '../../clients/smtp/envelope.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { signatureTag, type SignedParts } from '../../protocols/dkim/signature.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import type { Job } from './job.ts'
import { notifyText } from './wording.ts'

export interface OutgoingMailDeps {
  db: Sql
  blobs: BlobStore
  /** headers put before a message that comes home late, so that it triggers no automatic answers */
  returnHeaders(acceptedAt: number, returnEventId: Id | null): string
  /** a signature of ours, made again over a changed body as of `at`; left out: there is none then */
  sign?: (organisationId: Id, domain: string, parts: () => SignedParts, at: number) => Promise<Buffer | null>
}

const RESENT = 'Holdfast-Resent: an earlier attempt ended without a reply; this may be a second copy\r\n'

export function outgoingMail(deps: OutgoingMailDeps, job: Job): OutgoingMail {
  const { body, facts } = job
  // All recipients of a job are held, or unsure, alike (job.ts).
  const { held, wasUnsure } = job.recipients[0]!
  const late = job.byReturn || held ? deps.returnHeaders(job.acceptedAt, job.returnEventId) : ''
  const marks = late + (wasUnsure ? RESENT : '')
  const head = marks === '' ? job.prefix : Buffer.concat([Buffer.from(marks), job.prefix])
  return {
    from: job.envelopeFrom,
    client: job.client,
    ...(facts.eightbit && { signature: ownSignature(deps, job) }),
    size: head.length + job.size,
    smtputf8: facts.smtputf8 ?? false,
    eightbit: facts.eightbit ?? false,
    ret: facts.ret ?? null,
    envid: facts.envid ?? null,
    requireTls: facts.tls === 'required',
    recipients: job.recipients.map((r) => ({ address: r.address, notify: notifyText(r.notify), orcpt: r.orcpt })),
    body: () => (body.kind === 'memory' ? [head, ...body.bytes] : stored(deps, job, head, body)),
  }
}

const OURS = Buffer.from('\r\nDKIM-Signature:')

/** The last of the trace headers, where we signed what leaves. Made again as of the time it was accepted: a retry is the same. */
function ownSignature({ sign }: OutgoingMailDeps, { prefix, organisationId, acceptedAt }: Job): OwnSignature | null {
  const at = prefix.indexOf(OURS)
  if (at < 0) return null
  const field = prefix.subarray(at + 2)
  const domain = signatureTag(field.toString('latin1'), 'd')
  return {
    field,
    sign: async (parts) => (domain !== null && sign ? sign(organisationId, domain, () => parts, acceptedAt) : null),
  }
}

async function* stored(
  deps: OutgoingMailDeps,
  job: Job,
  head: Buffer,
  body: { bodyStore: number; blobKey: string | null },
): AsyncGenerator<Buffer> {
  yield head
  let read = 0
  const { organisationId, messageId: bodyId } = job
  for await (const chunk of openBody(deps.db, deps.blobs, { organisationId, bodyId, ...body })) {
    read += chunk.length
    yield chunk
  }
  // Before the final dot: half a message must not be taken for the whole one.
  if (read !== job.size) throw new Error(`${read} of ${job.size} stored bytes were found`)
}
