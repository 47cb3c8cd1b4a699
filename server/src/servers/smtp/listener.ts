/**
 * A listener (the MX one here, those of submission in submission/listener.ts): takes connections, keeps the limits, ends sessions that are too slow, closes down politely.
 *
 * Promises: more connections than configured, in all or from one address, get 421 and no session (an IPv6 site counts
 * as one address by its /64, and through a listed proxy the real client counts: proxy-gate.ts). One coarse beat looks after the time of all sessions, so a session costs no timer. stop()
 * takes no new connections, says 421 to idle sessions, and lets transactions under way finish for a bounded time.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import ipaddr from 'ipaddr.js'
import type { MxDoor, Systems } from '../../core/intake/index.ts'
import type { NamedCertificate } from '../../platform/certificate-watch.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { cachedSecureContext } from '../../platform/net/secure-context.ts'
import { chooseByName } from '../../platform/net/server-name.ts'
import { formatError } from '../../protocols/smtp/reply.ts'
import { mxCommands } from './command-table.ts'
import { converse, inTransaction } from './conversation.ts'
import { createSmtpCounters } from './counters.ts'
import { createProxyGate } from './proxy-gate.ts'
import { close, createSession, SessionState, type Session, type SessionContext } from './session.ts'

export interface ListenerDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  hostname: string
  /** for the trace */
  refused?: SessionContext['refused']
  /** asked for each connection, so that a new certificate is taken up; null: no TLS */
  tls: () => SecureContextOptions | null
  /** asked in each handshake; always as many */
  named?: () => readonly NamedCertificate[]
}

export interface MxListenerDeps extends ListenerDeps {
  config: Pick<Config, 'smtp' | 'listen'>
  door: MxDoor
  /** left out: systems are known by their address alone */
  systems?: Systems
}

/** What makes one listener another one. */
export interface ListenerKind extends Pick<
  SessionContext,
  'config' | 'door' | 'systems' | 'sending' | 'begin' | 'commands' | 'implicitTls'
> {
  /** in metrics and logs, and as in the configuration: listen.<name> */
  name: string
  place: { host: string; port: number }
}

export interface MxListener {
  start(): Promise<{ port: number }>
  stop(): Promise<void>
}

/** What is known of somebody who was turned away at once. */
const nothingSaid = {
  helo: '',
  tls: null,
  during: 'connect',
  from: null,
  recipient: null,
  signIn: null,
  messageIdHeader: null,
  organisationId: null,
  proof: null,
} as const
const firstLine = (error: WireError): string => formatError(error).split('\r\n')[0]!

const BACKLOG = 1024
const STOP_MS = 10_000

export function createMxListener(deps: MxListenerDeps): MxListener {
  return createListener(deps, {
    name: 'mx',
    place: deps.config.listen.mx,
    config: deps.config.smtp,
    commands: mxCommands,
    door: deps.door,
    systems: deps.systems ?? null,
    sending: null,
    begin: (session) => deps.door.begin(session.envelope!, session.recipients),
    implicitTls: false,
  })
}

