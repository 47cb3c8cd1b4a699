/**
 * Notices to senders (DSN, RFC 3464): who may get one, and how one is made and sent. Only an aligned sender is written to
 * (its SPF or an aligned DKIM signature says so, or it is one of our own people): promise 9, no backscatter.
 *
 * A notice's message id is derived from the delivery and the kind, so that a crash between its commit and the delivery's
 * note makes the same message again, which is seen: one notice, whatever happens.
 */
import { createHash } from 'node:crypto'
import { authenticate } from 'mailauth'
import type { Clock } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { firstIdAt, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { buildDsn, type Dsn, type DsnRecipient } from '../../protocols/dsn/build.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import { messageExists, type NoticedDelivery } from '../../store/bounces.ts'
import { foldAddress } from '../directory/index.ts'
import type { ListBounces } from '../lists/index.ts'
import type { Accept, Incoming } from '../queue/index.ts'
import { mailDate, type OwnId, type Routing } from '../routing/index.ts'

export interface NoticeDeps {
  db: Database
  blobs: BlobStore
  clock: Clock
  log: Log
  config: Pick<Config, 'hostname' | 'delivery'>
  accept: Accept
  routing: Routing
  ownId: OwnId
  /** records by name and type; left out: of the system's DNS */
  resolver?: (name: string, type: string) => Promise<unknown>
  /** counts what the members of lists did not get */
  listBounces?: ListBounces
}

export interface Notice {
  action: 'failed' | 'delayed' | 'relayed' | 'delivered'
  /** when it happened; with the delivery and the action it makes the message id */
  at: Date
  /** RFC 3463 */
  status: string
  diagnostic: string | null
  willRetryUntil: Date | null
  subject: string
  /** what people read below "Your message … to …" */
  text: (about: { recipient: string; reply: string; subject: string }) => string[]
}

export interface Notices {
  isAligned(about: NoticedDelivery): Promise<boolean>
  /** Stores the notice in our own queue, once; false when there is no way to the sender. */
  send(about: NoticedDelivery, notice: Notice): Promise<boolean>
}

/** The original is sent back whole up to this size where RET=FULL asks for it. */
const WHOLE_BYTES = 262_144
/** What authentication reads of a message: DKIM needs all of it, so larger ones are judged by SPF alone. */
const AUTH_BYTES = 16_777_216
/** A notice that fails this often for reasons of its own is given up. */
const MOST_TRIES = 5
const PASSING = new Set(['database-unavailable', 'commit-unknown', 'disk-full', 'too-busy', 'shutting-down'])

/** Everybody's trouble and not this notice's. */
function isPassing(error: unknown): boolean {
  if (error instanceof WireError) return PASSING.has(error.code)
  return !['data', 'other'].includes(classifyDbError(error))
}

/** Deals with each; one that fails for reasons of its own must not keep the others waiting, and is given up in the end. */
export function createPatience<T extends { deliveryId: Id }>(
  log: Log,
): {
  /** `giveUp` is told of the last failure. */
  each(
    due: readonly T[],
    deal: (one: T) => Promise<void>,
    giveUp: (one: T, error: unknown) => Promise<void>,
  ): Promise<void>
} {
  const failed = new Map<Id, number>()
  return {
    async each(due, deal, giveUp) {
      let failure: unknown = null
      for (const one of due) {
        try {
          await deal(one)
          failed.delete(one.deliveryId)
        } catch (error) {
          if (isPassing(error)) throw error
          failure ??= error
          const tries = (failed.get(one.deliveryId) ?? 0) + 1
          failed.set(one.deliveryId, tries)
          if (tries < MOST_TRIES) continue
          log.error({ err: error, deliveryId: one.deliveryId }, 'a notice could not be made; given up')
          await giveUp(one, error)
          failed.delete(one.deliveryId)
        }
      }
      if (failure !== null) throw failure
    },
  }
}

function noticeId(deliveryId: Id, { action, at }: Notice): Id {
  const hex = createHash('sha256')
    .update(`${action === 'failed' ? 'dsn' : `dsn ${action}`} ${deliveryId}`)
    .digest('hex')
  return `${firstIdAt(at.getTime()).slice(0, 14)}7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

/**
 * Whom a notice goes to. A domain that is written in letters of its own is the same in A-labels (RFC 5891), which every
 * server takes; only a local part beyond ASCII needs SMTPUTF8 (RFC 6531 section 3.2).
 */
function senderOf(about: NoticedDelivery): { address: string; folded: string; domain: string } {
  const { envelopeFrom } = about
  const at = envelopeFrom.lastIndexOf('@')
  const folded = foldAddress(envelopeFrom) ?? envelopeFrom.toLowerCase()
  const domain = folded.slice(folded.lastIndexOf('@') + 1)
  const local = envelopeFrom.slice(0, at)
  return { address: /^[\x21-\x7e]+$/.test(local) ? `${local}@${domain}` : envelopeFrom, folded, domain }
}

const oneLine = (text: string): string => text.replace(/[\r\n]/g, ' ')

export function createNotices(deps: NoticeDeps): Notices {
  const host = deps.config.hostname

  async function original(about: NoticedDelivery, limit: number): Promise<Buffer> {
    const parts: Buffer[] = []
    const ref = {
      organisationId: about.organisationId,
      bodyId: about.messageId,
      bodyStore: about.bodyStore,
      blobKey: about.blobKey,
    }
    for await (const chunk of openBody(deps.db, deps.blobs, ref, 0, limit)) parts.push(chunk)
    return Buffer.concat(parts)
  }

  async function bodyOf(about: NoticedDelivery, notice: Notice, messageId: Id, now: number): Promise<Dsn> {
    // RFC 8689 section 4.3: what must be kept in TLS is not sent back by a way that nobody knows.
    const isSecret = about.facts.tls === 'required'
    const whole = !isSecret && about.facts.ret === 'FULL' && about.size <= WHOLE_BYTES && notice.action === 'failed'
    const bytes = await original(about, WHOLE_BYTES)
    const headerEnd = bytes.indexOf('\r\n\r\n')
    const recipient: DsnRecipient = {
      finalRecipient: about.recipient,
      originalRecipient: about.orcpt,
      action: notice.action,
      status: notice.status,
      diagnostic: notice.diagnostic,
      remoteMta: about.host,
      lastAttempt: about.attemptAt,
      willRetryUntil: notice.willRetryUntil,
    }
    return buildDsn({
      reportingMta: host,
      from: `mailer-daemon@${host}`,
      to: senderOf(about).address,
      date: mailDate(now),
      messageId: `<${messageId}@${host}>`,
      boundary: `hf-${messageId}`,
      envelopeId: about.facts.envid ?? null,
      arrival: about.acceptedAt,
      recipients: [recipient],
      subject: notice.subject,
      text: notice.text({
        recipient: about.recipient,
        reply: oneLine(about.reply ?? '(nothing)'),
        subject: oneLine(about.subject ?? '(no subject)'),
      }),
      original: { bytes: whole || headerEnd < 0 ? bytes : bytes.subarray(0, headerEnd + 2), whole },
    })
  }

  async function incomingOf(about: NoticedDelivery, notice: Notice, messageId: Id): Promise<Incoming | null> {
    const receivedAt = deps.clock.now()
    const { organisationId, outboundRouteId } = about
    const { address, folded } = senderOf(about)
    const input = { receivedAt, threadRoot: null, organisationId, outboundRouteId, author: null }
    const routed = await deps.routing.outbound(input, [address])
    if (routed.deliveries.length === 0) {
      const { error } = routed.refused[0]!
      const why = error.code === 'internal' ? error.cause : error
      // A database that is away for a moment is no verdict about the address.
      if (isPassing(why)) throw why
      return null
    }
    const { bytes, smtputf8, eightbit } = await bodyOf(about, notice, messageId, receivedAt)
    return {
      organisationId,
      messageId,
      receivedAt,
      direction: Direction.dsn,
      envelopeFrom: '',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: { kind: 'row', bytes },
      prefix: Buffer.from(deps.ownId.header(organisationId, messageId, [folded])),
      headerFrom: `mailer-daemon@${host}`,
      subject: notice.subject,
      messageIdHeader: `<${messageId}@${host}>`,
      inReplyTo: null,
      headerDate: receivedAt,
      clientIp: null,
      helo: null,
      tls: null,
      facts: { about: about.messageId, ...(smtputf8 ? { smtputf8 } : {}), ...(eightbit ? { eightbit } : {}) },
      deliveries: routed.deliveries,
      copies: routed.copies,
    }
  }

  return {
    /** RFC 7208 pass, or RFC 6376 pass of an aligned domain. */
    async isAligned(about) {
      // One of our own people; what a primary forwards for them is a stranger's, whose name anybody could have used.
      if (about.direction === Direction.outbound && !about.facts.forwarded) return true
      const { address, domain } = senderOf(about)
      const bytes = await original(about, about.size <= AUTH_BYTES ? Infinity : 65_536)
      const result = await authenticate(bytes, {
        ip: about.clientIp ?? '',
        helo: about.helo ?? '',
        sender: address,
        mta: host,
        disableArc: true,
        disableBimi: true,
        ...(deps.resolver ? { resolver: deps.resolver } : {}),
      } as Parameters<typeof authenticate>[1])
      const spf = result.spf === false ? undefined : (result.spf as { status?: { result?: string } } | undefined)
      if (spf?.status?.result === 'pass') return true
      const aligned = (signer: string): boolean => signer === domain || domain.endsWith(`.${signer}`)
      return result.dkim.results.some(
        (one) =>
          one.status.result === 'pass' &&
          aligned((one as { signingDomain?: string }).signingDomain?.toLowerCase() ?? ''),
      )
    },
    async send(about, notice) {
      const messageId = noticeId(about.deliveryId, notice)
      if (await messageExists(deps.db, about.organisationId, messageId)) return true
      const incoming = await incomingOf(about, notice, messageId)
      if (incoming === null) return false
      await deps.accept.accept(incoming)
      return true
    },
  }
}
