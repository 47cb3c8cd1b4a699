/**
 * Checking a declaration: the schema, then what spans several entries (names that must be unique, keys that contradict
 * each other; named.ts has the names that must exist). Every problem has its path, in people's words once it leaves here
 * (paths.ts); a misspelt key gets the nearest one that exists. All problems are named at once, up to a bound.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { nearest } from '../../../platform/nearest.ts'
import { schemaWords } from '../../../platform/schema-words.ts'
import { foldAddress, foldDomain } from '../fold.ts'
import { sharedProblems } from './shared.ts'
import type { ReachProbe } from '../reach-settings.ts'
import { nameProblems } from './paths.ts'
import { quietTimeProblems } from './quiet-times.ts'
import type { Declaration, DeclaredOrganisation } from './schema.ts'
import { declarationSchema } from './schema.ts'

export interface Problem {
  path: string
  text: string
  /** another place, which the text ends with */
  first?: string
}

const MOST = 50

export function checkDeclaration(value: unknown): { declaration: Declaration } | { problems: Problem[] } {
  const parsed = declarationSchema.safeParse(value)
  if (!parsed.success)
    return { problems: nameProblems(parsed.error.issues.flatMap(issueProblems).slice(0, MOST), value) }
  const problems = [...crossChecks(parsed.data)].slice(0, MOST)
  return problems.length > 0 ? { problems: nameProblems(problems, value) } : { declaration: parsed.data }
}

function issueProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') return [{ path: path === '' ? 'file' : path, text: schemaWords(issue) }]
  const known = knownKeys(issue.path.map(String))
  return issue.keys.map((key) => {
    const near = nearest(key, known)
    return {
      path: path === '' ? shown(key) : `${path}.${shown(key)}`,
      text: `is not known here${near ? `; did you mean "${near}"?` : `; known: ${known.join(', ')}`}`,
    }
  })
}

/** A key that would not be seen, or would break the line, is quoted. */
const shown = (key: string): string => (/^[\w-]{1,60}$/.test(key) ? key : JSON.stringify(key.slice(0, 60)))

type Node = { properties?: Record<string, Node>; items?: Node }
let tree: Node | undefined

