/**
 * How many connections the web listener holds, from whom, and how long for one that says nothing: pages share the
 * process, and its open files, with the mail listener, which must not run out of them.
 *
 * Promises: more than `connections` in all (over all listeners), or `perAddress` from one address, are closed at once (an IPv6 site counts as
 * one by its /64; trusted proxies bring everybody and are counted only in all). Who has not sent a whole header within
 * HEADER_MS is closed; the body of somebody who is not signed in must be there within BODY_MS.
 */
import type { Server, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { networkOf } from '../../core/access/index.ts'
import type { Clock } from '../../platform/clock.ts'
import { matchNetworks } from '../../platform/net/networks.ts'

export const HEADER_MS = 15_000
/** Node looks for connections that are late this often. */
export const LOOK_MS = 5_000
/** Uploads and large drafts, of people who are signed in. */
export const REQUEST_MS = 300_000
const BODY_MS = 15_000

export interface ConnectionLimits {
  connections: number
  perAddress: number
}

const DEFAULTS: ConnectionLimits = { connections: 2000, perAddress: 200 }

export function limitConnections(
  servers: readonly Server[],
  { connections, perAddress }: ConnectionLimits = DEFAULTS,
  trustedProxies: readonly string[] = [],
): void {
  const isTrusted = matchNetworks(trustedProxies)
  const counts = new Map<string, number>()
  let open = 0
  function admit(socket: Socket): void {
    if (open >= connections) {
      socket.destroy()
      return
    }
    open++
    socket.once('close', () => open--)
    const address = socket.remoteAddress ?? ''
    if (isTrusted(address)) return
    const key = networkOf(address)
    const fromThere = (counts.get(key) ?? 0) + 1
    if (fromThere > perAddress) {
      socket.destroy()
      return
    }
    counts.set(key, fromThere)
    socket.once('close', () => {
      const left = counts.get(key)! - 1
      if (left > 0) counts.set(key, left)
      else counts.delete(key)
    })
  }
  // Before the listener that makes a request, or a handshake, of it.
  for (const server of servers) server.prependListener('connection', admit)
}

/** Before the gate: whom it turns away goes on sending. */
export function limitBodies(app: FastifyInstance, clock: Clock): void {
  app.addHook('onRequest', async (request) => {
    const { raw } = request
    if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return
    const late = clock.after(
      BODY_MS,
      () => {
        if (!request.session && !raw.complete) raw.destroy()
      },
      { hold: false },
    )
    raw.once('close', () => late.cancel())
  })
}
