/**
 * Whom a message is for, and what its author asked to hear of it (RFC 3461): the values of MAIL and RCPT. As plain values,
 * for those of a message that waits for its time are kept in its row.
 */
import { foldAddress } from '../directory/index.ts'

export interface Envelope {
  from: string
  to: readonly string[]
  dsn?: DsnWish | null
  /** it may go on only over TLS (RFC 8689) */
  requireTls?: boolean
}

export interface NamedRecipient {
  address: string
  /** codes.ts Notify; 0: not given */
  notify: number
  orcpt: string | null
}

export interface DsnWish {
  ret: 'FULL' | 'HDRS' | null
  envid: string | null
  /** by folded address, those who were given something */
  of: Record<string, { notify: number; orcpt: string | null }>
}

const keyOf = (address: string): string => foldAddress(address) ?? address

export function envelopeOf(
  from: string,
  recipients: readonly NamedRecipient[],
  { ret, envid }: Pick<DsnWish, 'ret' | 'envid'>,
): Envelope {
  const given = recipients.filter(({ notify, orcpt }) => notify !== 0 || orcpt !== null)
  const of = Object.fromEntries(given.map(({ address, notify, orcpt }) => [keyOf(address), { notify, orcpt }]))
  const dsn = given.length === 0 && ret === null && envid === null ? null : { ret, envid, of }
  return { from, to: recipients.map(({ address }) => address), dsn }
}

/** What was asked for this recipient. */
export function wishFor(envelope: Envelope | null, address: string): { notify: number; orcpt: string | null } {
  const { of = {} } = envelope?.dsn ?? {}
  const key = keyOf(address)
  return Object.hasOwn(of, key) ? of[key]! : { notify: 0, orcpt: null }
}
