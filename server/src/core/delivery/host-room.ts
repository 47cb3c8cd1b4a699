/**
 * How many connections one host has from us at once, whatever they are for: domains of the world behind one mail server,
 * routes to one mail system, mail that demands TLS and mail that does not. A quarter more than the widest destination that
 * wants it may open (`connections`), so that one that is slow there does not have it for itself; whoever comes later waits in
 * line, first come, first served. Per process.
 *
 * A connection that waits for its next message is closed for who has none; one at work gives up its place after its turn
 * (runner.ts), so that a destination with much to send does not keep the host for itself.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { placeOf } from './hosts.ts'
import type { SmtpTarget } from '../../clients/smtp/result.ts'

/** Of a destination that may have so many connections. */
export const mostAtOneHost = (connections: number): number => connections + Math.ceil(connections / 4)

export interface Place {
  /** The connection is closed, or never came about. */
  leave(): void
  /** Who needs the place may have it by `giveUp`, until this is called with null. */
  spare(giveUp: (() => void) | null): void
}

export interface HostRoom {
  /** `most`: connections at once. null: it is not wanted any more. */
  enter(target: SmtpTarget, most: number, isWanted: () => boolean): Promise<Place | null>
  /** Who comes now has to wait. */
  isFull(target: SmtpTarget, most: number): boolean
  /** Somebody waits for a place there. */
  isAwaited(target: SmtpTarget): boolean
}

interface Taken {
  most: number
  giveUp: (() => void) | null
}
interface Waiter {
  most: number
  isWanted: () => boolean
  done(place: Place | null): void
}
interface Host {
  taken: Set<Taken>
  line: Waiter[]
}

/** So often those in line are asked whether they still want to be. */
const ASK_MS = 250

/** A host sees who we are by our address: from another one it is spoken to on its own account. */
const keyOf = (target: SmtpTarget): string =>
  `${target.localAddresses?.join() ?? ''} ${placeOf({ ...target, host: target.host.toLowerCase() })}`

export function createHostRoom(clock: Clock): HostRoom {
  const hosts = new Map<string, Host>()
  let timer: Timer | null = null

  const limitOf = ({ taken, line }: Host, most: number): number =>
    [...taken, ...line].reduce((widest, one) => Math.max(widest, one.most), most)
  const hasPlace = (host: Host, most: number): boolean => host.taken.size < limitOf(host, most)

  function take(key: string, host: Host, most: number): Place {
    const one: Taken = { most, giveUp: null }
    host.taken.add(one)
    return {
      leave() {
        if (!host.taken.delete(one)) return
        serve(key, host)
      },
      spare(giveUp) {
        one.giveUp = giveUp
        if (giveUp !== null && host.line.length > 0) askForOne(host)
      },
    }
  }

  function serve(key: string, host: Host): void {
    while (host.line.length > 0 && hasPlace(host, 0)) {
      const next = host.line.shift()!
      next.done(next.isWanted() ? take(key, host, next.most) : null)
    }
    if (host.taken.size + host.line.length === 0) hosts.delete(key)
  }

  /** The one that has been spare for longest. */
  function askForOne(host: Host): void {
    for (const one of host.taken) {
      if (one.giveUp === null) continue
      const { giveUp } = one
      one.giveUp = null
      return giveUp()
    }
  }

  /** Those who do not want to wait any more go; the line as a whole is never long: each is a connection of its destination. */
  function askThoseInLine(): void {
    for (const [key, host] of hosts) {
      const gone = host.line.filter(({ isWanted }) => !isWanted())
      if (gone.length === 0) continue
      host.line = host.line.filter((one) => !gone.includes(one))
      for (const one of gone) one.done(null)
      serve(key, host)
    }
    timer = null
    if ([...hosts.values()].some(({ line }) => line.length > 0)) askAgain()
  }
  function askAgain(): void {
    timer ??= clock.after(ASK_MS, askThoseInLine, { hold: false })
  }

  return {
    enter(target, most, isWanted) {
      const key = keyOf(target)
      const host = hosts.get(key) ?? { taken: new Set(), line: [] }
      hosts.set(key, host)
      if (host.line.length === 0 && hasPlace(host, most)) return Promise.resolve(take(key, host, most))
      return new Promise((done) => {
        host.line.push({ most, isWanted, done })
        serve(key, host)
        if (host.line.length > 0) askForOne(host)
        askAgain()
      })
    },
    isFull(target, most) {
      const host = hosts.get(keyOf(target))
      return host !== undefined && (host.line.length > 0 || !hasPlace(host, most))
    },
    isAwaited: (target) => (hosts.get(keyOf(target))?.line.length ?? 0) > 0,
  }
}