/** The keys the schema has at a path. */
function knownKeys(path: readonly string[]): string[] {
  tree ??= z.toJSONSchema(declarationSchema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Node
  let node: Node | undefined = tree
  for (const step of path) node = /^\d+$/.test(step) ? node?.items : node?.properties?.[step]
  return Object.keys(node?.properties ?? {})
}

/** Says once where a name that must be unique was seen first. */
function uniqueness(): (key: string, path: string) => Problem[] {
  const seen = new Map<string, string>()
  return (key, path) => {
    const first = seen.get(key)
    if (first === undefined) seen.set(key, path)
    return first === undefined ? [] : [{ path, text: `"${key}" is there already:`, first }]
  }
}

function* crossChecks(declaration: Declaration): Generator<Problem> {
  const slugs = uniqueness()
  const domains = uniqueness()
  const addresses = uniqueness()
  const redirects = uniqueness()
  const upns = uniqueness()
  const systems = uniqueness()
  for (const [index, organisation] of declaration.organisations.entries()) {
    const path = `organisations.${index}`
    yield* slugs(organisation.slug, `${path}.slug`)
    for (const [i, domain] of organisation.domains.entries()) {
      yield* domains(foldDomain(domain.name)!, `${path}.domains.${i}.name`)
      if (domain.kind === 'aliasOf' && domain.switching !== undefined)
        yield { path: `${path}.domains.${i}.switching`, text: 'belongs to the domain it is an alias of' }
    }
    for (const [i, person] of organisation.people.entries()) {
      for (const [j, address] of person.addresses.entries())
        yield* addresses(foldAddress(address)!, `${path}.people.${i}.addresses.${j}`)
      yield* delegated(person, `${path}.people.${i}`)
      yield* sharedProblems(person, `${path}.people.${i}`)
      if (person.upn !== undefined) yield* upns(person.upn.toLowerCase(), `${path}.people.${i}.upn`)
    }
    for (const [i, source] of (organisation.outboundSources ?? []).entries()) {
      const at = `${path}.outboundSources.${i}`
      if (source.username !== undefined) yield* systems(source.username, `${at}.username`)
      else if ((source.password ?? source.passwordFile) !== undefined)
        yield { path: at, text: 'a password is for signing in: username is missing' }
      if (source.password !== undefined && source.passwordFile !== undefined)
        yield { path: at, text: 'password or passwordFile, not both' }
    }
    for (const [i, { address, to }] of organisation.redirects.entries()) {
      const folded = foldAddress(address)!
      yield* redirects(folded, `${path}.redirects.${i}.address`)
      if (to.every((target) => foldAddress(target) === folded))
        yield { path: `${path}.redirects.${i}.to`, text: 'leads to itself and nowhere else' }
    }
    for (const [i, list] of organisation.lists.entries()) {
      const at = `${path}.lists.${i}`
      const folded = foldAddress(list.address)!
      yield* redirects(folded, `${at}.address`)
      yield* addresses(folded, `${at}.address`)
      if (list.members.length + list.groups.length === 0)
        yield { path: `${at}.members`, text: 'name at least one member or group' }
      if ((list.posting === 'named') !== list.posters.length > 0)
        yield { path: `${at}.posters`, text: 'belongs to posting named, and only there' }
    }
    yield* contradictions(organisation, path)
    yield* quietTimeProblems(organisation.quietTimes ?? [], `${path}.quietTimes`)
  }
  yield* quietTimeProblems(declaration.quietTimes ?? [], 'quietTimes')
}

/** What a person may write from is there once: as an own address, as one to send as, or on behalf of. */
function* delegated(person: DeclaredOrganisation['people'][number], path: string): Generator<Problem> {
  const once = uniqueness()
  for (const key of ['addresses', 'sendAs', 'sendOnBehalfOf'] as const)
    for (const [j, address] of person[key].entries()) {
      const problems = once(foldAddress(address)!, `${path}.${key}.${j}`)
      // Two of their addresses that are the same are named already.
      if (key !== 'addresses') yield* problems
    }
}

/** A name with tls opportunistic is no contradiction: it is encrypted then, or waits (clients/smtp/target.ts). */
function* signIn({ kind, settings, password, passwordFile }: DeclaredOrganisation['routes'][number], path: string) {
  if (kind === 'mx' && settings.username !== undefined)
    yield {
      path: `${path}.settings.username`,
      text: "a route of kind mx speaks to other people's servers, which nobody signs in to; a server that wants a name is a smarthost",
    }
  else if (settings.username === undefined && (password ?? passwordFile) !== undefined)
    yield { path, text: 'a password is for signing in: settings.username is missing' }
}

/** TLS settings that would not be looked at, or that nothing could meet. */
function* trust({ kind, settings, ...route }: DeclaredOrganisation['routes'][number], path: string) {
  const { tls, tlsPins, tlsName, tlsCa } = settings
  const at = (key: string, text: string): Problem => ({ path: `${path}.${key}`, text })
  const isCheckedByUs = tls === 'required' && kind !== 'mx'
  if (kind === 'mx' && tls === 'pinned')
    yield at('settings.tls', "a route of kind mx speaks to other people's servers, whose keys nobody knows beforehand")
  if (kind !== 'mx' && tls === 'dane' && settings.hosts.some(({ host }) => ipaddr.isValid(host)))
    yield at('settings.hosts', 'tls dane looks for records of the host: give its name, not its address')
  if (tls === 'pinned' && tlsPins.length === 0) yield at('settings.tlsPins', 'tls pinned needs at least one pin')
  if (tls !== 'pinned' && tlsPins.length > 0) yield at('settings.tlsPins', 'belongs to tls pinned, and only there')
  const where = 'belongs to tls required, for hosts of the route'
  if (!isCheckedByUs && tlsName !== undefined) yield at('settings.tlsName', where)
  if (!isCheckedByUs && tlsCa !== undefined) yield at('settings.tlsCa', where)
  if (!isCheckedByUs && route.caFile !== undefined) yield at('caFile', where)
  if (tlsCa !== undefined && route.caFile !== undefined) yield at('caFile', 'caFile or settings.tlsCa, not both')
  if ((route.clientCertificateFile === undefined) !== (route.clientKeyFile === undefined))
    yield { path, text: 'clientCertificateFile and clientKeyFile go together' }
  else if (route.clientKeyFile !== undefined && (kind === 'mx' || tls === 'none'))
    yield at('clientCertificateFile', 'nobody would see it: it is for hosts of the route, over TLS')
}

const isSigningIn = ({ kind }: ReachProbe): boolean => kind === 'imap' || kind === 'roundTrip'

/** The other way out, where the first is shut. */
function* secondExit(
  organisation: DeclaredOrganisation,
  { kind, name, settings }: DeclaredOrganisation['routes'][number],
  path: string,
) {
  if (settings.secondExit === undefined) return
  const at = (text: string): Problem => ({ path: `${path}.settings.secondExit`, text })
  if (kind === 'primary') yield at('is for ways to the outside; a primary has hosts of several priorities')
  if (settings.secondExit === name) yield at('names the route itself')
  const exit = organisation.routes.find((one) => one.name === settings.secondExit && one.name !== name)
  if (exit && exit.kind !== 'smarthost') yield at(`"${exit.name}" is not a smarthost`)
  // A notice of success says `delivered` where the route speaks LMTP, whichever exit was taken.
  if (exit && exit.settings.protocol !== settings.protocol)
    yield at(
      `"${exit.name}" speaks ${exit.settings.protocol.toUpperCase()}, this one ${settings.protocol.toUpperCase()}`,
    )
  if (exit && exit.settings.clientAddress !== settings.clientAddress)
    yield at(`"${exit.name}" wants to know the client in another way (clientAddress)`)
}

/** A probe that signs in needs a password, and a password a probe. */
function* reach({ kind, settings, reachPasswords }: DeclaredOrganisation['routes'][number], path: string) {
  if (kind !== 'primary' && settings.reach.length > 0)
    yield { path: `${path}.settings.reach`, text: "is about people's mailboxes, which only a primary has" }
  if (settings.probe.canary && kind !== 'primary')
    yield { path: `${path}.settings.probe.canary`, text: 'is sent to a mailbox, which only a primary has' }
  if (!settings.probe.enabled && (settings.probe.canary || settings.reach.some((probe) => probe.kind === 'roundTrip')))
    yield {
      path: `${path}.settings.probe.enabled`,
      text: 'canaries go with the probes: without them real mail would be tried while canaries vanish',
    }
  if (settings.probe.canary && settings.reach.some((probe) => probe.kind === 'roundTrip'))
    yield {
      path: `${path}.settings.probe.canary`,
      text: 'the roundTrip of settings.reach sends one already: leave this out',
    }
  const signsIn = settings.reach.filter(isSigningIn).map(({ name }) => name)
  const given = uniqueness()
  for (const [i, { probe, password, passwordFile }] of reachPasswords.entries()) {
    const at = `${path}.reachPasswords.${i}`
    yield* given(probe, `${at}.probe`)
    if (!signsIn.includes(probe))
      yield { path: `${at}.probe`, text: 'no probe of settings.reach that signs in has this name' }
    if ((password === undefined) === (passwordFile === undefined))
      yield { path: at, text: 'one of password and passwordFile' }
  }
  for (const [i, probe] of settings.reach.entries())
    if (isSigningIn(probe) && !reachPasswords.some((one) => one.probe === probe.name))
      yield { path: `${path}.settings.reach.${i}`, text: 'its password is missing: add it to reachPasswords' }
}

function* contradictions(organisation: DeclaredOrganisation, path: string): Generator<Problem> {
  const unique = { route: uniqueness(), group: uniqueness(), source: uniqueness() }
  for (const [i, { name }] of (organisation.directorySources ?? []).entries())
    yield* unique.source(name, `${path}.directorySources.${i}.name`)
  for (const [i, route] of organisation.routes.entries()) {
    yield* unique.route(route.name, `${path}.routes.${i}.name`)
    if (route.kind !== 'mx' && route.settings.hosts.length === 0)
      yield { path: `${path}.routes.${i}.settings.hosts`, text: 'name at least one host' }
    if (route.password !== undefined && route.passwordFile !== undefined)
      yield { path: `${path}.routes.${i}`, text: 'password or passwordFile, not both' }
    yield* signIn(route, `${path}.routes.${i}`)
    yield* trust(route, `${path}.routes.${i}`)
    yield* reach(route, `${path}.routes.${i}`)
    yield* secondExit(organisation, route, `${path}.routes.${i}`)
    if (route.kind === 'mx' && route.settings.clientAddress !== 'none')
      yield {
        path: `${path}.routes.${i}.settings.clientAddress`,
        text: "other people's servers are not told whom we had a message from",
      }
  }
  for (const [i, domain] of organisation.domains.entries())
    if ((domain.kind === 'aliasOf') !== (domain.aliasOf !== undefined))
      yield { path: `${path}.domains.${i}.aliasOf`, text: 'belongs to kind aliasOf, and only there' }
  for (const [i, group] of organisation.groups.entries()) yield* unique.group(group.name, `${path}.groups.${i}.name`)
  for (const [i, person] of organisation.people.entries())
    if (
      [person.password, person.passwordFile, person.invite || undefined].filter((each) => each !== undefined).length > 1
    )
      yield { path: `${path}.people.${i}`, text: 'one of password, passwordFile and invite' }
}
