/**
 * One whole Holdfast in this process for tests through its doors: a fresh database, the real server on free ports, a
 * stand-in primary and a sink for what leaves, an organisation with alice and bob at corp.test.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/platform/clock.ts'
import { configSchema } from '../src/platform/config/config.ts'
import type { Database } from '../src/platform/db/database.ts'
import { keysFrom } from '../src/platform/keys.ts'
import { silentLog } from '../src/platform/log.ts'
import { startServer, type RunningServer } from '../src/roles/server.ts'
import { diskBlobStore } from '../src/store/blobs/disk-blob-store.ts'
import { freshDatabase } from './database.ts'
import { makeOrganisation, type MadeOrganisation, type OrganisationWish } from './factories.ts'
import { sendMail, type Envelope, type SendResult } from './smtp-send.ts'
import { expectSound } from './sound.ts'
import { startStandIn, type StandIn, type StandInOptions } from './stand-in/stand-in.ts'

export interface OneServer {
  db: Database
  primary: StandIn
  sink: StandIn
  org: MadeOrganisation
  server: RunningServer
  /** what a mail with this nonce looks like */
  mail(nonce: string): string
  send(nonce: string, to: string[], envelope?: Partial<Envelope>, bytes?: string | Buffer): Promise<SendResult>
  count(from: string, values?: string[]): Promise<number>
  until(what: string, ready: () => Promise<boolean> | boolean, ms?: number): Promise<void>
  /** Proves that the rows agree with each other, and stops everything. */
  close(): Promise<void>
}

export interface OneServerWish {
  organisation?: OrganisationWish
  /** more settings of the primary's route */
  route?: object
  primary?: StandInOptions
  sink?: StandInOptions
  config?: object
}

/** Settings of a route to a stand-in, with short waits. */
export const routeTo = (port: number): object => ({
  hosts: [{ host: '127.0.0.1', port }],
  sensitivity: 'quick',
  unsureWait: 2,
  retryFirst: 1,
  retryMax: 2,
  tls: 'none',
})

export async function oneServer(wish: OneServerWish = {}): Promise<OneServer> {
  const fresh = await freshDatabase({ poolSize: 8 })
  const [primary, sink] = await Promise.all([startStandIn(wish.primary), startStandIn(wish.sink)])
  const org = await makeOrganisation(fresh.db, {
    people: ['alice', 'bob'],
    domain: 'corp.test',
    route: { ...routeTo(primary.port), ...wish.route },
    outbound: routeTo(sink.port),
    ...wish.organisation,
  })
  const folder = mkdtempSync(join(tmpdir(), 'hf-one-'))
  const server = await startServer({
    config: configSchema.parse({
      hostname: 'mx.holdfast.test',
      listen: { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } },
      roles: ['mx', 'deliver', 'work'],
      storage: { reserveBytes: 0 },
      ...wish.config,
    }),
    dataFolder: folder,
    db: fresh.db,
    keys: keysFrom(Buffer.alloc(32, 7)),
    clock: systemClock,
    log: silentLog,
    version: 'test',
  })
  const mail = (nonce: string): string =>
    `From: Sender <sender@outside.test>\r\nSubject: Mail ${nonce}\r\nMessage-ID: <${nonce}@outside.test>\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n`
  return {
    db: fresh.db,
    primary,
    sink,
    org,
    server,
    mail,
    send: (nonce, to, envelope = {}, bytes = mail(nonce)) =>
      sendMail(server.ports.mx!, { from: 'sender@outside.test', to, ...envelope }, bytes),
    count: async (from, values = []) =>
      (await fresh.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${from}`, values))[0]!.n,
    async until(what, ready, ms = 20_000) {
      const end = systemClock.now() + ms
      while (!(await ready())) {
        if (systemClock.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
        await systemClock.sleep(50)
      }
    },
    async close() {
      try {
        await expectSound(fresh.db, diskBlobStore(join(folder, 'blobs')))
      } finally {
        await server.stop()
        await Promise.all([primary.close(), sink.close()])
        await fresh.drop()
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}
