/**
 * A stand-in mail server for tests and the demo: the primary (per-mailbox store, faults on demand) and, with no mailbox
 * list, the sink that keeps what leaves to the outside world. It listens on loopback only. `setFault('off')` closes the
 * port as a stopped server does; anything else takes it again, or throws and stays off where it is somebody else's now.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { faults } from './faults.ts'
import type { FaultName } from './faults.ts'
import { createMailStore, foldAddress } from './mail-store.ts'
import type { MailStore } from './mail-store.ts'
import { runSession } from './session.ts'

export interface StandInOptions {
  hostname?: string
  /** 0 takes any free port and keeps it until the stand-in is closed */
  port?: number
  protocol?: 'smtp' | 'lmtp'
  /** folded addresses that exist; absent: everybody does */
  mailboxes?: readonly string[]
  extensions?: readonly string[]
  slowMs?: number
  tls?: { key: string; cert: string }
  /** file that keeps what was received over restarts */
  journal?: string
  sync?: boolean
}

export interface RecipientAnswers {
  /** reply to RCPT, for example `452 4.2.2 Mailbox full` */
  rcpt?: string
  /** LMTP: reply after the final dot */
  delivery?: string
}

export interface StandIn {
  readonly port: number
  readonly store: MailStore
  readonly fault: FaultName | null
  /** command lines of all sessions, newest last, at most 10,000 */
  readonly commands: readonly string[]
  readonly connections: number
  /** null: healthy again. `times`: the fault acts that often, then heals by itself. */
  setFault(fault: FaultName | null, times?: number): Promise<void>
  answer(address: string, answers: RecipientAnswers | null): void
  close(): Promise<void>
}

const defaultExtensions = ['PIPELINING', 'SIZE 52428800', 'ENHANCEDSTATUSCODES', '8BITMIME', 'DSN', 'SMTPUTF8'] as const

export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const store = createMailStore({
    ...(options.journal ? { journal: options.journal } : {}),
    sync: options.sync ?? false,
  })
  const known = options.mailboxes ? new Set(options.mailboxes.map(foldAddress)) : null
  const answers = new Map<string, RecipientAnswers>()
  const sockets = new Set<Socket>()
  const commands: string[] = []
  let connections = 0
  let fault: FaultName | null = null
  let left = Infinity
  let port = options.port ?? 0

  const server = createServer((socket) => {
    sockets.add(socket)
    connections += 1
    socket.on('close', () => sockets.delete(socket))
    runSession(socket, {
      hostname: options.hostname ?? 'primary.test',
      protocol: options.protocol ?? 'smtp',
      extensions: options.extensions ?? defaultExtensions,
      slowMs: options.slowMs ?? 200,
      tls: options.tls ?? null,
      store,
      takeFault(at) {
        if (!fault || faults[fault].at !== at) return null
        const taken = fault
        left -= 1
        if (left <= 0) fault = null
        return taken
      },
      recipientAnswer: (address) =>
        answers.get(address)?.rcpt ?? (!known || known.has(address) ? null : '550 5.1.1 No such user here'),
      deliveryAnswer: (address) => answers.get(foldAddress(address))?.delivery ?? null,
      onCommand(line) {
        commands.push(line)
        if (commands.length > 10_000) commands.splice(0, 5000)
      },
    })
  })

  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  const hush = (): Promise<void> =>
    new Promise((resolve) => {
      if (!server.listening) return resolve()
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })

  await listen()
  return {
    get port() {
      return port
    },
    store,
    get fault() {
      return fault
    },
    commands,
    get connections() {
      return connections
    },
    async setFault(next, times = Infinity) {
      const healed = fault !== null && next === null
      // The port may be somebody else's by now: then it stays off, and says so.
      if (next !== 'off' && !server.listening) await listen()
      fault = next
      left = times
      if (next === 'off') await hush()
      // sessions that hang would stay hung: a healed server is a restarted one
      else if (healed) for (const socket of sockets) socket.destroy()
    },
    answer(address, given) {
      if (given) answers.set(foldAddress(address), given)
      else answers.delete(foldAddress(address))
    },
    async close() {
      await hush()
      store.close()
    },
  }
}
