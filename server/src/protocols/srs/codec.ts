/**
 * The Sender Rewriting Scheme: what is sent on to somebody else's server leaves with a sender of our domain, so that SPF
 * (RFC 7208) holds there, and what comes back to that address finds its way to whoever wrote it:
 *
 *   SRS0=HHHHHHHH=TT=their.domain=local@our.domain
 *   SRS1=HHHHHHHH=TT=first.forwarder==HHH=TT=their.domain=local@our.domain   what somebody has rewritten before us
 *   srs2=HHHHHHHH=TT=…@our.domain          its local part would have more than 64 octets (RFC 5321 section 4.5.3.1.1): an id
 *                                          by which the sender is looked up
 *
 * HHHHHHHH is a keyed hash over all that follows and our domain, in base32, because some servers fold local parts to lower
 * case; TT the day, modulo 1024. Pure: `mac` has the key. Whoever cannot make the hash cannot make us send anything.
 */
import { timingSafeEqual } from 'node:crypto'
import { bareLocal, writtenLocal } from './local-part.ts'

/** What an address of this form means; `old` and `forged` are nobody's. */
export type Returned =
  { kind: 'sender'; address: string } | { kind: 'stored'; id: string } | { kind: 'forged' } | { kind: 'old' }

export interface SrsCodec {
  /** The sender to send on with from `domain`; null: too long, or of a form that does not fit: use `stored`. */
  forward(sender: string, domain: string, day: number): string | null
  /** The same for a sender that is looked up by `id`, a uuid. */
  stored(id: string, domain: string, day: number): string
  /** null: the local part is not of this form. */
  read(local: string, domain: string, day: number): Returned | null
}

/** A server that cannot deliver gives up after five days or so (RFC 5321 section 4.5.4.1); notices may wait as well. */
export const VALID_DAYS = 21
export const MOST_LOCAL = 64

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const HASH = 8
const DAYS = 1024

export const dayOf = (ms: number): number => Math.floor(ms / 86_400_000)

/** A hash as it is written: five bits a letter, from the front. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < HASH; at++) {
    const bit = at * 5
    const two = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0)
    out += BASE32[(two >> (11 - (bit & 7))) & 31]!
  }
  return out
}

/** Both are of HASH letters; one may have been folded. */
export const isSameHash = (hash: string, right: string): boolean =>
  timingSafeEqual(Buffer.from(hash.toUpperCase()), Buffer.from(right))

const stampOf = (day: number): string => BASE32[(day >> 5) & 31]! + BASE32[day & 31]!

/** Days since; one day ahead is another clock. null: no stamp. */
function ageOf(stamp: string, day: number): number | null {
  const [high, low] = [0, 1].map((at) => BASE32.indexOf(stamp.charAt(at).toUpperCase())) as [number, number]
  if (high < 0 || low < 0) return null
  const age = (((day - (high * 32 + low)) % DAYS) + DAYS) % DAYS
  return age === DAYS - 1 ? 0 : age
}

const FORM = /^(srs0[=+-]|srs1[=+-]|srs2=)/i
const SRS0 = /^([a-z2-7]{8})=([a-z2-7]{2})=([^=]+)=(.+)$/is
const SRS1 = /^([a-z2-7]{8})=([a-z2-7]{2})=([^=]+)=([=+-].+)$/is
const SRS2 = /^([a-z2-7]{8})=([a-z2-7]{2})=([0-9a-f]{32})$/is
/** Of anybody: by their own rules, of which only the forwarder is ours to read. */
const ANY_SRS1 = /^srs1[=+-][^=]+=([^=]+)=([=+-].+)$/is

export const isReturnForm = (local: string): boolean => FORM.test(bareLocal(local))

export function createSrs(mac: (text: string) => Buffer): SrsCodec {
  const hashOf = (kind: string, domain: string, body: string): string =>
    base32(mac(`${kind} ${domain} ${body}`.toLowerCase()))
  const isOurs = (hash: string, kind: string, domain: string, body: string): boolean =>
    isSameHash(hash, hashOf(kind, domain, body))
  const made = (kind: string, domain: string, body: string): string =>
    `${writtenLocal(`${kind}=${hashOf(kind, domain, body)}=${body}`)}@${domain}`

  function rewritten(sender: string, domain: string, day: number): string | null {
    const at = sender.lastIndexOf('@')
    const host = sender.slice(at + 1)
    const local = bareLocal(sender.slice(0, at))
    if (at < 1 || host === '' || host.includes('=')) return null
    const earlier = ANY_SRS1.exec(local)
    if (earlier) return made('SRS1', domain, `${stampOf(day)}=${earlier[1]!}=${earlier[2]!}`)
    if (/^srs0[=+-]/i.test(local)) return made('SRS1', domain, `${stampOf(day)}=${host}=${local.slice(4)}`)
    return made('SRS0', domain, `${stampOf(day)}=${host}=${local}`)
  }

  function whose(bare: string, domain: string, day: number): Returned {
    const rest = bare.slice(5)
    const kind = bare.slice(0, 4).toUpperCase()
    const parts = (kind === 'SRS0' ? SRS0 : kind === 'SRS1' ? SRS1 : SRS2).exec(rest)
    if (!parts) return { kind: 'forged' }
    if (!isOurs(parts[1]!, kind, domain, rest.slice(HASH + 1))) return { kind: 'forged' }
    const age = ageOf(parts[2]!, day)
    if (age === null || age > VALID_DAYS) return { kind: 'old' }
    if (kind === 'SRS1') return { kind: 'sender', address: `${writtenLocal(`SRS0${parts[4]!}`)}@${parts[3]!}` }
    if (kind === 'SRS2') return { kind: 'stored', id: uuidOf(parts[3]!) }
    return { kind: 'sender', address: `${writtenLocal(parts[4]!)}@${parts[3]!}` }
  }

  return {
    forward(sender, domain, day) {
      const address = rewritten(sender, domain, day)
      return address !== null && Buffer.byteLength(address) - domain.length - 1 <= MOST_LOCAL ? address : null
    },
    stored: (id, domain, day) => made('SRS2', domain, `${stampOf(day)}=${id.replaceAll('-', '')}`),
    read(local, domain, day) {
      const bare = bareLocal(local)
      return FORM.test(bare) ? whose(bare, domain, day) : null
    },
  }
}

export const uuidOf = (hex: string): string =>
  hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
