/** A message on its way into the accept commit, for tests: what they do not care about is there and plain. */
import type { Incoming } from '../src/core/queue/index.ts'
import { Direction } from '../src/platform/codes.ts'
import { newId } from '../src/platform/ids.ts'

export function plainIncoming(change: Partial<Incoming> = {}): Incoming {
  return {
    organisationId: newId(1),
    messageId: newId(1),
    receivedAt: 1,
    direction: Direction.inbound,
    envelopeFrom: 's@outside.test',
    size: 1,
    sha256: Buffer.alloc(32),
    body: { kind: 'row', bytes: Buffer.from('x') },
    prefix: Buffer.alloc(0),
    headerFrom: null,
    subject: null,
    messageIdHeader: null,
    inReplyTo: null,
    headerDate: null,
    clientIp: null,
    helo: null,
    tls: null,
    facts: {},
    deliveries: [],
    copies: [],
    ...change,
  }
}
