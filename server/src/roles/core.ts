/**
 * The one place that constructs: every room of one process, put together from the configuration. Nothing here decides
 * anything; it says who gets whom. Started and stopped by server.ts.
 */
import { join } from 'node:path'
import { createByteRoom, type ByteRoom } from '../platform/byte-room.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config/config.ts'
import type { Database } from '../platform/db/database.ts'
import { createDiskGuard, type DiskGuard } from '../platform/disk-guard.ts'
import { newId, type Id } from '../platform/ids.ts'
import type { Keys } from '../platform/keys.ts'
import type { Log } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'
import { systemAddresses } from '../clients/dns/addresses.ts'
import { createClientNames } from '../clients/dns/client-name.ts'
import { createMxLookup } from '../clients/dns/mx.ts'
import { createRecords } from '../clients/dns/records.ts'
import { createDns } from '../clients/dns/resolver.ts'
import { lookUpHostTlsa, lookUpTlsa } from '../clients/dns/tlsa.ts'
import { createPolicyHost } from '../clients/mta-sts/fetch.ts'
import { createCallouts, type Callouts } from '../core/callouts/index.ts'
import { createContinuity, type Continuity } from '../core/continuity/index.ts'
import {
  createBounces,
  createDelivery,
  createPolicies,
  type Bounces,
  type Delivery,
  type KeptPolicy,
  shareRoutes,
} from '../core/delivery/index.ts'
import {
  createDirectory,
  createOffers,
  createRouteBook,
  createSourceBook,
  foldAddress,
  type HostTlsa,
  type LiveDirectory,
  type OpenSecret,
  type RouteBook,
  type SourceBook,
} from '../core/directory/index.ts'
import { createListBounces } from '../core/lists/index.ts'
import { createMxDoor, createOutbound, createRates, type MxDoor } from '../core/intake/index.ts'
import { createMailbox, type Mailbox } from '../core/mailbox/index.ts'
import {
  createAccept,
  createBodyIntake,
  createSweeper,
  type Accept,
  type BodyIntake,
  type Sweeper,
} from '../core/queue/index.ts'
import { createPacker, type Packer } from '../core/packing/index.ts'
import { createQuietBook, type QuietBook } from '../core/quiet/index.ts'
import { createOwedMail, createReturnScheduler, returnHeaders, type ReturnScheduler } from '../core/return/index.ts'
import {
  CANARY_MARK,
  createOwnId,
  createReturnPaths,
  createRouting,
  type OwnId,
  type Routing,
} from '../core/routing/index.ts'
import {
  createSignDkim,
  createSubmission,
  createSubmissionDoor,
  type Submission,
  type SubmissionDoor,
} from '../core/submission/index.ts'
import { createTlsReporter, createTlsTally, type TlsReporter, type TlsTally } from '../core/tls-reports/index.ts'
import { createRefusals, type Refusals } from '../core/trace/index.ts'
import { createCanaryCodec } from '../protocols/srs/canary.ts'
import { buildPeople, type People } from './people.ts'
import type { BlobStore } from '../store/blobs/blob-store.ts'
import { readPolicy, writePolicy } from '../store/mta-sts.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'

export interface Foundation {
  config: Config
  /** real path of the data folder */
  dataFolder: string
  db: Database
  keys: Keys
  installationId: Id
  clock: Clock
  log: Log
  metrics: Metrics
  /** this process takes judge leases, runs returns, sweeps (role work) */
  works: boolean
  /** this process relays (role deliver) */
  delivers: boolean
  /** living processes that relay */
  peers: { readonly delivering: number }
}

export interface Core extends People {
  nodeId: Id
  room: ByteRoom
  disk: DiskGuard
  blobs: BlobStore
  routes: RouteBook
  directory: LiveDirectory
  sources: SourceBook
  quiet: QuietBook
  continuity: Continuity
  accept: Accept
  bodies: BodyIntake
  routing: Routing
  ownId: OwnId
  delivery: Delivery
  returns: ReturnScheduler
  bounces: Bounces
  sweeper: Sweeper
  refusals: Refusals
  tlsTally: TlsTally
  tlsReporter: TlsReporter
  packer: Packer
  mailbox: Mailbox
  submission: Submission
  submissionDoor: SubmissionDoor
  mxDoor: MxDoor
  callouts: Callouts
}

