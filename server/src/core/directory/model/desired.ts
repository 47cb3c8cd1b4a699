/**
 * What the tables are to hold for one declared organisation, given what they hold now: ids are kept where a name (for
 * people: an address) is known, and made where it is new. Nothing is written here.
 */
import {
  DelegationKind,
  DomainKind,
  ListPosting,
  PersonSource,
  Role,
  RouteKind,
  UnknownPolicy,
} from '../../../platform/codes.ts'
import type { Keys } from '../../../platform/keys.ts'
import type { Id } from '../../../platform/ids.ts'
import type {
  AddressModel,
  DelegationModel,
  DomainModel,
  GroupModel,
  OrganisationModel,
  PersonModel,
  RouteModel,
} from '../../../store/model.ts'
import type { ListModel, RedirectModel } from '../../../store/stand-ins.ts'
import { foldAddress, foldDomain } from '../fold.ts'
import { privatePlace } from '../notice-settings.ts'
import { providerPlace } from '../provider-settings.ts'
import { ldapPlace } from '../sign-in-settings.ts'
import type { DkimKey } from './dkim-key.ts'
import { readRouteFiles } from './route-files.ts'
import type { DeclaredOrganisation, DeclaredPerson } from './schema.ts'
import { kindOf } from './shared.ts'
import { signInOf } from './sign-in.ts'
import type { StoredSources } from './source-passwords.ts'

export interface Current {
  organisation: OrganisationModel | null
  routes: RouteModel[]
  domains: DomainModel[]
  groups: GroupModel[]
  people: PersonModel[]
  addresses: AddressModel[]
  redirects: RedirectModel[]
  delegations: DelegationModel[]
  lists: ListModel[]
}
export interface Tools {
  newId: () => Id
  keys: () => Keys
  /** passwords of the file and of the files it names, by path */
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  /** the text of a file that the declaration names under this key */
  readFile: (key: string, path: string) => string
  makeDkimKey: () => DkimKey
  /** its outboundSources as they are to be stored */
  sources: StoredSources
  /** what the file says of a route cannot be: throws */
  refuseRoute: (index: number, key: string, text: string) => never
  /** the same of its signIn; the key begins with `ldap` or `provider` */
  refuseSignIn: (key: string, text: string) => never
}
export interface Desired {
  organisation: OrganisationModel
  routes: RouteModel[]
  domains: DomainModel[]
  groups: GroupModel[]
  people: PersonModel[]
  addresses: AddressModel[]
  redirects: RedirectModel[]
  delegations: DelegationModel[]
  lists: ListModel[]
  declared: Map<Id, DeclaredPerson>
}

type Scopes = DeclaredOrganisation['scopes']
const scopesOf = (scopes: Scopes) => ({
  filtering: scopes.filtering ?? null,
  rollingCopy: scopes.rollingCopy ?? null,
  emergency: scopes.emergencyMailbox ?? null,
})

export function desiredOf(declared: DeclaredOrganisation, current: Current, tools: Tools): Desired {
  const id = current.organisation?.id ?? tools.newId()
  const routes = declared.routes.map((route, index) => routeOf(route, index, current, tools))
  // What the file does not name is as it was.
  const routeId = (name: string | undefined): Id | null =>
    [...routes, ...current.routes].find((route) => route.name === name)?.id ?? null
  const groups = declared.groups.map((group) => ({
    id: current.groups.find((each) => each.name === group.name)?.id ?? tools.newId(),
    name: group.name,
    routeId: routeId(group.route),
    ...scopesOf(group.scopes),
  }))
  const domains = domainsOf(declared, current, tools, routeId)
  const { people, addresses, byId } = peopleOf(declared, current, tools, { routeId, groups, domains })
  return {
    organisation: {
      id,
      slug: declared.slug,
      name: declared.name,
      ...keptOf(declared, current.organisation),
      outboundRouteId:
        declared.outboundRoute === undefined
          ? (current.organisation?.outboundRouteId ?? null)
          : routeId(declared.outboundRoute),
      outboundSources: tools.sources.sources,
      outboundVerifiers: tools.sources.verifiers,
      ...signInOf(declared.signIn, current.organisation, {
        secretOf: tools.secretOf,
        readFile: tools.readFile,
        seal: (secret, before) => sealed(secret, ldapPlace(id), before, tools)!,
        sealProvider: (secret, before) => sealed(secret, providerPlace(id), before, tools)!,
        refuse: tools.refuseSignIn,
      }),
      filtering: declared.scopes.filtering ?? current.organisation?.filtering ?? true,
      rollingCopy: declared.scopes.rollingCopy ?? current.organisation?.rollingCopy ?? true,
      emergency: declared.scopes.emergencyMailbox ?? current.organisation?.emergency ?? true,
    },
    routes,
    domains,
    groups,
    people,
    addresses,
    redirects: redirectsOf(declared, current, domains, tools),
    delegations: [...byId].flatMap(([personId, person]) => delegationsOf(personId, person)),
    lists: listsOf(declared, current, { domains, groups }, tools),
    declared: byId,
  }
}

