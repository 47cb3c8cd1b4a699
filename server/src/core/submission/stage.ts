/**
 * From the message that is to leave to what one accept commit stores: trace headers, the signature, the bytes staged where
 * their size belongs. Nothing has left yet; what is not accepted afterwards is taken back.
 */
import { createHash } from 'node:crypto'
import { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Id } from '../../platform/ids.ts'
import { createHeaderScanner } from '../../protocols/smtp/header-scanner.ts'
import { foldAddress } from '../directory/index.ts'
import { tlsFact, type BodyIntake, type Incoming } from '../queue/index.ts'
import { mailDate, type OwnId, type Routed } from '../routing/index.ts'
import type { SignDkim } from './dkim.ts'
import type { Outgoing } from './outgoing.ts'

export interface StageDeps {
  config: Pick<Config, 'hostname' | 'smtp'>
  ownId: Pick<OwnId, 'header'>
  bodies: BodyIntake
  signDkim: SignDkim
}

export interface Staged {
  incoming: Incoming
  /** Takes the bytes back: it was surely not accepted. */
  abort(): void
}

export interface Leaving {
  organisationId: Id
  messageId: Id
  receivedAt: number
  outgoing: Outgoing
  routed: Routed
  /** by which the author handed it over: HTTP, or ESMTPSA and the like (RFC 3848, RFC 6531 section 4.3) */
  protocol: string
  requireTls: boolean
}

export async function stageOutgoing(deps: StageDeps, leaving: Leaving): Promise<Staged> {
  const { organisationId, messageId, receivedAt, outgoing, routed, protocol } = leaving
  const { bytes, smtputf8, eightbit } = outgoing
  const signature = await deps.signDkim(organisationId, bytes, outgoing.authorDomain)
  const scanner = createHeaderScanner(deps.config.smtp.headerBytes)
  scanner.write(bytes)
  const header = scanner.finish()
  // Without the author's address, though RFC 5321 section 4.4 has a FROM clause: it says where somebody was when they
  // wrote, to everybody they write to, and some receivers hold a home's address against the mail. Who it was is in our log.
  const received = `Received: by ${deps.config.hostname} (Holdfast) with ${protocol} id ${messageId};\r\n\t${mailDate(receivedAt)}\r\n`
  const trace = deps.ownId.header(
    organisationId,
    messageId,
    outgoing.recipients.flatMap((address) => foldAddress(address) ?? []),
  )
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
      prefix: Buffer.concat([Buffer.from(received + trace), signature ?? Buffer.alloc(0)]),
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
