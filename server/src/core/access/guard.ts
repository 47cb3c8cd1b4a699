/**
 * What slows guesses down without locking anybody out. Unknown names are treated like known ones.
 * 1. A name from one network: spaced, and beyond LONGEST_WAIT_MS told when to come back. Only who sits there feels it.
 * 2. A network, whatever the name: the same, for who tries many names. What was told to come back counts too.
 * 3. A name from everywhere: a bounded wait in its lane (lanes.ts), never a refusal; others must not decide who comes in.
 * Where a name has signed in before (a row, so that a restart does not forget it) only the first binds: the network may
 * be full of strangers, and the name a target.
 */
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../platform/clock.ts'
import { WireError } from '../../platform/errors.ts'
import { addressBrake, createBrake, nameBrake, ownBrake } from './delays.ts'
import { createLanes } from './lanes.ts'

/** A try that would have to wait longer is told to come back. */
const LONGEST_WAIT_MS = 10_000

export interface Origin {
  name: string
  network: string
}

export interface Guard {
  /** Runs `check` when it may; null from it is a failure. Throws sign-in-slow-down (detail: seconds) in its stead. */
  attempt<T>(origin: Origin, check: () => Promise<T | null>): Promise<T | null>
  /** A name signed in here for the first time: a network of many people is forgiven some of their mistakes. */
  credit(network: string): void
  stop(reason: Error): void
}

/** How a name and a network are known again: nothing in it says who or where to somebody who has neither. */
export const placeOf = ({ name, network }: Origin): Buffer =>
  createHash('sha256').update(`sign-in place\n${name}\n${network}`).digest()

export interface GuardDeps {
  clock: Clock
  /** has this name signed in from there before? */
  isKnown(place: Buffer): Promise<boolean>
  braked(): void
}

export function createGuard(deps: GuardDeps): Guard {
  const { clock } = deps
  const own = createBrake(clock, ownBrake)
  const networks = createBrake(clock, addressBrake)
  const names = createBrake(clock, nameBrake)
  const lanes = createLanes(clock, (name) => names.spacing(name))
  const background = new AbortController()
  // As many as there are tries that wait.
  setMaxListeners(0, background.signal)

  function refuse(network: string, ms: number): never {
    networks.failed(network)
    deps.braked()
    throw new WireError('sign-in-slow-down', `try again in ${Math.ceil(ms / 1000)} seconds`)
  }

  /** Waits its turn; tells what to give back if the try is no failure. */
  async function enter({ name, network }: Origin): Promise<() => void> {
    const pair = `${name}\n${network}`
    const ms = own.peek(pair)
    if (ms > LONGEST_WAIT_MS) refuse(network, ms)
    const isBraked = networks.peek(network) > 0 || names.spacing(name) > 0
    const known = isBraked && (await deps.isKnown(placeOf({ name, network })))
    // Nothing waits from here to the last count: a hundred at once are seen one after the other.
    const first = own.take(pair, LONGEST_WAIT_MS) ?? refuse(network, own.peek(pair))
    const second = known ? 0 : networks.take(network, LONGEST_WAIT_MS)
    if (second === null) {
      own.forgive(pair, 1)
      refuse(network, networks.peek(network))
    }
    if (known) networks.failed(network)
    else names.failed(name)
    const wait = Math.max(first, second)
    if (wait > 0) await clock.sleep(wait, background.signal)
    if (!known) await lanes.turn(name, network)
    return () => {
      own.forgive(pair, 1)
      networks.forgive(network, 1)
      if (!known) names.forgive(name, 1)
    }
  }

  return {
    async attempt(origin, check) {
      const giveBack = await enter(origin)
      let outcome: Awaited<ReturnType<typeof check>>
      try {
        outcome = await check()
      } catch (error) {
        // Our trouble, not a guess.
        giveBack()
        throw error
      }
      if (outcome !== null) {
        giveBack()
        own.forgive(`${origin.name}\n${origin.network}`, Infinity)
      }
      return outcome
    },
    credit: (network) => networks.forgive(network, 5),
    stop(reason) {
      background.abort(reason)
      lanes.stop(reason)
    },
  }
}
