/**
 * One client socket that speaks lines: commands out, whole replies in, each wait with its own time-out
 * (RFC 5321 section 4.5.3.2). A reply that nobody waits for is an error of the peer, except 421 before it closes.
 */
import type { X509Certificate } from 'node:crypto'
import type net from 'node:net'
import tls from 'node:tls'
import type { Clock, Timer } from '../../platform/clock.ts'
import { createReplyReader, type Reply } from '../../protocols/smtp/reply.ts'
import type { Ends } from './client-address.ts'
import { dial } from './dial.ts'
import { SmtpFailure, type SmtpTarget, type Stage, type TlsFault } from './result.ts'
import { doubtOf, faultOf, shownChain } from './trust.ts'

export interface SmtpSocket {
  write(data: Buffer | string): boolean
  /** Resolves when the kernel has room again, or when a reply has come: a server that refuses may read no more. */
  drained(timeoutMs: number, stage: Stage): Promise<void>
  reply(timeoutMs: number, stage: Stage): Promise<Reply>
  /** A whole reply has come that nobody has taken yet. */
  answered(): boolean
  startTls(options: tls.ConnectionOptions, timeoutMs: number): Promise<void>
  tlsName(): string | null
  /** as they were when it was connected */
  ends: Ends
  /** the server's certificate and those it showed with it; empty without TLS */
  chain(): X509Certificate[]
  /** why nobody would have vouched for it; null: somebody does, or there is no TLS */
  doubt(): TlsFault | null
  cork(): void
  uncork(): void
  /** True while bytes can still be handed over. */
  open(): boolean
  /** True while nothing went wrong and the peer has not said anything unasked. */
  usable(): boolean
  /** It is closed, on whichever side that began. */
  closed: Promise<void>
  destroy(): void
}

/** Octets of replies that nobody has asked for yet: a pipelined transaction needs a few thousand, a flood is an attack. */
const MOST_UNREAD = 1_048_576

function failureOf(error: Error & { code?: string; reason?: string }, stage: Stage): SmtpFailure {
  const kind =
    error.code === 'ECONNREFUSED'
      ? 'refused'
      : error.code === 'ETIMEDOUT'
        ? 'timeout'
        : error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN'
          ? 'dns'
          : 'dropped'
  // OpenSSL's message is a dump with places in its source; the reason is what a person can use.
  const text = error.reason && error.code?.startsWith('ERR_SSL_') ? `${error.reason} (${error.code})` : error.message
  return new SmtpFailure(kind === 'dns' ? 'dns' : stage, kind, text)
}

/** Connects; throws SmtpFailure (connect: refused, timeout, dns). */
export async function connectSmtp(
  target: Pick<SmtpTarget, 'host' | 'address' | 'port' | 'localAddresses'>,
  clock: Clock,
  timeoutMs: number,
): Promise<SmtpSocket> {
  let socket: net.Socket
  try {
    socket = await dial(target.address ?? target.host, target.port, {
      clock,
      timeoutMs,
      ...(target.localAddresses ? { from: target.localAddresses } : {}),
    })
  } catch (error) {
    throw failureOf(error as Error, 'connect')
  }
  socket.setNoDelay(true)
  let parser = createReplyReader()
  let pending: Reply[] = []
  let broken: SmtpFailure | null = null
  let wake: (() => void) | null = null
  /** octets that came since no whole reply was waiting */
  let unread = 0
  let close: () => void
  const closed = new Promise<void>((resolve) => {
    close = resolve
  })
  const signal = (): void => {
    const run = wake
    wake = null
    run?.()
  }
  const listen = (): void => {
    socket.on('data', (chunk: Buffer) => {
      if (broken) return
      unread += chunk.length
      try {
        if (unread > MOST_UNREAD) throw new Error('a flood of replies that nobody asked for')
        pending.push(...parser.read(chunk))
      } catch (error) {
        broken ??= new SmtpFailure('greeting', 'protocol', (error as Error).message)
        socket.destroy()
      }
      signal()
    })
    socket.on('error', (error: Error) => {
      broken ??= failureOf(error, 'connect')
      signal()
    })
    socket.on('close', () => {
      broken ??= new SmtpFailure('connect', 'dropped', 'the other side closed the connection')
      close()
      signal()
    })
    socket.on('drain', signal)
  }
  listen()

  /** Waits until `ready` gives something, the connection breaks or the time is over. */
  async function until<T>(ready: () => T | undefined, ms: number, stage: Stage): Promise<T> {
    const limit = { over: false }
    const timer: Timer = clock.after(ms, () => {
      limit.over = true
      signal()
    })
    try {
      for (;;) {
        const value = ready()
        if (value !== undefined) return value
        if (broken) throw new SmtpFailure(broken.stage === 'dns' ? 'dns' : stage, broken.kind, broken.message)
        if (limit.over) throw new SmtpFailure(stage, 'timeout', `no answer for ${Math.round(ms / 1000)} s`)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      timer.cancel()
    }
  }

  const ends: Ends = {
    own: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    peer: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? target.port },
  }

  return {
    write: (data) => socket.write(data),
    drained: async (ms, stage) => {
      const isOver = (): boolean => pending.length > 0 || socket.destroyed || !socket.writableNeedDrain
      await until(() => (isOver() ? true : undefined), ms, stage)
      // A destroyed socket needs no drain: that is not the same as having sent everything.
      if (socket.destroyed && pending.length === 0)
        throw new SmtpFailure(stage, 'dropped', broken?.message ?? 'the connection was cut')
    },
    async reply(ms, stage) {
      const reply = pending.shift() ?? (await until(() => pending.shift(), ms, stage))
      if (pending.length === 0) unread = 0
      return reply
    },
    answered: () => pending.length > 0,
    async startTls(options, ms) {
      if (pending.length > 0) throw new SmtpFailure('tls', 'protocol', 'the server spoke between STARTTLS and TLS')
      socket.removeAllListeners()
      const plain = socket
      try {
        socket = tls.connect({ ...options, socket: plain })
      } catch (error) {
        // A certificate of ours that OpenSSL cannot read.
        plain.destroy()
        throw new SmtpFailure('tls', 'local', (error as Error).message)
      }
      parser = createReplyReader()
      pending = []
      const handshake: { done: boolean; code?: string | undefined } = { done: false }
      socket.once('error', (error: NodeJS.ErrnoException) => {
        handshake.code = error.code
      })
      socket.once('secureConnect', () => {
        handshake.done = true
        signal()
      })
      listen()
      try {
        await until(() => (handshake.done ? true : undefined), ms, 'tls')
      } catch (error) {
        const kind = (error as SmtpFailure).kind === 'timeout' ? 'timeout' : 'tls'
        const failure = new SmtpFailure('tls', kind, (error as Error).message)
        failure.fault = faultOf(handshake.code)
        throw failure
      }
    },
    tlsName: () =>
      socket instanceof tls.TLSSocket ? `${socket.getProtocol() ?? 'TLS'} ${socket.getCipher().name}` : null,
    ends,
    doubt: () => (socket instanceof tls.TLSSocket ? doubtOf(socket) : null),
    chain: () => (socket instanceof tls.TLSSocket ? shownChain(socket) : []),
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    open: () => broken === null && !socket.destroyed && socket.writable,
    usable: () => broken === null && pending.length === 0 && !socket.destroyed && socket.writable,
    closed,
    destroy: () => socket.destroy(),
  }
}
