/**
 * Connecting to a host by its name, whichever of its addresses answers (RFC 8305): those of both families in turns, as the
 * system prefers them, each begun 250 ms after the one before it, or at once when that has failed; the first to answer is
 * taken and the others are closed. Node's own way (autoSelectFamily) gives an address up after these 250 ms instead of
 * letting it go on, so that a host that is far away on one family and dead on the other is never reached, and says
 * nothing about why.
 */
import { lookup } from 'node:dns/promises'
import net from 'node:net'
import type { Clock, Timer } from '../../platform/clock.ts'

export interface DialOptions {
  clock: Clock
  timeoutMs: number
  /** addresses of ours to come from, one of each family; hosts of a family without one are not tried. None: the system's choice */
  from?: readonly string[]
  /** for tests */
  lookUp?: (host: string) => Promise<{ address: string; family: number }[]>
  open?: (address: string, port: number) => net.Socket
}

/** RFC 8305 section 5. */
const NEXT_MS = 250
/** A name may have any number; more than these are not tried. */
const MOST_ADDRESSES = 8
/** Ours, or a family that this machine does not have: another address's failure says more. */
const SAYS_LITTLE = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? ''

/** RFC 8305 section 4: one family, the other, and so on; the first is the system's choice. */
export function inTurns(found: readonly { address: string; family: number }[]): string[] {
  const [first, other] = [
    found.filter(({ family }) => family === found[0]?.family),
    found.filter(({ family }) => family !== found[0]?.family),
  ]
  const mixed = first.flatMap((one, i) => (other[i] ? [one, other[i]] : [one])).concat(other.slice(first.length))
  return mixed.slice(0, MOST_ADDRESSES).map(({ address }) => address)
}

/** A connected socket. Throws the system's error, or one with code ETIMEDOUT. */
export function dial(host: string, port: number, options: DialOptions): Promise<net.Socket> {
  const { clock, timeoutMs } = options
  const lookUp = options.lookUp ?? ((name) => lookup(name, { all: true }))
  const from = options.from ?? []
  const ownFor = (address: string): string | undefined => from.find((own) => net.isIP(own) === net.isIP(address))
  const open =
    options.open ?? ((address, to) => net.connect({ host: address, port: to, localAddress: ownFor(address) }))
  return new Promise((resolve, reject) => {
    const trying = new Set<net.Socket>()
    const failures: Error[] = []
    let waiting: string[] = []
    let next: Timer | null = null
    let isOver = false

    const limit = clock.after(timeoutMs, () => {
      const text = `no answer for ${Math.round(timeoutMs / 1000)} s`
      end(() => reject(Object.assign(new Error(text), { code: 'ETIMEDOUT' })))
    })
    function end(tell: () => void): void {
      if (isOver) return
      isOver = true
      limit.cancel()
      next?.cancel()
      for (const socket of trying) socket.destroy()
      tell()
    }
    function tryNext(): void {
      next?.cancel()
      next = null
      const address = waiting.shift()
      if (address === undefined || isOver) return
      const socket = open(address, port)
      trying.add(socket)
      socket.once('connect', () => {
        trying.delete(socket)
        end(() => resolve(socket))
      })
      // It stays: until somebody else listens, an error must not end the process.
      socket.on('error', (error) => failed(socket, error))
      if (waiting.length > 0) next = clock.after(NEXT_MS, tryNext)
    }
    function failed(socket: net.Socket, error: Error): void {
      if (!trying.delete(socket)) return
      failures.push(error)
      if (waiting.length > 0) tryNext()
      else if (trying.size === 0)
        end(() => reject(failures.find((one) => !SAYS_LITTLE.has(codeOf(one))) ?? failures[0]!))
    }

    const family = net.isIP(host)
    const found = family === 0 ? lookUp(host) : Promise.resolve([{ address: host, family }])
    found.then(
      (all) => {
        waiting = inTurns(from.length === 0 ? all : all.filter(({ address }) => ownFor(address) !== undefined))
        if (waiting.length === 0) {
          const text = all.length === 0 ? `${host} has no address` : `${host} has no address of the family we come from`
          return end(() => reject(Object.assign(new Error(text), { code: 'ENOTFOUND' })))
        }
        tryNext()
      },
      (error: unknown) => end(() => reject(error)),
    )
  })
}
