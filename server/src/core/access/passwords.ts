/**
 * Hashing (argon2id, 19 MiB, two passes: OWASP's first choice) a few at a time, so that a crowd at the sign-in page waits
 * its turn instead of taking all memory and every thread; the networks in turn. Where the queue is full, the one with the
 * most in it is told too-busy.
 */
import { randomInt } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { WireError } from '../../platform/errors.ts'
import { createFairQueue } from './fair-queue.ts'
import { LONGEST_PASSWORD } from './password-rules.ts'

/** The algorithm is the package's default, argon2id. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const AT_ONCE = 2
const LONGEST_QUEUE = 500

export interface Passwords {
  hash(password: string): Promise<string>
  /** Takes the same time for `null` (nobody) as for a wrong password. `network`: who asks. */
  verify(verifier: string | null, password: string, network: string): Promise<boolean>
}

export function createPasswords(): Passwords {
  let running = 0
  const waiting = createFairQueue<{ go: () => void; fail: (reason: Error) => void }>()
  const stranger = hash('nobody has this password', PARAMETERS)
  stranger.catch(() => undefined)

  async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (running >= AT_ONCE) {
      await new Promise<void>((go, fail) => {
        waiting.add(key, { go, fail })
        if (waiting.size > LONGEST_QUEUE) waiting.drop()!.fail(new WireError('too-busy'))
      })
    } else running++
    try {
      return await work()
    } finally {
      const next = waiting.take()
      if (next) next.go()
      else running--
    }
  }

  return {
    hash: (password) => inTurn('', () => hash(password.normalize('NFC'), PARAMETERS)),
    async verify(verifier, password, network) {
      const against = verifier ?? (await stranger)
      const asked = password.length > LONGEST_PASSWORD * 4 ? '' : password.normalize('NFC')
      const right = await inTurn(network, () => verify(against, asked).catch(() => false))
      return right && verifier !== null && asked !== ''
    },
  }
}

/** Read aloud and typed off paper without mistakes: no 0 o 1 l i. Some 59 bits. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

export function oneTimePassword(): string {
  const group = (): string => Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]!).join('')
  return `${group()}-${group()}-${group()}`
}
