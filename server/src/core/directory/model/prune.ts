/**
 * Removing what a declaration does not name any more, when asked to. Kept, with the reason: people who are owed mail,
 * domains that still have addresses, routes that deliveries went through. People with mail here lose sign-in and
 * addresses; their mail stays until its retention ends.
 */
import { PersonSource } from '../../../platform/codes.ts'
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { linkedPeople } from '../../../store/directory-sources.ts'
import * as store from '../../../store/model.ts'
import * as removing from '../../../store/model-removals.ts'
import * as standIns from '../../../store/stand-ins.ts'
import type { Current, Desired } from './desired.ts'
import type { PlanItem } from './diff.ts'

export interface Removals {
  items: PlanItem[]
  people: { id: Id; keep: boolean }[]
  groups: Id[]
  domains: Id[]
  routes: Id[]
  redirects: Id[]
  lists: Id[]
}

const missing = <T extends { id: Id }>(before: readonly T[], after: readonly { id: Id }[]): T[] => {
  const ids = new Set(after.map((row) => row.id))
  return before.filter((row) => !ids.has(row.id))
}

export async function removalsOf(sql: Sql, organisationId: Id, current: Current, desired: Desired): Promise<Removals> {
  const items: PlanItem[] = []
  const found: Removals = { items, people: [], groups: [], domains: [], routes: [], redirects: [], lists: [] }
  const addressed = new Set(current.addresses.map((row) => row.personId))
  // Removed before, kept for their mail: nothing left to do.
  const unnamed = missing(current.people, desired.people).filter((row) => !row.disabled || addressed.has(row.id))
  const spokenOf = await linkedPeople(sql, organisationId)
  const people = unnamed.filter((row) => !spokenOf.has(row.id))
  const mail = new Map(
    (
      await store.peopleWithMail(
        sql,
        organisationId,
        people.map((row) => row.id),
      )
    ).map((row) => [row.id, row]),
  )
  const keptPeople = new Set<Id>(spokenOf)
  // Their list says when they go. Of those that only a list knows the file cannot know anything: nothing is said of them.
  for (const person of unnamed)
    if (spokenOf.has(person.id) && person.source === PersonSource.manual)
      items.push({ act: 'keep', thing: 'person', name: person.name, detail: 'a directory source speaks of them' })
  for (const person of people) {
    const has = mail.get(person.id)!
    if (has.owed) keptPeople.add(person.id)
    else found.people.push({ id: person.id, keep: has.copies })
    items.push({
      act: has.owed ? 'keep' : 'remove',
      thing: 'person',
      name: person.name,
      detail: has.owed
        ? 'is owed mail'
        : has.copies
          ? 'sign-in and addresses; mail stays until its retention ends'
          : '',
    })
  }
  for (const group of missing(current.groups, desired.groups)) {
    found.groups.push(group.id)
    items.push({ act: 'remove', thing: 'group', name: group.name, detail: '' })
  }
  for (const redirect of missing(current.redirects, desired.redirects)) {
    found.redirects.push(redirect.id)
    items.push({ act: 'remove', thing: 'redirect', name: redirect.display, detail: '' })
  }
  for (const list of missing(current.lists, desired.lists)) {
    found.lists.push(list.id)
    items.push({ act: 'remove', thing: 'list', name: list.display, detail: '' })
  }
  const usedDomains = new Set(
    current.addresses.filter((row) => keptPeople.has(row.personId)).map((row) => row.domainId),
  )
  for (const domain of missing(current.domains, desired.domains)) {
    const used = usedDomains.has(domain.id)
    if (!used) found.domains.push(domain.id)
    items.push({
      act: used ? 'keep' : 'remove',
      thing: 'domain',
      name: domain.name,
      detail: used ? 'has addresses of people who are kept' : '',
    })
  }
  const routes = missing(current.routes, desired.routes)
  const unused = await removing.unusedRoutes(
    sql,
    organisationId,
    routes.map((row) => row.id),
  )
  const referred = new Set([
    ...current.people.filter((row) => keptPeople.has(row.id)).map((row) => row.routeId),
    ...current.domains.filter((row) => usedDomains.has(row.id)).flatMap((row) => [row.routeId, row.otherRouteId]),
  ])
  for (const route of routes) {
    const gone = unused.has(route.id) && !referred.has(route.id)
    if (gone) found.routes.push(route.id)
    items.push({
      act: gone ? 'remove' : 'keep',
      thing: 'route',
      name: route.name,
      detail: gone ? '' : 'mail went through it',
    })
  }
  return found
}

export async function remove(sql: Sql, organisationId: Id, removals: Removals): Promise<void> {
  if (removals.people.length > 0) await removing.removePeople(sql, organisationId, removals.people)
  if (removals.groups.length > 0) await removing.removeGroups(sql, organisationId, removals.groups)
  if (removals.redirects.length > 0) await standIns.removeRedirects(sql, organisationId, removals.redirects)
  if (removals.lists.length > 0) await standIns.removeLists(sql, organisationId, removals.lists)
  if (removals.domains.length > 0) await removing.removeDomains(sql, organisationId, removals.domains)
  if (removals.routes.length > 0) await removing.removeRoutes(sql, organisationId, removals.routes)
}