/** What stays as it is where the file says nothing of it. */
function keptOf(declared: DeclaredOrganisation, before: OrganisationModel | null) {
  return {
    retentionDays: declared.retentionDays ?? before?.retentionDays ?? 14,
    alarmsTo: declared.alarmsTo ?? before?.alarmsTo ?? [],
    notices: declared.notices ?? before?.notices ?? {},
    mailboxAccess: declared.mailboxAccess ?? before?.mailboxAccess ?? {},
  }
}

/** A list is known by its address. */
function listsOf(
  declared: DeclaredOrganisation,
  current: Current,
  named: { domains: readonly DomainModel[]; groups: readonly GroupModel[] },
  tools: Tools,
): ListModel[] {
  const ids = new Map(current.lists.map(({ address, id }) => [address, id]))
  const domainIds = new Map([...current.domains, ...named.domains].map((domain) => [domain.name, domain.id]))
  const groupIds = new Map([...current.groups, ...named.groups].map((group) => [group.name, group.id]))
  return declared.lists.map((list) => {
    const address = foldAddress(list.address)!
    return {
      id: ids.get(address) ?? tools.newId(),
      address,
      display: list.address,
      domainId: domainIds.get(address.slice(address.lastIndexOf('@') + 1))!,
      name: list.name,
      members: list.members,
      groupIds: list.groups.map((name) => groupIds.get(name)!),
      posting: ListPosting[list.posting],
      posters: list.posters.map((poster) => foldAddress(poster)!),
      help: list.help ?? null,
      unsubscribe: list.unsubscribe ?? null,
      pauseBounces: list.pauseAfter?.bounces ?? null,
      pauseDays: list.pauseAfter?.days ?? null,
    }
  })
}

/** A redirect is known by its address. */
function redirectsOf(
  declared: DeclaredOrganisation,
  current: Current,
  domains: readonly DomainModel[],
  tools: Tools,
): RedirectModel[] {
  const ids = new Map(current.redirects.map(({ address, id }) => [address, id]))
  const domainIds = new Map([...current.domains, ...domains].map((domain) => [domain.name, domain.id]))
  return declared.redirects.map(({ address: display, to: targets, keepCopy = true }) => {
    const address = foldAddress(display)!
    const domainId = domainIds.get(address.slice(address.lastIndexOf('@') + 1))!
    return { id: ids.get(address) ?? tools.newId(), address, display, domainId, targets, keepCopy }
  })
}

function routeOf(
  route: DeclaredOrganisation['routes'][number],
  index: number,
  current: Current,
  tools: Tools,
): RouteModel {
  const files = readRouteFiles(route, tools.readFile, (key, text) => tools.refuseRoute(index, key, text))
  const old = current.routes.find((each) => each.name === route.name)
  const id = old?.id ?? tools.newId()
  return {
    id,
    name: route.name,
    kind: RouteKind[route.kind],
    settings: files.ca === undefined ? route.settings : { ...route.settings, tlsCa: files.ca },
    secret: sealed(tools.secretOf(route), `route.secret_sealed:${id}`, old?.secret ?? null, tools),
    reachSecrets: sealed(reachSecretsOf(route, tools), `route.reach_sealed:${id}`, old?.reachSecrets ?? null, tools),
    clientTls: sealed(files.client, `route.client_tls_sealed:${id}`, old?.clientTls ?? null, tools),
  }
}

function reachSecretsOf(route: DeclaredOrganisation['routes'][number], tools: Tools): string | null {
  if (route.reachPasswords.length === 0) return null
  return JSON.stringify(Object.fromEntries(route.reachPasswords.map((one) => [one.probe, tools.secretOf(one) ?? ''])))
}

/** Sealing is never the same twice: an unchanged secret keeps its sealed form. */
export function sealed(
  secret: string | null,
  place: string,
  before: string | null,
  tools: Pick<Tools, 'keys'>,
): string | null {
  if (secret === null) return null
  if (before !== null) {
    try {
      if (tools.keys().open(place, Buffer.from(before, 'hex')).toString() === secret) return before
    } catch {
      // Sealed under another key: sealed anew.
    }
  }
  return tools.keys().seal(place, Buffer.from(secret)).toString('hex')
}

