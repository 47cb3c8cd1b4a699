/**
 * May this client hand us mail for the world, and in whose name? By the sources it is known as (its address, or what it has
 * proved) and the envelope's sender; where strangers are known by the same, the tenant header decides once it is there, and for
 * a notice from where several organisations send, its From. Pure.
 */
import type { Id } from '../../platform/ids.ts'
import { readAddressList } from '../../protocols/mime/addresses.ts'
import { foldDomain, type Source } from '../directory/index.ts'

export type Claim =
  | { kind: 'trusted'; source: Source; isOwnSender: boolean }
  /** one of these, if its header is there, or From says so */
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
  // Notices and automatic answers have no sender; who wrote them is in the message.
  if (first && isNull) return { kind: 'header', sources, isOwnSender: false }
  if (first)
    return {
      kind: 'refused',
      detail: 'several organisations send from this address, and the sender belongs to none of them',
    }
  // A provider's address: notices and automatic answers have no sender, and the header alone tells whose they are.
  if (isNull) return { kind: 'header', sources, isOwnSender: false }
  return { kind: 'refused', detail: "the sender's domain is none of those who may send from this address" }
}

type Field = { name: string; value: string }

const valuesOf = (fields: readonly Field[], wanted: string): string[] =>
  fields.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase()).map(({ value }) => value.trim())

/** Is the domain one of these, or below one (a notice is from mailer-daemon@host)? */
function isWithin(domain: string, domains: ReadonlySet<string>): boolean {
  for (let rest = domain; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1))
    if (domains.has(rest)) return true
  return false
}

const domainOf = (address: string): string | null => foldDomain(address.slice(address.lastIndexOf('@') + 1))

/** Whose domains all authors are in; null where that is nobody, or more than one. */
function byAuthors(sources: readonly Source[], fields: readonly Field[]): Source | null {
  const froms = valuesOf(fields, 'from')
  const list = froms.length === 1 ? readAddressList(froms[0]!) : null
  if (list === null || list.cut) return null
  const authors = list.groups.flatMap(({ addresses }) => addresses.map(({ email }) => domainOf(email)))
  if (authors.length === 0) return null
  const found = sources.filter(({ domains }) => authors.every((domain) => domain !== null && isWithin(domain, domains)))
  const [first] = found
  return first && found.every(({ organisationId }) => organisationId === first.organisationId) ? first : null
}

/**
 * Whose it is by its header; null: nobody's. A field that is there twice with different values proves nothing. From counts among
 * those whose own systems this is, never for a provider's address.
 */
export function sourceByHeader(sources: readonly Source[], fields: readonly Field[]): Source | null {
  const found = sources.find(({ tenant }) => {
    if (tenant === null) return false
    const values = valuesOf(fields, tenant.name)
    return values.length > 0 && values.every((value) => value === tenant.value)
  })
  return (
    found ??
    byAuthors(
      sources.filter(({ tenant }) => tenant === null),
      fields,
    )
  )
}
