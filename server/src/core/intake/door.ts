/**
 * The door for mail from outside: what servers/smtp asks of core/intake. Types only.
 *
 * Promise: after `finish` resolved, the message is stored (promise 1); when it throws, nothing was accepted and the
 * error carries the reply. `abort` is called at most once, never after `finish`, and never needs waiting for.
 */
import type { Mended } from '../../protocols/smtp/line-ends.ts'
import type { Recipient, SourceClient } from '../directory/index.ts'

export interface MxEnvelope extends SourceClient {
  /** '' is the null sender */
  from: string
  helo: string
  /** greeted with EHLO */
  esmtp: boolean
  /** protocol and cipher, null without TLS */
  tls: string | null
  bodyType: '7BIT' | '8BITMIME'
  smtputf8: boolean
  declaredSize: number | null
  ret: 'FULL' | 'HDRS' | null
  /** decoded (RFC 3461 section 4.4) */
  envid: string | null
  /** REQUIRETLS was said (RFC 8689) */
  requireTls?: boolean
}

export interface MxRecipient {
  recipient: Recipient
  /** Notify bits of platform/codes.ts; 0: the sender said nothing */
  notify: number
  /** decoded, `type;address` (RFC 3461 section 4.2) */
  orcpt: string | null
}

export interface MxDoor {
  /** Called at RCPT; throws WireError. At once where the answer is at hand. */
  checkRecipient(address: string, envelope: MxEnvelope): Recipient | Promise<Recipient>
  /** Bare CR and LF of whoever sends this become whole line ends instead of a refusal; asked when a recipient was taken. */
  mends(envelope: MxEnvelope): boolean
  /** Called at DATA, before 354; may throw WireError. */
  begin(envelope: MxEnvelope, recipients: MxRecipient[]): MxSink
}

export interface MxSink {
  /** Bytes without dot-stuffing, lines ending in CRLF. A promise is back-pressure: nothing is written until it resolves. */
  write(chunk: Buffer): void | Promise<void>
  /** `mended`: what was given is not what came, and this is the way back. */
  finish(mended?: Mended | null): Promise<{ queueId: string }>
  abort(): void
}