function domainsOf(
  declared: DeclaredOrganisation,
  current: Current,
  tools: Tools,
  routeId: (name: string | undefined) => Id | null,
): DomainModel[] {
  const ids = new Map(current.domains.map(({ name, id }) => [name, id]))
  for (const domain of declared.domains) {
    const name = foldDomain(domain.name)!
    if (!ids.has(name)) ids.set(name, tools.newId())
  }
  return declared.domains.map((domain) => {
    const name = foldDomain(domain.name)!
    const old = current.domains.find((each) => each.name === name)
    const key = dkimOf(domain.dkim?.selector.toLowerCase() ?? null, old, ids.get(name)!, tools)
    return {
      id: ids.get(name)!,
      name,
      kind: DomainKind[domain.kind],
      aliasOfId: domain.aliasOf === undefined ? null : ids.get(foldDomain(domain.aliasOf)!)!,
      otherRouteId: routeId(domain.otherRoute),
      catchAll: domain.catchAll ?? null,
      separator: domain.subaddressSeparator,
      routeId: routeId(domain.route),
      complete: domain.recipientsComplete,
      unknownPolicy: UnknownPolicy[domain.unknown],
      callouts: domain.callouts === 'auto',
      warnAfterHours: domain.warnAfterHours ?? null,
      mtaSts: domain.mtaSts ?? null,
      switching: domain.switching ?? null,
      ...key,
      ...scopesOf(domain.scopes),
    }
  })
}

function dkimOf(
  selector: string | null,
  old: DomainModel | undefined,
  domainId: Id,
  tools: Tools,
): Pick<DomainModel, 'dkimSelector' | 'dkimPublic' | 'dkimPrivate'> {
  if (selector === null) return { dkimSelector: null, dkimPublic: null, dkimPrivate: null }
  if (old?.dkimSelector === selector && old.dkimPublic !== null)
    return { dkimSelector: selector, dkimPublic: old.dkimPublic, dkimPrivate: null }
  const key = tools.makeDkimKey()
  const sealedKey = tools
    .keys()
    .seal(`domain.dkim_private_sealed:${domainId}`, Buffer.from(key.privatePem))
    .toString('hex')
  return { dkimSelector: selector, dkimPublic: key.publicBase64, dkimPrivate: sealedKey }
}

function delegationsOf(personId: Id, person: DeclaredPerson): DelegationModel[] {
  const of = (addresses: readonly string[], kind: number): DelegationModel[] =>
    addresses.map((display) => ({ address: foldAddress(display)!, display, personId, kind }))
  return [...of(person.sendAs, DelegationKind.sendAs), ...of(person.sendOnBehalfOf, DelegationKind.onBehalf)]
}

/** A declared person is the one who has the first of their addresses that anybody has, each person once. */
function peopleOf(
  declared: DeclaredOrganisation,
  current: Current,
  tools: Tools,
  known: { routeId: (name: string | undefined) => Id | null; groups: GroupModel[]; domains: DomainModel[] },
): { people: PersonModel[]; addresses: AddressModel[]; byId: Map<Id, DeclaredPerson> } {
  const owner = new Map(current.addresses.map((row) => [row.address, row.personId]))
  const before = new Map(current.people.map((row) => [row.id, row]))
  const domainIds = new Map([...current.domains, ...known.domains].map((domain) => [domain.name, domain.id]))
  const groupIds = new Map([...current.groups, ...known.groups].map((group) => [group.name, group.id]))
  const byId = new Map<Id, DeclaredPerson>()
  const people: PersonModel[] = []
  const addresses: AddressModel[] = []
  for (const person of declared.people) {
    const folded = person.addresses.map((address) => foldAddress(address)!)
    const old = folded.map((address) => owner.get(address)).find((id) => id !== undefined && !byId.has(id))
    const id = old ?? tools.newId()
    byId.set(id, person)
    people.push({
      id,
      name: person.name,
      upn: person.upn === undefined ? null : (foldAddress(person.upn) ?? person.upn.toLowerCase()),
      // the person's own choice on the page stays where the file has none
      locale: person.locale ?? before.get(id)?.locale ?? 'en',
      role: Role[person.role],
      groupId: person.group === undefined ? null : groupIds.get(person.group)!,
      routeId: known.routeId(person.route),
      // Nobody signs in to a shared mailbox; its mail comes all the same.
      disabled: person.shared !== undefined,
      kind: kindOf(person.shared),
      privateAddress: sealed(
        person.privateAddress ?? null,
        privatePlace(id),
        before.get(id)?.privateAddress ?? null,
        tools,
      ),
      // Named here they are by hand from now on: no source renames or removes them.
      source: PersonSource.manual,
      ...scopesOf(person.scopes),
    })
    for (const [index, address] of folded.entries())
      addresses.push({
        address,
        display: person.addresses[index]!,
        personId: id,
        domainId: domainIds.get(address.slice(address.lastIndexOf('@') + 1))!,
        primary: index === 0,
        fromSource: false,
      })
  }
  const named = new Set(addresses.map(({ address }) => address))
  for (const row of current.addresses)
    // What a source adds to a declared person is the source's to take away.
    if (row.fromSource && byId.has(row.personId) && !named.has(row.address)) addresses.push({ ...row, primary: false })
  return { people, addresses, byId }
}
