/**
 * Recipients that stand for others become those others. Whoever is named already, by the sender or by another redirect, is
 * not named again: one copy, however many ways lead to a person. What a sender asked of the redirect (NOTIFY, ORCPT) holds
 * for each it stands for (RFC 3461 section 5.2.7), and the address they wrote to stays known as the original recipient
 * (section 5.2.1). Pure.
 */
import type { Recipient } from '../directory/index.ts'
import type { RoutedRecipient } from './routing.ts'

/** Final recipients of one message, whatever its addresses stand for. */
export const FINALS_PER_MESSAGE = 5_000

export interface Onward {
  /** it was accepted here for this recipient before */
  seen?: (recipient: Recipient) => boolean
  /** the sender to send on with from this domain of ours; left out: as it came */
  senderFrom?: ((domain: string) => string) | null
}

export interface Final extends RoutedRecipient {
  /** the address of ours that stood for it */
  via?: string
  /** another sender than the message's */
  sender?: string
}

const keyOf = ({ personId, folded }: Recipient): string => personId ?? folded
const isPlain = (address: string): boolean => /^[\x21-\x7e]+$/.test(address)
/** The address that the sender wrote to, as the next hop is told it (RFC 3461 section 4.2); null: it cannot be written so. */
export const originalOf = (written: string): string | null => (isPlain(written) ? `rfc822;${written}` : null)

export function spread(recipients: readonly RoutedRecipient[], { seen, senderFrom }: Onward): Final[] {
  const finals: Final[] = recipients.filter(({ recipient }) => !recipient.redirect)
  const named = new Set(finals.map(({ recipient }) => keyOf(recipient)))
  for (const { recipient, notify, orcpt, looped = false } of recipients) {
    const { redirect, address: via } = recipient
    if (!redirect) continue
    const original = orcpt ?? originalOf(via)
    for (const to of redirect.to) {
      if (named.has(keyOf(to))) continue
      named.add(keyOf(to))
      const isOut = to.standing === 'outside'
      finals.push({
        recipient: to,
        notify,
        orcpt: original,
        looped: looped || (!isOut && (seen?.(to) ?? false)),
        via,
        ...(isOut && senderFrom ? { sender: senderFrom(redirect.domain) } : {}),
      })
    }
  }
  return finals
}
