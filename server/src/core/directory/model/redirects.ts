/** What a redirect or a list says that cannot be, or cannot be meant: known only beside the people that are there or to be there. */
import { DomainKind } from '../../../platform/codes.ts'
import { foldAddress, localCandidates } from '../fold.ts'
import type { Current, Desired } from './desired.ts'
import type { Problem } from './problems.ts'
import type { DeclaredOrganisation } from './schema.ts'

const partsOf = (folded: string): [string, string] => {
  const at = folded.lastIndexOf('@')
  return [folded.slice(0, at), folded.slice(at + 1)]
}

const NOBODY = 'there is nobody with this address, and everybody of its domain is listed'

/** `isWhole`: what the file does not name will be gone. */
export function* redirectProblems(
  organisation: DeclaredOrganisation,
  path: string,
  before: Current,
  after: Desired,
  isWhole: boolean,
): Generator<Problem> {
  const current = isWhole ? { addresses: [], redirects: [], lists: [], domains: [] } : before
  const people = new Set([...current.addresses, ...after.addresses].map(({ address }) => address))
  const lists = new Set([...current.lists, ...after.lists].map(({ address }) => address))
  const redirects = new Set([...current.redirects, ...after.redirects].map(({ address }) => address))
  const known = new Set([...people, ...redirects, ...lists])
  const domains = new Map([...current.domains, ...after.domains].map((domain) => [domain.name, domain]))

  /** Everybody of its domain is listed, and it is nobody. */
  function isNobody(target: string): boolean {
    const [local, name] = partsOf(foldAddress(target)!)
    const domain = domains.get(name)
    if (!domain?.complete || domain.kind !== DomainKind.authoritative || domain.catchAll !== null) return false
    if (local === 'postmaster') return false
    return !localCandidates(local, domain.separator).some((each) => known.has(`${each}@${name}`))
  }

  for (const address of lists)
    if (people.has(address) || redirects.has(address))
      yield { path, text: `${address} is a list, and somebody's address or a redirect as well` }
  for (const [i, { members }] of organisation.lists.entries())
    for (const [j, member] of members.entries())
      if (isNobody(member)) yield { path: `${path}.lists.${i}.members.${j}`, text: NOBODY }
  for (const [i, { address, to, keepCopy }] of organisation.redirects.entries()) {
    const at = `${path}.redirects.${i}`
    if (keepCopy === true && !people.has(foldAddress(address)!))
      yield { path: `${at}.keepCopy`, text: `nobody has ${address}, so there is no mailbox for a copy` }
    for (const [j, target] of to.entries()) if (isNobody(target)) yield { path: `${at}.to.${j}`, text: NOBODY }
  }
}
