/** Words of the SMTP dialogue: what is passed on of the sender's wish, what is kept of the next hop's answer. Pure. */
import { Notify } from '../../platform/codes.ts'

const NOTIFY_WORDS = [
  [Notify.never, 'NEVER'],
  [Notify.success, 'SUCCESS'],
  [Notify.failure, 'FAILURE'],
  [Notify.delay, 'DELAY'],
] as const

/** RFC 3461 section 4.1: the NOTIFY parameter as it is passed on. */
export function notifyText(bits: number): string | null {
  if (bits === 0) return null
  return NOTIFY_WORDS.filter(([bit]) => (bits & bit) !== 0)
    .map(([, word]) => word)
    .join(',')
}

/** The next hop's own queue id, as most servers tell it in the reply to the final dot: what its admin searches for. */
export function remoteIdOf(text: string): string | null {
  return (
    /queued as ([A-Za-z0-9._-]{4,64})|\bid=([A-Za-z0-9._-]{4,64})|<[^>]*> ([A-Za-z0-9]{10,40}) Saved/
      .exec(text)
      ?.slice(1)
      .find(Boolean) ?? null
  )
}
