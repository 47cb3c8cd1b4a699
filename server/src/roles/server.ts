/**
 * One running Holdfast process: builds the core, starts what its roles ask for, says which ports it bound, and stops in
 * the order that loses nothing: doors first, then work under way, then the database.
 */
import { hostname as machineName } from 'node:os'
import { fileURLToPath } from 'node:url'
import { existsSync } from 'node:fs'
import { createAccess, type Access } from '../core/access/index.ts'
import { noteReading } from '../core/four-eyes/index.ts'
import { createSystems } from '../core/intake/index.ts'
import {
  certificatesFrom,
  createCertificates,
  needsCertificates,
  type Certificates,
} from '../platform/certificate-watch.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config/config.ts'
import type { Database } from '../platform/db/database.ts'
import { newId } from '../platform/ids.ts'
import type { Keys } from '../platform/keys.ts'
import type { Log } from '../platform/log.ts'
import { createMetrics } from '../platform/metrics.ts'
import { openFileLimit } from '../platform/open-files.ts'
import { adminRoutes } from '../servers/admin/index.ts'
import { createHttp, type Readiness } from '../servers/http/index.ts'
import { jmapRoutes } from '../servers/jmap/index.ts'
import { scimRoutes } from '../servers/scim/index.ts'
import { RECIPIENTS_PER_MESSAGE } from '../core/submission/index.ts'
import { createMxListener } from '../servers/smtp/listener.ts'
import { createSubmissionListener } from '../servers/smtp/submission/listener.ts'
import { ownPolicy } from '../store/mta-sts.ts'
import { ensureInstallation } from '../store/installation.ts'
import { beat, leave, living } from '../store/nodes.ts'
import { buildCore, type Core } from './core.ts'
import { hasUnknownProxy, webLimits } from './web-limits.ts'

export interface ServerOptions {
  config: Config
  dataFolder: string
  db: Database
  keys: Keys
  clock: Clock
  log: Log
  version: string
}

export interface RunningServer {
  ports: Record<string, number>
  core: Core
  access: Access
  /** Looks at the files of certificates at once, and not at the next connection. */
  reload(): void
  /** Orderly: no new connections, transactions under way end, outcomes are written. */
  stop(): Promise<void>
}

const BEAT_MS = 3_000

