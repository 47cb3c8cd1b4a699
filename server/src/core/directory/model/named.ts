/**
 * Names that a declaration uses: they must be in it, or in the organisation as it stands, so that a file with one more
 * person or domain is enough to add them. With --prune only the file counts, because what it does not name will go.
 */
import { nearest } from '../../../platform/nearest.ts'
import { foldAddress, foldDomain } from '../fold.ts'
import type { Problem } from './problems.ts'
import type { DeclaredOrganisation } from './schema.ts'

export interface Names {
  routes: readonly string[]
  groups: readonly string[]
  domains: readonly string[]
}

export const noNames: Names = { routes: [], groups: [], domains: [] }

export function* unknownNames(organisation: DeclaredOrganisation, path: string, stored: Names): Generator<Problem> {
  const routes = [...organisation.routes.map((route) => route.name), ...stored.routes]
  const groups = [...organisation.groups.map((group) => group.name), ...stored.groups]
  const domains = new Set([...organisation.domains.map((domain) => foldDomain(domain.name)!), ...stored.domains])
  const known = (what: string, list: readonly string[], name: string | undefined, at: string): Problem[] => {
    if (name === undefined || list.includes(name)) return []
    const near = nearest(name, list)
    return [
      {
        path: at,
        text: `there is no ${what} "${name}" in this organisation${near ? `; did you mean "${near}"?` : ''}`,
      },
    ]
  }
  yield* known('route', routes, organisation.outboundRoute, `${path}.outboundRoute`)
  for (const [i, { settings }] of organisation.routes.entries())
    yield* known('route', routes, settings.secondExit, `${path}.routes.${i}.settings.secondExit`)
  for (const [i, { route, otherRoute, aliasOf }] of organisation.domains.entries()) {
    const at = `${path}.domains.${i}`
    yield* known('route', routes, route, `${at}.route`)
    yield* known('route', routes, otherRoute, `${at}.otherRoute`)
    if (aliasOf !== undefined && !domains.has(foldDomain(aliasOf)!))
      yield { path: `${at}.aliasOf`, text: `there is no domain "${aliasOf}" in this organisation` }
  }
  for (const [i, group] of organisation.groups.entries())
    yield* known('route', routes, group.route, `${path}.groups.${i}.route`)
  for (const [i, person] of organisation.people.entries()) {
    const at = `${path}.people.${i}`
    yield* known('route', routes, person.route, `${at}.route`)
    yield* known('group', groups, person.group, `${at}.group`)
    for (const key of ['addresses', 'sendAs', 'sendOnBehalfOf'] as const)
      for (const [j, address] of person[key].entries()) {
        const folded = foldAddress(address)!
        const domain = folded.slice(folded.lastIndexOf('@') + 1)
        if (!domains.has(domain))
          yield { path: `${at}.${key}.${j}`, text: `${domain} is not among this organisation's domains` }
      }
  }
  for (const [i, { privateAddress }] of organisation.people.entries()) {
    const folded = privateAddress === undefined ? null : foldAddress(privateAddress)
    if (folded !== null && domains.has(folded.slice(folded.lastIndexOf('@') + 1)))
      yield {
        path: `${path}.people.${i}.privateAddress`,
        text: "is at one of this organisation's own domains, which an outage may take away; name one outside",
      }
  }
  for (const what of ['redirects', 'lists'] as const)
    for (const [i, { address }] of organisation[what].entries()) {
      const folded = foldAddress(address)!
      const domain = folded.slice(folded.lastIndexOf('@') + 1)
      if (!domains.has(domain))
        yield { path: `${path}.${what}.${i}.address`, text: `${domain} is not among this organisation's domains` }
    }
  for (const [i, list] of organisation.lists.entries())
    for (const [j, group] of list.groups.entries())
      yield* known('group', groups, group, `${path}.lists.${i}.groups.${j}`)
}