export function buildCore(base: Foundation): Core {
  const { config, db, clock, log, metrics } = base
  const nodeId = newId(clock.now())
  const blobs = diskBlobStore(join(base.dataFolder, 'blobs'))
  const disk = createDiskGuard({
    folder: base.dataFolder,
    reserveBytes: config.storage.reserveBytes,
    clock,
    log,
    metrics,
  })
  // By connections of their own: what every RCPT and every attempt asks never waits for a person's search.
  const routes = createRouteBook({ db: db.vital, clock, log })
  const directory = createDirectory({
    db: db.vital,
    clock,
    log,
    ages: {
      knownMs: config.callouts.knownDays * 86_400_000,
      unknownMs: config.callouts.unknownMinutes * 60_000,
    },
    mostAnswers: config.callouts.perDomain,
  })
  const sources = createSourceBook({ db: db.vital, clock, log })
  const offers = createOffers({ db: db.vital, clock, log })
  const openSecret: OpenSecret = (column, sealed, routeId) =>
    base.keys.open(`route.${column}:${routeId}`, sealed).toString()
  const dns = createDns({ clock, servers: config.dns.servers, trustAd: config.dns.trustAd })
  const hostTlsa: HostTlsa = (host, port) => lookUpHostTlsa(dns, host, port)
  const ownId = createOwnId(base.keys, base.installationId)
  const canarySenders = createCanaryCodec((text) => base.keys.hmac('srs', text))
  const quiet = createQuietBook({ db: db.vital, clock, log, metrics })
  const continuity = createContinuity({
    db,
    clock,
    log,
    nodeId,
    routes,
    helo: config.hostname,
    metrics,
    judging: base.works,
    upkeep: quiet.upkeep,
    openSecret,
    offers,
    canaryMarks: {
      hostname: config.hostname,
      sender: ({ routeId }, slot) => canarySenders.sender({ routeId, slot, sentAt: clock.now() }, config.hostname),
      mark: (routeId) => base.keys.hmac('srs', `canary box ${routeId}`).toString('hex').slice(0, 24),
      trace: ({ organisationId }, address) =>
        ownId.header(organisationId, newId(clock.now()), [CANARY_MARK, foldAddress(address) ?? address]),
    },
    dnsServers: config.dns.servers,
    hostTlsa,
    references: config.continuity.references,
  })
  const { board } = continuity
  const lookUpMx = createMxLookup(dns, config.dns.allowPrivate)
  const tlsTally = createTlsTally({ db, clock, log, metrics })
  const delivery = createDelivery({
    db,
    blobs,
    clock,
    log,
    metrics,
    config,
    nodeId,
    routes: shareRoutes(routes, base.peers),
    board,
    mailboxes: continuity.mailboxes,
    quiet,
    evidence: continuity.evidence,
    directory,
    world: {
      lookUpMx,
      ...(config.delivery.tlsReports ? { tally: tlsTally } : {}),
      tlsaOf: (bases, port) => lookUpTlsa(dns, bases, port),
      hostTlsa,
      policyOf: createPolicies({
        host: createPolicyHost({ servers: config.dns.servers, allowPrivate: config.dns.allowPrivate }),
        store: {
          read: (domain) => readPolicy(db, domain) as Promise<KeptPolicy | null>,
          write: (policy) => writePolicy(db, { ...policy, mx: [...policy.mx] }),
        },
        clock,
        log,
        onFault: (domain, error) => {
          if (config.delivery.tlsReports) tlsTally.noPolicy(domain, error.message)
        },
      }),
      port: config.delivery.worldPort,
    },
    nameOfClient: createClientNames({ clock, servers: config.dns.servers }).of,
    openSecret,
    offers,
    returnHeaders,
    sign: createSignDkim({ sql: db, keys: base.keys, clock }),
    onWithdrawn: (personIds) => {
      for (const personId of personIds) mailbox.hub.touch(personId)
    },
  })
  const returnPaths = createReturnPaths({
    db: db.vital,
    clock,
    keys: base.keys,
    directory,
    canaries: { hostname: config.hostname, organisationOf: (routeId) => routes.get(routeId)?.organisationId },
  })
  const listBounces = createListBounces({ db, log })
  const routing = createRouting({
    board,
    directory,
    clock,
    hasRoom: (routeId) => base.delivers && delivery.hasRoom(routeId),
  })
  const accept = createAccept({
    db,
    clock,
    log,
    metrics,
    config,
    nodeId,
    ensureFolders: (organisationId, personIds) => mailbox.ensureFolders(organisationId, personIds),
  })
  const bodies = createBodyIntake({ db, blobs, clock, config, disk })
  const mailbox = createMailbox({
    db,
    blobs,
    bodies,
    disk,
    config,
    clock,
    log,
    owed: createOwedMail({ clock }),
  })
  accept.onCommitted((incoming) => {
    delivery.handOver(incoming)
  })
  accept.onTouched((folders) => {
    for (const folder of folders) mailbox.hub.touch(folder.personId)
  })
  const returns = createReturnScheduler({
    db,
    clock,
    log,
    nodeId,
    board,
    judge: continuity.judge,
    routes,
    worker: delivery,
    leaseSeconds: config.delivery.lease,
  })
  continuity.onAnswer((routeId) => returns.answered(routeId))
  const room = createByteRoom({ clock })
  const submission = createSubmission({
    db,
    clock,
    log,
    room,
    config,
    mailbox,
    directory,
    routing,
    returnPaths,
    ownId,
    accept,
    bodies,
    signDkim: createSignDkim({ sql: db, keys: base.keys, clock }),
  })
  const callouts = createCallouts({
    db: db.vital,
    clock,
    log,
    metrics,
    config: config.callouts,
    helo: config.hostname,
    board,
    routes,
    directory,
    openSecret,
    hostTlsa,
  })
  const people = buildPeople(base, { directory, routing, ownId, accept, routes, quiet, judge: continuity.judge })
  return {
    ...people,
    nodeId,
    callouts,
    room,
    disk,
    blobs,
    routes,
    directory,
    sources,
    quiet,
    continuity,
    accept,
    bodies,
    routing,
    ownId,
    delivery,
    returns,
    bounces: createBounces({
      db,
      blobs,
      clock,
      log,
      config,
      accept,
      routing,
      ownId,
      listBounces,
      resolver: createRecords(config.dns.servers),
    }),
    sweeper: createSweeper({ db, blobs, clock, log }),
    refusals: createRefusals({ db, clock, log, directory, sources }),
    tlsTally,
    tlsReporter: createTlsReporter({
      db,
      clock,
      log,
      metrics,
      keys: base.keys,
      dns,
      allowPrivate: config.dns.allowPrivate,
      isOn: config.delivery.tlsReports,
      mail: { lookUpMx, port: config.delivery.worldPort, helo: config.hostname, clock },
    }),
    packer: createPacker({ db, blobs, clock, log, metrics, config, disk }),
    mailbox,
    submission,
    submissionDoor: createSubmissionDoor({ db, clock, log, room, config, mailbox, submission }),
    mxDoor: createMxDoor({
      clock,
      config,
      directory,
      routes,
      routing,
      returnPaths,
      listBounces,
      canaryBack: continuity.canaryBack,
      ownId,
      accept,
      bodies,
      watch: delivery.watch,
      outbound: createOutbound({ db, log, directory, sources, routes, board }),
      sign: createSignDkim({ sql: db.vital, keys: base.keys, clock }),
      rates: createRates({ clock, config: config.smtp.rates, asksPerNetwork: config.callouts.perNetwork }),
      callouts,
      addressesOf: systemAddresses,
      checkDisk: () => disk.check(),
    }),
  }
}
