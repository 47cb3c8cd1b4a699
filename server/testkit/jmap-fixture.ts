/**
 * A JMAP server in the test's process over a database of its own: real mailbox, queue, directory, routing, submission;
 * signed in as one person. `call` sends one request and gives the responses; nothing leaves.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify, type FastifyInstance } from 'fastify'
import { createContinuity, type Continuity } from '../src/core/continuity/index.ts'
import { createDirectory, createRouteBook, type LiveDirectory } from '../src/core/directory/index.ts'
import { createFourEyes, noteReading, type FourEyes } from '../src/core/four-eyes/index.ts'
import { createMailbox, type Mailbox, type MailOwner } from '../src/core/mailbox/index.ts'
import { createAccept, createBodyIntake, type Accept, type Incoming } from '../src/core/queue/index.ts'
import { createOwedMail } from '../src/core/return/index.ts'
import { createOwnId, createReturnPaths, createRouting } from '../src/core/routing/index.ts'
import { createSignDkim, createSubmission, type Submission } from '../src/core/submission/index.ts'
import { createByteRoom, type ByteRoom } from '../src/platform/byte-room.ts'
import { systemClock } from '../src/platform/clock.ts'
import { CopySource, Direction, StandardFolder } from '../src/platform/codes.ts'
import { configSchema, type Config } from '../src/platform/config/config.ts'
import { newId, type Id } from '../src/platform/ids.ts'
import { keysFrom, type Keys } from '../src/platform/keys.ts'
import { silentLog } from '../src/platform/log.ts'
import { createMetrics } from '../src/platform/metrics.ts'
import { sendError, wireErrorOf } from '../src/servers/http/index.ts'
import { jmapRoutes } from '../src/servers/jmap/index.ts'
import { ensureInstallation } from '../src/store/installation.ts'
import { diskBlobStore } from '../src/store/blobs/disk-blob-store.ts'
import { freshDatabase, type FreshDatabase } from './database.ts'
import { expectSound } from './sound.ts'
import { makeOrganisation, type MadeOrganisation } from './factories.ts'

export type Answer = [name: string, args: Record<string, any>, callId: string] // eslint-disable-line @typescript-eslint/no-explicit-any

export interface JmapFixture {
  fresh: FreshDatabase
  org: MadeOrganisation
  app: FastifyInstance
  mailbox: Mailbox
  submission: Submission
  fourEyes: FourEyes
  continuity: Continuity
  /** a submission room of its own over the same database, as another process has it */
  anotherSubmission(): Submission
  directory: LiveDirectory
  room: ByteRoom
  accept: Accept
  keys: Keys
  owner(name: string): MailOwner
  /** who is signed in from now on */
  signIn(name: string): string
  /** [name, args, id] calls; accountId is added where it is missing */
  call(...calls: [string, object, string?][]): Promise<Answer[]>
  /** One call; fails the test on an error response. */
  one(name: string, args: object): Promise<Answer[1]>
  /** A message accepted from outside. */
  receive(text: string, to?: string[]): Promise<Id>
  /** Ends with a check of the database. */
  close(): Promise<void>
}

const USING = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail', 'urn:ietf:params:jmap:submission']

