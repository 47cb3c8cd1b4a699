/**
 * Executions of the fuzzer, one state after the other in a few lanes, for a given time. A failure is anything a sender must
 * never be able to bring about: an answer that is no reply, a session that does not end when its client has, a state that can
 * no longer be reached. What only shows on the whole process (crash, error, memory) is its caller's to watch.
 */
import { TLSSocket } from 'node:tls'
import type { LineClient } from '../../../server/testkit/line-client.ts'
import type { Ports } from '../holdfast.ts'
import { createRandom } from '../random.ts'
import { openState, states } from './states.ts'
import { makeScript } from './vocabulary.ts'

export interface Failure {
  state: string
  /** repeats it: HOLDFAST_FUZZ_ONLY */
  execution: number
  what: string
}

export interface Tally {
  executions: number
  byState: Record<string, number>
  failures: Failure[]
}

const GRAMMAR = /^(?:[2-5][0-9]{2}[ -][ -~]*\r\n)*$/
/** Whoever says STARTTLS and then no TLS is told so in TLS: an alert of seven octets, the last that comes. It names
 * the version that its record bore, whatever that was. */
const ALERT = /(?<=^220 2\.0\.0 Ready to start TLS\r\n)\x15\x03[^]\x00\x02[^]{2}$/m

export const isReplies = (transcript: string): boolean => GRAMMAR.test(transcript.replace(ALERT, ''))

async function execute(name: string, seed: number, execution: number, ports: Ports): Promise<void> {
  const state = states[name]!
  const client = await openState(state, ports)
  try {
    await state.reach(client)
    const { pieces, end } = makeScript(createRandom(seed + execution))
    for (const piece of pieces) {
      client.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (end === 'reset') return breakOff(client)
    client.finish()
    // Rejects when the server does not end in time, and on a line that is no reply.
    await client.ended().catch((error: unknown) => {
      // Octets of TLS are no reply lines; that it takes too long is wrong all the same.
      if (!state.isOpaque || !String(error).includes('not a reply line')) throw error
    })
    if (!state.isOpaque && !isReplies(client.transcript()))
      throw new Error(`no replies: ${JSON.stringify(client.transcript().slice(-500))}`)
  } finally {
    client.destroy()
  }
}

/** As a machine that loses its network: no word of TLS, no FIN where that can be had. */
function breakOff({ socket }: LineClient): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}

/** Signing in takes long on purpose: those states have a lane of their own, so that the others get on. */
const lanes = [false, true].map((slow) =>
  Object.keys(states).filter((name) => (states[name]!.isSlow ?? false) === slow),
)
/** An execution's state follows from its number: even ones are quick. */
const stateOf = (execution: number): string => {
  const names = lanes[execution % 2]!
  return names[(execution >> 1) % names.length]!
}

export const repeat = (seed: number, execution: number, ports: Ports): Promise<void> =>
  execute(stateOf(execution), seed, execution, ports)

export async function fuzz(options: {
  seed: number
  lanes: number
  ports: () => Ports
  goesOn: () => boolean
}): Promise<Tally> {
  const { seed, ports, goesOn } = options
  const byState = Object.fromEntries(Object.keys(states).map((name) => [name, 0]))
  const tally: Tally = { executions: 0, byState, failures: [] }
  const next = [0, 1]
  const lane = async (kind: number): Promise<void> => {
    while (goesOn()) {
      const execution = next[kind]!
      next[kind] = execution + 2
      const name = stateOf(execution)
      try {
        await execute(name, seed, execution, ports())
        tally.executions += 1
        tally.byState[name]! += 1
      } catch (error) {
        tally.failures.push({ state: name, execution, what: String(error) })
        if (tally.failures.length > 20) return
      }
    }
  }
  await Promise.all(Array.from({ length: options.lanes }, (_, n) => lane(n === 0 ? 1 : 0)))
  return tally
}
