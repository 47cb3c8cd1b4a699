/**
 * Connections that come through a proxy: from a listed host a PROXY header must come first (protocols/proxy), and the
 * client it names is the client of the session from then on: for limits, trace headers and logs. From anybody else none is
 * read, so nobody can pretend to be another.
 *
 * Failure: no header within HEADER_MS, or a broken one, ends the connection without a word, with a line in the log and a note in
 * the trace: whoever cannot get in behind that proxy is asked about. A connection that ends before it said anything is a proxy's look at the port, and nobody's business.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { matchNetworks } from '../../platform/net/networks.ts'
import { parseProxyHeader, ProxyHeaderError } from '../../protocols/proxy/header.ts'

export interface ProxyGate {
  /** connections whose header is not there yet */
  readonly waiting: number
  isProxy(address: string): boolean
  /** Reads the header of a proxy's connection; `admit` is called with the client's address, or never. */
  open(socket: Socket, address: string, admit: (client: string) => void): void
  /** Ends what is waiting. */
  stop(): void
}

const HEADER_MS = 5000

/** Null where no proxies are listed (`proxies`: addresses and networks, already checked by the configuration). */
export function createProxyGate(
  proxies: readonly string[],
  clock: Clock,
  log: Log,
  /** `why`: a sentence for the trace */
  refused: (proxy: string, why: string) => void,
): ProxyGate | null {
  if (proxies.length === 0) return null
  const waiting = new Set<Socket>()

  function open(socket: Socket, address: string, admit: (client: string) => void): void {
    let seen: Buffer | null = null
    const timer = clock.after(
      HEADER_MS,
      () => {
        const why = `no PROXY header within ${HEADER_MS / 1000} seconds`
        log.warn({ proxy: address }, `${why}; the connection is closed`)
        refused(address, why)
        socket.destroy()
      },
      { hold: false },
    )
    const release = (): void => {
      timer.cancel()
      waiting.delete(socket)
      socket.off('readable', read)
      socket.off('end', gone)
      socket.off('error', gone)
      socket.off('close', release)
    }
    const gone = (): void => {
      socket.destroy()
    }
    const read = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      seen = seen === null ? chunk : Buffer.concat([seen, chunk])
      try {
        const header = parseProxyHeader(seen)
        if (header === null) return
        release()
        if (header.length < seen.length) socket.unshift(seen.subarray(header.length))
        admit(header.client ?? address)
      } catch (error) {
        if (!(error instanceof ProxyHeaderError)) throw error
        log.warn({ proxy: address, reason: error.message }, 'a broken PROXY header; the connection is closed')
        refused(address, `a broken PROXY header: ${error.message}`)
        socket.destroy()
      }
    }
    waiting.add(socket)
    socket.on('readable', read)
    socket.on('end', gone)
    socket.on('error', gone)
    socket.on('close', release)
  }

  return {
    get waiting() {
      return waiting.size
    },
    isProxy: matchNetworks(proxies),
    open,
    stop() {
      for (const socket of waiting) socket.destroy()
    },
  }
}