export function createListener(deps: ListenerDeps, kind: ListenerKind): MxListener {
  const { clock, log } = deps
  const { config } = kind
  const sessions = new Set<Session>()
  const perAddress = new Map<string, number>()
  const counters = createSmtpCounters(deps.metrics, kind.name)
  const context: SessionContext = {
    config,
    hostname: deps.hostname,
    clock,
    log,
    door: kind.door,
    systems: kind.systems,
    sending: kind.sending,
    begin: (session) => kind.begin(session),
    commands: kind.commands,
    implicitTls: kind.implicitTls,
    counters,
    refused: deps.refused ?? (() => undefined),
    secureContext: cachedSecureContext(deps.tls, log),
    byName: deps.named ? chooseByName(deps.named, log) : null,
  }
  const gate = createProxyGate(config.proxies, clock, log, (proxy, why) => {
    context.refused({ ...nothingSaid, clientIp: proxy, reply: `closed without an answer: ${why}` })
  })
  let server: Server | null = null
  let beat: Timer | null = null
  let stopping = false

  function onConnection(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    if (gate === null || !gate.isProxy(address)) return admit(socket, address)
    if (stopping) return turnAway(socket, new WireError('shutting-down'), address)
    if (sessions.size + gate.waiting >= config.connections) return turnAway(socket, new WireError('too-busy'), address)
    gate.open(socket, address, (client) => admit(socket, client))
  }

  function admit(socket: Socket, clientIp: string): void {
    const key = limitKey(clientIp)
    const fromThere = perAddress.get(key) ?? 0
    if (stopping) return turnAway(socket, new WireError('shutting-down'), clientIp)
    if (sessions.size >= config.connections) return turnAway(socket, new WireError('too-busy'), clientIp)
    if (fromThere >= config.connectionsPerAddress)
      return turnAway(socket, new WireError('too-many-connections'), clientIp)
    const session = createSession(context, socket, clientIp)
    sessions.add(session)
    perAddress.set(key, fromThere + 1)
    counters.opened()
    converse(session, () => {
      if (!sessions.delete(session)) return
      const left = perAddress.get(key)! - 1
      if (left > 0) perAddress.set(key, left)
      else perAddress.delete(key)
      counters.closed()
    })
  }

  function turnAway(socket: Socket, error: WireError, clientIp: string): void {
    counters.refused(error.code)
    if (error.code !== 'shutting-down') context.refused({ ...nothingSaid, clientIp, reply: firstLine(error) })
    socket.on('error', () => socket.destroy())
    // Before TLS nothing can be said there that the client would understand.
    if (kind.implicitTls) return void socket.destroy()
    socket.end(formatError(error), 'latin1', () => socket.destroy())
  }

  function sweep(): void {
    const now = clock.monotonic()
    for (const session of sessions) {
      // While a recipient is checked or a message is stored the time is ours, not the client's.
      if (session.deadline > now && (session.busy || session.transactionDeadline > now)) continue
      if (session.state === SessionState.closing || session.state === SessionState.handshake) session.socket.destroy()
      else {
        counters.refused('timeout')
        close(session, new WireError('timeout'))
      }
    }
  }

  return {
    async start() {
      const { host, port } = kind.place
      const listening = createServer({ noDelay: true, allowHalfOpen: true }, onConnection)
      await new Promise<void>((resolve, reject) => {
        listening.once('error', reject)
        listening.listen({ host, port, backlog: BACKLOG }, resolve)
      })
      listening.on('error', (error) => log.error({ err: error }, `the listener ${kind.name} has an error`))
      server = listening
      stopping = false
      beat = clock.every(beatMs(config), sweep)
      return { port: (listening.address() as AddressInfo).port }
    },
    async stop() {
      if (!server || stopping) return
      stopping = true
      gate?.stop()
      const closed = new Promise<void>((resolve) => server!.close(() => resolve()))
      for (const session of sessions) {
        session.stopping = true
        if (!inTransaction(session)) close(session, new WireError('shutting-down'))
      }
      const limit = clock.after(STOP_MS, () => {
        for (const session of sessions) session.socket.destroy()
      })
      await closed
      limit.cancel()
      beat?.cancel()
      server = null
    },
  }
}

/** A time-out is found at most this late: a twentieth of the shortest, at most a second. */
function beatMs(config: Config['smtp']): number {
  const shortest = Math.min(config.commandTimeout, config.dataTimeout, config.transactionTimeout)
  return Math.min(1000, Math.max(10, shortest * 50))
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

function limitKey(address: string): string {
  if (!address.includes(':')) return address
  try {
    return ipaddr.IPv6.parse(address).toByteArray().slice(0, 8).join('.')
  } catch {
    return address
  }
}
