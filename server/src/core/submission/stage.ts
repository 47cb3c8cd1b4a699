/**
 * From the message that is to leave to what one accept commit stores: trace headers, the signature, the bytes staged where
 * their size belongs. Nothing has left yet; what is not accepted afterwards is taken back.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { Direction, ListPosting } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { signedParts } from '../../protocols/dkim/signature.ts'
import { listFields } from '../../protocols/mime/list-fields.ts'
import { createHeaderScanner } from '../../protocols/smtp/header-scanner.ts'
import { foldAddress } from '../directory/index.ts'
import { postingFacts, tlsFact, type BodyIntake, type Incoming } from '../queue/index.ts'
import {
  mailDate,
  type OwnId,
  type Posting,
  type ReturnPaths,
  type Routed,
  type RouteInput,
  type Routing,
} from '../routing/index.ts'
import type { SignDkim } from './dkim.ts'
import type { DsnWish } from './envelope.ts'
import type { Outgoing } from './outgoing.ts'

export interface Routes {
  input: RouteInput
  routed: Routed
  /** lists among the recipients: each takes a message of its own */
  postings: readonly Posting[]
}

export interface StageDeps {
  clock: Pick<Clock, 'now'>
  routing: Pick<Routing, 'posting'>
  returnPaths: Pick<ReturnPaths, 'forMember'>
  config: Pick<Config, 'hostname' | 'smtp'>
  ownId: Pick<OwnId, 'header'>
  bodies: BodyIntake
  signDkim: SignDkim
}

export interface Staged {
  /** they stand or fall together; the first is the author's own message */
  unit: Incoming[]
  /** Takes the bytes back: it was surely not accepted. */
  abort(): void
}

export interface Leaving extends Routes {
  organisationId: Id
  messageId: Id
  receivedAt: number
  outgoing: Outgoing
  /** by which the author handed it over: HTTP, or ESMTPSA and the like (RFC 3848, RFC 6531 section 4.3) */
  protocol: string
  dsn: Pick<DsnWish, 'ret' | 'envid'> | null
  requireTls: boolean
}

/** The message, and one with the list's header fields for each list it is posted to. */
export async function stageAll(deps: StageDeps, leaving: Leaving): Promise<Staged> {
  const staged = [await stageOutgoing(deps, leaving)]
  const abort = (): void => {
    for (const one of staged) one.abort()
  }
  try {
    for (const posting of leaving.postings) {
      const routed = deps.routing.posting(leaving.input, posting, deps.returnPaths)
      const messageId = newId(deps.clock.now())
      staged.push(await stageOutgoing(deps, { ...leaving, messageId, routed }, posting))
    }
  } catch (error) {
    abort()
    throw error
  }
  return { unit: staged.map(({ incoming }) => incoming), abort }
}

async function stageOutgoing(
  deps: StageDeps,
  leaving: Leaving,
  posting: Posting | null = null,
): Promise<{ incoming: Incoming; abort(): void }> {
  const { organisationId, messageId, receivedAt, outgoing, routed, protocol, dsn } = leaving
  const { bytes, smtputf8, eightbit } = outgoing
  const signature = await deps.signDkim(organisationId, outgoing.authorDomain, () => signedParts(bytes))
  const scanner = createHeaderScanner(deps.config.smtp.headerBytes)
  scanner.write(bytes)
  const header = scanner.finish()
  // Without the author's address, though RFC 5321 section 4.4 has a FROM clause: it says where somebody was when they
  // wrote, to everybody they write to, and some receivers hold a home's address against the mail. Who it was is in our log.
  const received = `Received: by ${deps.config.hostname} (Holdfast) with ${protocol} id ${messageId};\r\n\t${mailDate(receivedAt)}\r\n`
  const trace = deps.ownId.header(
    organisationId,
    messageId,
    (posting ? [posting.list.address] : outgoing.recipients).flatMap((address) => foldAddress(address) ?? []),
  )
  const fields = posting ? listFields({ ...posting.list, isOpen: posting.list.posting !== ListPosting.named }) : ''
  const sink = deps.bodies.open(organisationId, messageId)
  try {
    await sink.write(bytes)
    const incoming: Incoming = {
      organisationId,
      messageId,
      receivedAt,
      direction: Direction.outbound,
      envelopeFrom: outgoing.from,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: await sink.finish(),
      prefix: Buffer.concat([Buffer.from(received + trace + fields), signature ?? Buffer.alloc(0)]),
      headerFrom: header.from,
      subject: header.subject,
      messageIdHeader: header.messageId,
      inReplyTo: header.inReplyTo,
      headerDate: header.date,
      clientIp: null,
      helo: null,
      tls: null,
      facts: {
        ...(smtputf8 ? { smtputf8 } : {}),
        ...(eightbit ? { eightbit } : {}),
        ...(dsn?.ret && !posting ? { ret: dsn.ret } : {}),
        ...(dsn?.envid && !posting ? { envid: dsn.envid } : {}),
        ...(header.priority ? { priority: header.priority } : {}),
        ...(posting ? postingFacts(posting.list.address, { ...posting, envid: dsn?.envid ?? null }) : {}),
        ...tlsFact(leaving.requireTls, header),
      },
      ...routed,
    }
    return { incoming, abort: () => sink.abort() }
  } catch (error) {
    sink.abort()
    throw error
  }
}
