/**
 * SASL mechanisms that bring a name and a password: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login, which Outlook
 * and many devices still speak). A mechanism is a run of steps: it is given what the client answered and says what to ask
 * next, or who the client says it is. One table, for every listener that people sign in at.
 *
 * Total: every run of answers ends in credentials or a WireError (auth-exchange). Both carry the password as it is, so
 * who offers them needs an encrypted connection.
 */
import { WireError } from '../../platform/errors.ts'

export interface Credentials {
  /** whom the client wants to act for, where that is said; '': for itself (RFC 4616 section 2, authzid) */
  actsFor: string
  name: string
  password: string
}

export type Step = { ask: Buffer } | { credentials: Credentials }

/** `answer`: null at the beginning where the client sent no initial response. */
export type Exchange = (answer: Buffer | null) => Step

/** Far more than any name or password has here; less than a line can carry. */
const LONGEST_OCTETS = 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function text(octets: Buffer, what: string): string {
  if (octets.length > LONGEST_OCTETS) throw new WireError('auth-exchange', `the ${what} is too long`)
  if (octets.includes(0)) throw new WireError('auth-exchange', `a NUL octet is in the ${what}`)
  try {
    return utf8.decode(octets)
  } catch {
    throw new WireError('auth-exchange', `the ${what} is not UTF-8`)
  }
}

const needed = (value: string, what: string): string => {
  if (value === '') throw new WireError('auth-exchange', `the ${what} is empty`)
  return value
}

/** RFC 4616 section 2: [authzid] NUL authcid NUL passwd. */
export function parsePlain(message: Buffer): Credentials {
  const first = message.indexOf(0)
  const second = first < 0 ? -1 : message.indexOf(0, first + 1)
  if (second < 0) throw new WireError('auth-exchange', 'name and password must stand behind a NUL octet each')
  return {
    actsFor: text(message.subarray(0, first), 'name to act for'),
    name: needed(text(message.subarray(first + 1, second), 'name'), 'name'),
    password: needed(text(message.subarray(second + 1), 'password'), 'password'),
  }
}

function plain(): Exchange {
  return (answer) => (answer === null ? { ask: Buffer.alloc(0) } : { credentials: parsePlain(answer) })
}

function login(): Exchange {
  let name: string | null = null
  return (answer) => {
    if (answer === null) return { ask: Buffer.from('Username:') }
    if (name === null) {
      name = needed(text(answer, 'name'), 'name')
      return { ask: Buffer.from('Password:') }
    }
    return { credentials: { actsFor: '', name, password: needed(text(answer, 'password'), 'password') } }
  }
}

/** By name, in the order in which they are offered. */
export const mechanisms: ReadonlyMap<string, () => Exchange> = new Map([
  ['PLAIN', plain],
  ['LOGIN', login],
])
