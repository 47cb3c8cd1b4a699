/**
 * The pages, API, JMAP and MTA-STS policies over TLS, for installations without a proxy in front: the same routes at a second
 * listener. The name that a client asks for chooses its certificate, and a renewed one is taken up while it runs.
 *
 * Promises: who does not finish the handshake, or the header after it, is closed within HEADER_MS; a certificate that cannot
 * be used leaves the one before it in use.
 */
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { NamedCertificate, TlsOptions } from '../../platform/certificate-watch.ts'
import type { Log } from '../../platform/log.ts'
import { chooseByName } from '../../platform/net/server-name.ts'
import { HEADER_MS, LOOK_MS, REQUEST_MS } from './connections.ts'

export interface SecurePlace {
  host: string
  port: number
  /** asked for each connection */
  tls: () => TlsOptions
  /** asked in each handshake; always as many */
  named: () => readonly NamedCertificate[]
}

export interface SecureListener {
  server: Server
  /** after the app's listen(): the port it bound */
  start(): Promise<number>
  stop(): Promise<void>
}

export function createSecureListener(app: FastifyInstance, place: SecurePlace, log: Log): SecureListener {
  const byName = chooseByName(place.named, log)
  let current = place.tls()
  const server = createServer(
    {
      ...current,
      ...(byName && { SNICallback: byName }),
      handshakeTimeout: HEADER_MS,
      headersTimeout: HEADER_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: LOOK_MS,
    },
    (request, reply) => app.routing(request, reply),
  )
  const sockets = new Set<Socket>()
  // Before the handshake begins.
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    takeUp()
  })

  function takeUp(): void {
    const next = place.tls()
    if (next.cert === current.cert && next.key === current.key) return
    current = next
    try {
      server.setSecureContext(next)
    } catch (error) {
      log.error({ err: error }, 'the certificate cannot be used; the one before stays in use')
    }
  }

  return {
    server,
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: place.host, port: place.port }, () => {
          server.off('error', reject)
          // No file descriptors left, or the like: whoever is connected stays, and the next one may get in again.
          server.on('error', (error) => log.error({ err: error }, 'the TLS listener of the pages has trouble'))
          resolve((server.address() as AddressInfo).port)
        })
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Also those in a handshake, which are no requests yet.
        for (const socket of sockets) socket.destroy()
      }),
  }
}
