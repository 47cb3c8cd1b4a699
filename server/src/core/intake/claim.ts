/**
 * May this client hand us mail for the world, and in whose name? By the sources it is known as (its address, or what it has
 * proved) and the envelope's sender; where strangers are known by the same, the tenant header decides once it is there. Pure.
 */
import type { Id } from '../../platform/ids.ts'
import type { Source } from '../directory/index.ts'

export type Claim =
  | { kind: 'trusted'; source: Source; isOwnSender: boolean }
  /** one of these, if its header is there */
  | { kind: 'header'; sources: readonly Source[]; isOwnSender: boolean }
  | { kind: 'refused'; detail: string }

/** `sender`: whose domain the envelope's sender is in; null: nobody's here. `isNull`: the null sender. */
export function claimOf(sources: readonly Source[], sender: Id | null, isNull: boolean): Claim {
  const own = sources.filter(({ organisationId }) => organisationId === sender)
  if (own.length > 0) {
    const source = own.find(({ tenant }) => tenant === null)
    return source ? { kind: 'trusted', source, isOwnSender: true } : { kind: 'header', sources: own, isOwnSender: true }
  }
  // Another organisation here would vouch for it with its own name: sent by us, it would look like theirs.
  if (sender !== null)
    return { kind: 'refused', detail: "the sender's domain belongs to another organisation, which must send it itself" }
  const dedicated = sources.filter(({ tenant }) => tenant === null)
  const [first] = dedicated
  if (first && dedicated.every(({ organisationId }) => organisationId === first.organisationId))
    // What it forwards for its people keeps the sender it came with.
    return { kind: 'trusted', source: first, isOwnSender: false }
  if (first)
    return {
      kind: 'refused',
      detail: 'several organisations send from this address, and the sender belongs to none of them',
    }
  // A provider's address: notices and automatic answers have no sender, and the header alone tells whose they are.
  if (isNull) return { kind: 'header', sources, isOwnSender: false }
  return { kind: 'refused', detail: "the sender's domain is none of those who may send from this address" }
}

/** Whose header is there; null: nobody's. A field that is there twice with different values proves nothing. */
export function sourceByHeader(
  sources: readonly Source[],
  fields: readonly { name: string; value: string }[],
): Source | null {
  const found = sources.find(({ tenant }) => {
    if (tenant === null) return false
    const values = fields
      .filter(({ name }) => name.toLowerCase() === tenant.name.toLowerCase())
      .map(({ value }) => value.trim())
    return values.length > 0 && values.every((value) => value === tenant.value)
  })
  return found ?? null
}
