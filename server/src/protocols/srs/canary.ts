/**
 * Senders of canaries, the messages by which a primary is asked whether it still delivers, so that a notice that comes back says
 * by its recipient which canary it is about:
 *
 *   hfc=HHHHHHHH=<route, 32 hex digits>=<slot><minute, base 36>@our.name
 *
 * slot: d for one that is only handed over, r for one that makes a round trip. HHHHHHHH is a keyed hash as in codec.ts: nobody
 * can make a primary look ill who has not got its mail. Pure: `mac` has the key.
 */
import { base32, isSameHash, uuidOf } from './codec.ts'

export type CanarySlot = 'd' | 'r'

export interface CanarySender {
  routeId: string
  slot: CanarySlot
  /** milliseconds, to the minute */
  sentAt: number
}

export interface CanaryCodec {
  sender(canary: CanarySender, domain: string): string
  /** null: it is none of ours */
  read(local: string): CanarySender | null
}

const MINUTE = 60_000
const FORM = /^hfc=/i
const WHOLE = /^hfc=([a-z2-7]{8})=([0-9a-f]{32})=([dr])([0-9a-z]{1,8})$/i

export const isCanaryForm = (local: string): boolean => FORM.test(local)

export function createCanaryCodec(mac: (text: string) => Buffer): CanaryCodec {
  const hashOf = (rest: string): string => base32(mac(`CANARY ${rest}`.toLowerCase()))
  return {
    sender({ routeId, slot, sentAt }, domain) {
      const rest = `${routeId.replaceAll('-', '')}=${slot}${Math.floor(sentAt / MINUTE).toString(36)}`
      return `hfc=${hashOf(rest).toLowerCase()}=${rest}@${domain}`
    },
    read(local) {
      const parts = WHOLE.exec(local)
      if (!parts) return null
      const [, hash, route, slot, minute] = parts as unknown as [string, string, string, string, string]
      if (!isSameHash(hash, hashOf(`${route}=${slot}${minute}`))) return null
      const sentAt = parseInt(minute, 36) * MINUTE
      return { routeId: uuidOf(route.toLowerCase()), slot: slot.toLowerCase() as CanarySlot, sentAt }
    },
  }
}