export async function jmapFixture(storage: Partial<Config['storage']> = {}): Promise<JmapFixture> {
  const fresh = await freshDatabase({ poolSize: 12 })
  const { db } = fresh
  const folder = mkdtempSync(join(tmpdir(), 'hf-jmap-'))
  const config = configSchema.parse({ hostname: 'mx.holdfast.test', storage })
  const clock = systemClock
  const log = silentLog
  const keys = keysFrom(Buffer.alloc(32, 7))
  const installation = await ensureInstallation(db, newId(clock.now()))
  const org = await makeOrganisation(db, { people: ['alice', 'bob'], domain: 'corp.test' })
  const blobs = diskBlobStore(folder)
  const bodies = createBodyIntake({ db, blobs, clock, config })
  const mailbox = createMailbox({ db, blobs, bodies, config, clock, log, owed: createOwedMail({ clock }) })
  const routes = createRouteBook({ db, clock, log })
  const nodeId = newId(clock.now())
  // Nobody judges: every route is normal until a test pins it.
  const continuity = createContinuity({ db, clock, log, nodeId, routes, helo: config.hostname, judging: false })
  const accept = createAccept({
    db,
    clock,
    log,
    metrics: createMetrics(),
    config: { ...config, accept: { ...config.accept, answerWithin: 20 } },
    nodeId,
    ensureFolders: (organisationId, personIds) => mailbox.ensureFolders(organisationId, personIds),
  })
  const directory = createDirectory({ db, clock, log })
  const routing = createRouting({ directory, clock, hasRoom: () => false, board: continuity.board })
  const room = createByteRoom({ clock })
  const anotherSubmission = (): Submission =>
    createSubmission({
      db,
      clock,
      log,
      config,
      mailbox,
      directory,
      routing,
      returnPaths: createReturnPaths({ db, clock, keys, directory }),
      room,
      ownId: createOwnId(keys, installation.installationId),
      accept,
      bodies,
      signDkim: createSignDkim({ sql: db, keys, clock }),
    })
  const submission = anotherSubmission()
  let signedIn = 'alice'
  const owner = (name: string): MailOwner => ({
    organisationId: org.organisationId,
    personId: org.people[name]!.personId,
  })
  const app = fastify({ routerOptions: { maxParamLength: 500 } })
  app.setErrorHandler((thrown, _request, reply) => sendError(reply, wireErrorOf(thrown)))
  app.decorateRequest('session', null)
  app.addHook('onRequest', async (request) => {
    const { organisationId, personId } = owner(signedIn)
    Object.assign(request, { session: { kind: 'person', subjectId: personId, organisationId, name: signedIn } })
  })
  const fourEyes = createFourEyes({ db, clock })
  await app.register(
    jmapRoutes({
      ...{ mailbox, submission, clock, log, room, fourEyes },
      noteReading: (lent, reading) => noteReading(db, lent, reading),
    }),
  )
  mailbox.start()

  async function call(...calls: [string, object, string?][]): Promise<Answer[]> {
    const accountId = owner(signedIn).personId
    const methodCalls = calls.map(([name, args, id], i) => [
      name,
      name === 'Core/echo' ? args : { accountId, ...args },
      id ?? `c${i}`,
    ])
    const answer = await app.inject({
      method: 'POST',
      url: '/jmap',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ using: USING, methodCalls }),
    })
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
    return answer.json<{ methodResponses: Answer[] }>().methodResponses
  }

  return {
    fresh,
    org,
    app,
    mailbox,
    submission,
    fourEyes,
    continuity,
    anotherSubmission,
    directory,
    room,
    accept,
    keys,
    owner,
    signIn(name) {
      signedIn = name
      return owner(name).personId
    },
    call,
    async one(name, args) {
      const [answer] = await call([name, args])
      if (answer![0] === 'error') throw new Error(`${name}: ${JSON.stringify(answer![1])}`)
      return answer![1]
    },
    async receive(text, to = ['alice']) {
      const bytes = Buffer.from(text.replace(/\r?\n/g, '\r\n'))
      const incoming = incomingOf(org, bytes, to)
      await accept.accept(incoming)
      return incoming.copies[0]!.copyId
    },
    async close() {
      await app.close()
      await mailbox.stop()
      await accept.stop()
      await bodies.stop()
      await directory.stop()
      try {
        await expectSound(db, blobs)
      } finally {
        await fresh.drop()
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

function incomingOf(org: MadeOrganisation, bytes: Buffer, to: string[]): Incoming {
  const now = Date.now()
  const header = (name: string): string | null =>
    new RegExp(`^${name}: (.*)\r$`, 'im').exec(bytes.toString())?.[1] ?? null
  return {
    organisationId: org.organisationId,
    messageId: newId(now),
    receivedAt: now,
    direction: Direction.inbound,
    envelopeFrom: 'sender@outside.test',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    body: { kind: 'row', bytes },
    prefix: Buffer.from('Received: from outside.test by mx.holdfast.test; Mon, 2 Nov 2026 08:00:00 +0000\r\n'),
    headerFrom: header('From'),
    subject: header('Subject'),
    messageIdHeader: header('Message-ID'),
    inReplyTo: null,
    headerDate: null,
    clientIp: '192.0.2.1',
    helo: 'outside.test',
    tls: null,
    facts: {},
    deliveries: [],
    copies: to.map((name) => {
      const copyId = newId(now)
      return {
        copyId,
        personId: org.people[name]!.personId,
        source: CopySource.received,
        expiresAt: now + 86_400_000,
        policy: 'organisation:14d',
        deliveryId: null,
        threadId: copyId,
        folderNo: StandardFolder.inbox,
        flags: 0,
      }
    }),
  }
}
