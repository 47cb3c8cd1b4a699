/** An MX listener on a free port with a door that records what passes and does what the test tells it. */
import type { SecureContextOptions } from 'node:tls'
import type { MxDoor, MxEnvelope, MxRecipient, Systems } from '../src/core/intake/index.ts'
import type { Refused } from '../src/core/trace/index.ts'
import type { Recipient, SourceClient } from '../src/core/directory/index.ts'
import type { NamedCertificate } from '../src/platform/certificate-watch.ts'
import { systemClock, type Clock } from '../src/platform/clock.ts'
import { configSchema, type Config } from '../src/platform/config/config.ts'
import { WireError } from '../src/platform/errors.ts'
import { silentLog, type Log } from '../src/platform/log.ts'
import { createMetrics, type Metrics } from '../src/platform/metrics.ts'
import { createMxListener, type MxListener } from '../src/servers/smtp/listener.ts'
import { openLineClient, type LineClient } from './line-client.ts'

export interface SeenMessage {
  envelope: MxEnvelope
  recipients: MxRecipient[]
  chunks: Buffer[]
  outcome: 'open' | 'finished' | 'aborted'
}

export interface MxFixture {
  port: number
  listener: MxListener
  metrics: Metrics
  seen: SeenMessage[]
  /** addresses asked at RCPT */
  asked: string[]
  /** calls a sink must never get, such as abort after finish */
  violations: string[]
  client(): Promise<LineClient>
  /** a client that has said EHLO */
  greeted(): Promise<LineClient>
  close(): Promise<void>
}

export interface MxFixtureOptions {
  smtp?: Partial<Config['smtp']>
  clock?: Clock
  log?: Log
  tls?: () => SecureContextOptions | null
  refused?: (refused: Refused) => void
  named?: () => readonly NamedCertificate[]
  systems?: Systems
  onRecipient?: (address: string) => Promise<void> | void
  onBegin?: () => void
  /** the client is one of an organisation's own systems; asked of each where it is a function */
  mends?: boolean | ((client: SourceClient) => boolean)
  onWrite?: (chunk: Buffer) => void | Promise<void>
  onFinish?: () => Promise<void> | void
}

/** Recipients at unknown.example are unknown, at elsewhere.example not ours; all others are taken. */
export async function mxFixture(options: MxFixtureOptions = {}): Promise<MxFixture> {
  const metrics = createMetrics()
  const seen: SeenMessage[] = []
  const asked: string[] = []
  const violations: string[] = []
  const clients: LineClient[] = []
  const broken = (call: string, message: SeenMessage): never => {
    violations.push(`${call} after ${message.outcome}`)
    throw new Error(violations.at(-1))
  }
  const door: MxDoor = {
    async checkRecipient(address) {
      asked.push(address)
      await options.onRecipient?.(address)
      if (address.endsWith('@unknown.example')) throw new WireError('unknown-recipient', address)
      if (address.endsWith('@elsewhere.example')) throw new WireError('relay-denied')
      return recipientOf(address)
    },
    mends: (client) => (typeof options.mends === 'function' ? options.mends(client) : (options.mends ?? false)),
    begin(envelope, recipients) {
      options.onBegin?.()
      const message: SeenMessage = { envelope, recipients: [...recipients], chunks: [], outcome: 'open' }
      seen.push(message)
      return {
        write(chunk) {
          if (message.outcome !== 'open') broken('write', message)
          message.chunks.push(chunk)
          return options.onWrite?.(chunk)
        },
        async finish() {
          if (message.outcome !== 'open') broken('finish', message)
          message.outcome = 'finished'
          await options.onFinish?.()
          return { queueId: `q${seen.length}` }
        },
        abort() {
          if (message.outcome !== 'open') broken('abort', message)
          message.outcome = 'aborted'
        },
      }
    },
  }
  const listener = createMxListener({
    config: configSchema.parse({ listen: { mx: { port: 0 } }, smtp: options.smtp ?? {} }),
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    metrics,
    door,
    hostname: 'mx.holdfast.example',
    tls: options.tls ?? (() => null),
    ...(options.refused && { refused: options.refused }),
    ...(options.named && { named: options.named }),
    ...(options.systems && { systems: options.systems }),
  })
  const { port } = await listener.start()
  const client = async (): Promise<LineClient> => {
    const one = await openLineClient(port)
    clients.push(one)
    return one
  }
  return {
    port,
    listener,
    metrics,
    seen,
    asked,
    violations,
    client,
    async greeted() {
      const one = await client()
      await one.reply()
      await one.command('EHLO client.example')
      return one
    },
    async close() {
      for (const one of clients) one.destroy()
      await listener.stop()
    },
  }
}

export function bytesOf(message: SeenMessage | undefined): string {
  return Buffer.concat(message?.chunks ?? []).toString('latin1')
}

function recipientOf(address: string): Recipient {
  const id = '00000000-0000-7000-8000-000000000001'
  return {
    organisationId: id,
    domainId: id,
    address,
    folded: address.toLowerCase(),
    personId: null,
    routeId: id,
    filtering: false,
    rollingCopy: true,
    isProtected: true,
    retentionDays: 14,
    standing: 'known',
  }
}
