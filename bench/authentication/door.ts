/**
 * Stands in for core/intake in the bench's own build of the server: the MX door, with each message's verification between
 * its last byte and its commit. What is not valid is refused, so that a load that carries no valid signature shows.
 * The form comes by BENCH_AUTHENTICATION: `off`, `main` (main thread), `worker` (one worker thread), `needed` (main
 * thread, remembered results, and every second message skipped as one of a listed sender), DNS by BENCH_DNS.
 */
import { Worker } from 'node:worker_threads'
import { createMxDoor as createRealDoor, type IntakeDeps } from '../../server/src/core/intake/intake.ts'
import type { MxDoor } from '../../server/src/core/intake/door.ts'
import { WireError } from '../../server/src/platform/errors.ts'
import { createVerifier, type DnsMap, type Question } from './verify.ts'

export type * from '../../server/src/core/intake/door.ts'
export { createOutbound, type Outbound } from '../../server/src/core/intake/outbound.ts'
export type { IntakeDeps } from '../../server/src/core/intake/intake.ts'
export { createSystems, type Systems } from '../../server/src/core/intake/systems.ts'
export { createRates, type Rates } from '../../server/src/core/intake/rates.ts'
export { refuseFlood } from '../../server/src/core/intake/onward.ts'

type Verify = (question: Question) => Promise<boolean>

function inWorker(dns: DnsMap): Verify {
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: dns })
  const waiting = new Map<number, (valid: boolean) => void>()
  let next = 0
  worker.on('message', ({ id, valid }: { id: number; valid: boolean }) => {
    waiting.get(id)?.(valid)
    waiting.delete(id)
  })
  worker.unref()
  return (question) =>
    new Promise((resolve) => {
      const id = next++
      waiting.set(id, resolve)
      worker.postMessage({ id, question })
    })
}

/** Half of the messages come from somebody who is listed: nothing is to be verified. */
function everySecond(verify: Verify): Verify {
  let n = 0
  return (question) => (n++ % 2 === 0 ? verify(question) : Promise.resolve(true))
}

function chosen(): Verify | null {
  const dns = JSON.parse(process.env['BENCH_DNS'] ?? '{}') as DnsMap
  switch (process.env['BENCH_AUTHENTICATION']) {
    case 'main':
      return createVerifier(dns, false)
    case 'worker':
      return inWorker(dns)
    case 'needed':
      return everySecond(createVerifier(dns, true))
    default:
      return null
  }
}

export function createMxDoor(deps: IntakeDeps): MxDoor {
  const door = createRealDoor(deps)
  const verify = chosen()
  if (!verify) return door
  return {
    checkRecipient: (address, envelope) => door.checkRecipient(address, envelope),
    mends: (client) => door.mends(client),
    begin(envelope, recipients) {
      const sink = door.begin(envelope, recipients)
      const parts: Buffer[] = []
      return {
        write(chunk) {
          parts.push(chunk)
          return sink.write(chunk)
        },
        async finish() {
          const question = {
            bytes: Buffer.concat(parts),
            ip: envelope.clientIp,
            helo: envelope.helo,
            sender: envelope.from,
          }
          if (await verify(question)) return sink.finish()
          sink.abort()
          throw new WireError('internal', 'not valid')
        },
        abort: () => sink.abort(),
      }
    },
  }
}