/** The built web pages: beside the bundle when installed, in the checkout otherwise. */
function webRoot(): string | null {
  for (const path of ['../../web/dist', '../web', '../../../web/dist']) {
    const folder = fileURLToPath(new URL(path, import.meta.url))
    if (existsSync(`${folder}/index.html`)) return folder
  }
  return null
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { db, clock, log } = options
  const config: Config = { ...options.config, hostname: options.config.hostname || machineName() || 'localhost' }
  const metrics = createMetrics()
  if (config.roles.every((role) => role === 'access'))
    throw new Error('The role access has nothing to do in this version yet: IMAP and POP3 are still to come.')
  const has = (role: Config['roles'][number]): boolean => config.roles.includes(role)
  const { installationId } = await ensureInstallation(db, newId(clock.now()))
  const peers = { delivering: 1 }
  const core = buildCore({
    ...options,
    config,
    metrics,
    installationId,
    works: has('work'),
    delivers: has('deliver'),
    peers,
  })
  const access = createAccess({
    ...{ db, clock, log, metrics, keys: () => options.keys, publicUrl: config.publicUrl },
    operatorsNeedSecondFactor: config.operators.secondFactor === 'required',
  })
  const stops: (() => Promise<void> | void)[] = []
  const begin = async (start: () => Promise<unknown> | void, stop: () => Promise<void> | void): Promise<void> => {
    await start()
    stops.push(stop)
  }

  const sign = async (): Promise<void> => {
    await beat(db.vital, core.nodeId, config.roles.join(','))
    peers.delivering = await living(db.vital, 'deliver')
  }
  await sign()
  const heart = clock.every(BEAT_MS, () => {
    sign().catch((error: unknown) => log.warn({ err: String(error) }, 'the sign of life could not be written'))
  })
  stops.push(async () => {
    heart.cancel()
    await leave(db.vital, core.nodeId).catch(() => undefined)
  })

  async function ready(): Promise<Readiness> {
    const answers = await Promise.race([
      db.vital.query('SELECT 1 AS one').then(
        () => true,
        () => false,
      ),
      clock.sleep(2_000).then(() => false),
    ])
    const checks = [
      { name: 'database', ok: answers },
      { name: 'accept', ok: core.accept.healthy() },
      { name: 'disk', ok: !core.disk.isFull() },
    ]
    return { ready: checks.every((check) => check.ok), checks }
  }

  const ports: Record<string, number> = {}
  let certificates: Certificates | null = null
  try {
    await begin(
      () => core.disk.start(),
      () => core.disk.stop(),
    )
    await begin(
      () => core.routes.start(),
      () => core.routes.stop(),
    )
    await begin(
      () => core.directory.start(),
      () => core.directory.stop(),
    )
    await begin(
      () => core.sources.start(),
      () => core.sources.stop(),
    )
    await begin(
      () => core.quiet.start(),
      () => core.quiet.stop(),
    )
    await begin(
      () => core.continuity.start(),
      () => core.continuity.stop(),
    )
    await begin(
      () => core.mailbox.start(),
      () => core.mailbox.stop(),
    )
    stops.push(
      () => core.callouts.stop(),
      () => core.bodies.stop(),
      () => core.accept.stop(),
    )
    if (has('deliver')) {
      await begin(
        () => core.tlsTally.start(),
        () => core.tlsTally.stop(),
      )
      await begin(
        () => core.delivery.start(),
        () => core.delivery.stop(),
      )
    }
    if (has('work')) {
      await begin(
        () => core.returns.start(),
        () => core.returns.stop(),
      )
      await begin(
        () => core.bounces.start(),
        () => core.bounces.stop(),
      )
      await begin(
        () => core.alarms.start(),
        () => core.alarms.stop(),
      )
      await begin(
        () => core.lists.start(),
        () => core.lists.stop(),
      )
      await begin(
        () => core.sweeper.start(),
        () => core.sweeper.stop(),
      )
      await begin(
        () => core.tlsReporter.start(),
        () => core.tlsReporter.stop(),
      )
      await begin(
        () => core.packer.start(),
        () => core.packer.stop(),
      )
      await begin(
        () => core.submission.cutOff.start(),
        () => core.submission.cutOff.stop(),
      )
      await begin(
        () => core.submission.releases.start(),
        () => core.submission.releases.stop(),
      )
      await begin(
        () => core.peopleNotices.start(),
        () => core.peopleNotices.stop(),
      )
      await begin(
        () => core.asking.start(),
        () => core.asking.stop(),
      )
      await begin(
        () => core.scimRunner.start(),
        () => core.scimRunner.stop(),
      )
      await begin(
        () => core.accountTeller.start(),
        () => core.accountTeller.stop(),
      )
      await begin(
        () => core.accessWatch.start(),
        () => core.accessWatch.stop(),
      )
    }
    if (has('web') || has('submission') || has('mx'))
      await begin(
        () => access.start(),
        () => access.stop(),
      )
    if (needsCertificates(config))
      certificates = createCertificates({
        dataFolder: options.dataFolder,
        tls: config.tls,
        hostname: config.hostname,
        clock,
        log,
      })
    if (has('web')) {
      if (hasUnknownProxy(config))
        log.warn(
          { publicUrl: config.publicUrl },
          'a proxy stands in front of the web pages, but trustedProxies names none: all visitors count as one address',
        )
      const limits = webLimits(config, openFileLimit())
      if (limits.connections < config.http.connections)
        log.warn(
          { connections: limits.connections, configured: config.http.connections },
          'the process may open too few files for all connections to the web pages; raise its limit (LimitNOFILE)',
        )
      const http = await createHttp({
        listen: config.listen.http,
        secure:
          config.listen.https.enabled && certificates
            ? { ...config.listen.https, ...certificatesFrom(certificates, config.listen.https.minTlsVersion) }
            : null,
        publicUrl: config.publicUrl,
        trustedProxies: config.trustedProxies,
        limits,
        clock,
        log,
        metrics,
        access,
        ready,
        webRoot: webRoot(),
        ownPolicy: (domain) => ownPolicy(db, domain),
      })
      http.register(
        jmapRoutes({
          ...{ mailbox: core.mailbox, submission: core.submission, clock, log, room: core.room },
          fourEyes: core.fourEyes,
          noteReading: (lent, reading) => noteReading(db, lent, reading),
        }),
      )
      http.register(scimRoutes({ db, clock, log, publicUrl: config.publicUrl }))
      http.register(
        adminRoutes({
          db,
          clock,
          access,
          continuity: core.continuity,
          fourEyes: core.fourEyes,
          privateContacts: core.privateContacts,
          signInLinks: core.signInLinks((name) => access.find(name)),
          disk: core.disk,
          version: options.version,
          publicUrl: config.publicUrl,
          secure: config.publicUrl.startsWith('https:'),
        }),
      )
      await begin(
        async () => {
          const bound = await http.start()
          ports.http = bound.port
          if (bound.securePort !== null) ports.https = bound.securePort
        },
        () => http.stop(),
      )
    }
    if (has('mx') || has('submission'))
      await begin(
        () => core.refusals.start(),
        () => core.refusals.stop(),
      )
    if (has('submission') && certificates) {
      for (const name of ['submission', 'submissions'] as const) {
        if (!config.listen[name].enabled) continue
        const listener = createSubmissionListener({
          name,
          config,
          clock,
          log,
          metrics,
          refused: (refused) => core.refusals.note(refused),
          sending: { access, door: core.submissionDoor, recipients: RECIPIENTS_PER_MESSAGE },
          hostname: config.hostname,
          ...certificatesFrom(certificates, config.listen[name].minTlsVersion),
        })
        await begin(
          async () => {
            ports[name] = (await listener.start()).port
          },
          () => listener.stop(),
        )
      }
    }
    if (has('mx') && certificates) {
      const listener = createMxListener({
        config,
        clock,
        log,
        metrics,
        door: core.mxDoor,
        systems: createSystems({ access, sources: core.sources }),
        refused: (refused) => core.refusals.note(refused),
        hostname: config.hostname,
        ...certificatesFrom(certificates, config.listen.mx.minTlsVersion),
      })
      await begin(
        async () => {
          ports.mx = (await listener.start()).port
        },
        () => {
          const stopped = listener.stop()
          // Who waits for a primary has its answer now, before it is cut off and sends again.
          core.delivery.unwatch()
          return stopped
        },
      )
    }
  } catch (error) {
    await stopAll()
    throw error
  }

  async function stopAll(): Promise<void> {
    for (const stop of stops.splice(0).reverse())
      try {
        await stop()
      } catch (error) {
        log.warn({ err: String(error) }, 'something did not stop cleanly')
      }
  }
  return { ports, core, access, reload: () => certificates?.look(), stop: stopAll }
}
