/**
 * A submission listener on a free port. Alice (alice@corp.test, `secret`) may sign in and write from her address; the
 * door records what passes and does what the test tells it.
 */
import type { SignedPerson } from '../src/core/access/index.ts'
import type { ClientEnvelope, SubmissionDoor } from '../src/core/submission/index.ts'
import { selfSigned } from '../src/platform/certificate.ts'
import { systemClock, type Clock } from '../src/platform/clock.ts'
import { configSchema, type Config } from '../src/platform/config/config.ts'
import { WireError } from '../src/platform/errors.ts'
import { silentLog, type Log } from '../src/platform/log.ts'
import { createMetrics, type Metrics } from '../src/platform/metrics.ts'
import { createSubmissionListener } from '../src/servers/smtp/submission/listener.ts'
import { openLineClient, type LineClient } from './line-client.ts'

export interface SentMessage {
  personId: string
  envelope: ClientEnvelope
  chunks: Buffer[]
  outcome: 'open' | 'finished' | 'aborted'
}

export interface SubmissionFixture {
  port: number
  metrics: Metrics
  seen: SentMessage[]
  /** names and passwords that were tried */
  tried: { name: string; password: string; clientIp: string }[]
  /** calls a sink must never get, such as abort after finish */
  violations: string[]
  /** the password alice signed in with is another one by now */
  changePassword(): void
  /** connected, nothing read */
  client(): Promise<LineClient>
  /** under TLS, EHLO said */
  secured(): Promise<LineClient>
  /** signed in as alice */
  signedIn(): Promise<LineClient>
  close(): Promise<void>
}

export interface SubmissionFixtureOptions {
  name?: 'submission' | 'submissions'
  smtp?: Partial<Config['smtp']>
  recipients?: number
  clock?: Clock
  log?: Log
  onVerify?: () => Promise<void> | void
  onSender?: () => Promise<void> | void
  onWrite?: (chunk: Buffer) => void | Promise<void>
  onFinish?: () => Promise<void> | void
}

const pem = selfSigned(['mx.holdfast.example'], Date.now())
const alice: SignedPerson = {
  organisationId: '00000000-0000-7000-8000-000000000001',
  personId: '00000000-0000-7000-8000-000000000002',
  credentialId: '00000000-0000-7000-8000-000000000003',
}
export const PLAIN_ALICE = Buffer.from('\0alice@corp.test\0secret').toString('base64')

export async function submissionFixture(options: SubmissionFixtureOptions = {}): Promise<SubmissionFixture> {
  const name = options.name ?? 'submission'
  const metrics = createMetrics()
  const seen: SentMessage[] = []
  const tried: SubmissionFixture['tried'] = []
  const violations: string[] = []
  const clients: LineClient[] = []
  let holds = true
  const broken = (call: string, message: SentMessage): never => {
    violations.push(`${call} after ${message.outcome}`)
    throw new Error(violations.at(-1))
  }
  const door: SubmissionDoor = {
    maxHold: 2_592_000,
    async checkSender(_, address) {
      await options.onSender?.()
      if (address.toLowerCase() !== 'alice@corp.test')
        throw new WireError('forbidden', `${address} is not an address of yours`)
    },
    begin({ personId }, envelope) {
      const message: SentMessage = { personId, envelope, chunks: [], outcome: 'open' }
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
  const listener = createSubmissionListener({
    name,
    config: configSchema.parse({ listen: { [name]: { port: 0 } }, smtp: options.smtp ?? {} }),
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    metrics,
    hostname: 'mx.holdfast.example',
    tls: () => pem,
    sending: {
      recipients: options.recipients ?? 100,
      access: {
        async verifyPerson(attempt) {
          tried.push(attempt)
          await options.onVerify?.()
          if (attempt.name === 'new@corp.test') throw new WireError('password-change-needed')
          if (attempt.name !== 'alice@corp.test' || attempt.password !== 'secret') throw new WireError('sign-in-failed')
          return alice
        },
        holds: async () => holds,
      },
      door,
    },
  })
  const { port } = await listener.start()
  const client = async (): Promise<LineClient> => {
    const one = await openLineClient(port)
    clients.push(one)
    return one
  }
  async function secured(): Promise<LineClient> {
    const one = await client()
    if (name === 'submissions') await one.startTls()
    await one.reply()
    if (name === 'submission') {
      await one.command('EHLO client.example')
      await one.command('STARTTLS')
      await one.startTls()
    }
    await one.command('EHLO client.example')
    return one
  }
  return {
    port,
    metrics,
    seen,
    tried,
    violations,
    changePassword: () => void (holds = false),
    client,
    secured,
    async signedIn() {
      const one = await secured()
      const { code } = await one.command(`AUTH PLAIN ${PLAIN_ALICE}`)
      if (code !== 235) throw new Error(`AUTH was answered ${code}`)
      return one
    },
    async close() {
      for (const one of clients) one.destroy()
      await listener.stop()
    },
  }
}
