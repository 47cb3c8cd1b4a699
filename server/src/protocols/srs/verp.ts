/**
 * Bounce addresses of lists, one for each member (VERP), so that a notice says by its recipient whom it is about:
 *
 *   news-bounces+HHHHHHHH=local=their.domain@our.domain
 *   srs3=HHHHHHHH=…@our.domain       more than 64 octets, or not ASCII: an id by which list and member are found
 *
 * HHHHHHHH is a keyed hash as in codec.ts: nobody can make a member look unreachable who has not got their mail. All parts
 * are folded addresses, so letters that a relay has changed mean nothing. Pure: `mac` has the key.
 */
import { isAscii } from 'node:buffer'
import { base32, isSameHash, MOST_LOCAL, uuidOf } from './codec.ts'
import { bareLocal, writtenLocal } from './local-part.ts'

export type BounceOf =
  { kind: 'member'; list: string; member: string } | { kind: 'delivery'; id: string } | { kind: 'forged' }

export interface VerpCodec {
  /** The sender of a list's mail to a member (folded addresses); `id`, a uuid, finds both again. */
  sender(list: string, member: string, id: string): string
  /** null: the local part is not of this form. */
  read(local: string, domain: string): BounceOf | null
}

const FORM = /-bounces\+[a-z2-7]{8}=|^"?srs3=/i
const MEMBER = /^(.+)-bounces\+([a-z2-7]{8})=(.+)=([^=]+)$/is
const STORED = /^srs3=([a-z2-7]{8})=([0-9a-f]{32})$/i

export const isBounceForm = (local: string): boolean => FORM.test(local)

const split = (address: string): [string, string] => {
  const at = address.lastIndexOf('@')
  return [address.slice(0, at), address.slice(at + 1)]
}

export function createVerp(mac: (text: string) => Buffer): VerpCodec {
  const hashOf = (...parts: string[]): string => base32(mac(`VERP ${parts.join(' ')}`.toLowerCase()))

  return {
    sender(list, member, id) {
      const [[name, domain], [local, host]] = [split(list), split(member)]
      const bare = `${bareLocal(name)}-bounces+${hashOf(list, member)}=${bareLocal(local)}=${host}`
      const whole = writtenLocal(bare)
      // In ASCII alone, so that nobody needs SMTPUTF8 for its sake.
      if (whole.length <= MOST_LOCAL && isAscii(Buffer.from(whole)) && !host.includes('=')) return `${whole}@${domain}`
      const hex = id.replaceAll('-', '')
      return `srs3=${hashOf(domain, hex)}=${hex}@${domain}`
    },
    read(local, domain) {
      if (!isBounceForm(local)) return null
      const bare = bareLocal(local)
      const stored = STORED.exec(bare)
      if (stored)
        return isSameHash(stored[1]!, hashOf(domain, stored[2]!))
          ? { kind: 'delivery', id: uuidOf(stored[2]!) }
          : { kind: 'forged' }
      const parts = MEMBER.exec(bare)
      if (!parts) return { kind: 'forged' }
      const list = `${writtenLocal(parts[1]!.toLowerCase())}@${domain}`
      const member = `${writtenLocal(parts[3]!.toLowerCase())}@${parts[4]!.toLowerCase()}`
      return isSameHash(parts[2]!, hashOf(list, member)) ? { kind: 'member', list, member } : { kind: 'forged' }
    },
  }
}
