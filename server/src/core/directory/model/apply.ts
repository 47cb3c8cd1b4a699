/**
 * Making the tables say what a declaration says: one transaction under a lock, so that it is done whole or not at all,
 * with an audit row per organisation; done again it changes nothing. Nothing is removed without `prune`, and nobody who
 * is owed mail ever. What would take an address, domain or sign-in name from somebody else is refused with its path.
 */
import type { Clock } from '../../../platform/clock.ts'
import type { Database, Sql } from '../../../platform/db/database.ts'
import type { Keys } from '../../../platform/keys.ts'
import type { Id } from '../../../platform/ids.ts'
import { newId, NIL_ID } from '../../../platform/ids.ts'
import { bumpDirectory } from '../../../store/directory.ts'
import { ensureStandardFolders } from '../../../store/folders.ts'
import { ensureModes } from '../../../store/modes.ts'
import * as store from '../../../store/model.ts'
import * as standIns from '../../../store/stand-ins.ts'
import { beginQuietChange, replanHeld } from '../../../store/quiet.ts'
import { inOneOrder } from '../../../platform/db/repeat.ts'
import { appendAudit, canonicalJson, type AuditEntry } from '../../audit/index.ts'
import { auditItems } from './audit-items.ts'
import { planBeside } from './beside.ts'
import { comparePeople } from './compare-people.ts'
import { planSources, type SourceTools } from './declared-sources.ts'
import { desiredOf, sealed, type Current, type Desired } from './desired.ts'
import { changedFields, compare, type PlanItem } from './diff.ts'
import type { DnsRecord } from './dns-record.ts'
import { policyRecord } from './own-policy.ts'
import { dkimRecord, makeDkimKey } from './dkim-key.ts'
import { noNames, unknownNames } from './named.ts'
import { nameProblems } from './paths.ts'
import type { Problem } from './problems.ts'
import { removalsOf, remove } from './prune.ts'
import { planQuietTimes } from './quiet-times.ts'
import { redirectProblems } from './redirects.ts'
import type { Declaration, DeclaredOrganisation } from './schema.ts'
import { endOldSignIns } from './sign-in.ts'
import { storedSources } from './source-passwords.ts'

export interface ApplyDeps {
  db: Database
  clock: Clock
  keys: () => Keys
  actor: string
  /** throws with a sentence where a password is not taken */
  checkPassword: (password: string, own: string[]) => void
  hashPassword: (password: string) => Promise<string>
  verifyPassword: (verifier: string, password: string) => Promise<boolean>
  oneTimePassword: () => string
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  /** the text of a file that the declaration names under this key; throws with a sentence */
  readFile: (key: string, path: string) => string
  /** what waits for people who have an emergency mailbox now becomes visible there */
  placeWaiting: (sql: Sql, organisationId: Id) => Promise<unknown>
}

export interface Applied {
  items: PlanItem[]
  /** one-time passwords, shown once */
  invitations: { name: string; address: string; password: string }[]
  dns: DnsRecord[]
  changed: boolean
}

/** A declaration that cannot be applied as things stand; nothing was changed. */
export class ApplyError extends Error {
  readonly problems: Problem[]
  constructor(problems: Problem[]) {
    super(problems.map((problem) => `${problem.path}: ${problem.text}`).join('\n'))
    this.name = 'ApplyError'
    this.problems = problems
  }
}

class DryRun extends Error {}
const nothing = (): Applied => ({ items: [], invitations: [], dns: [], changed: false })

export async function applyDeclaration(
  deps: ApplyDeps,
  declaration: Declaration,
  how: { dryRun: boolean; prune: boolean },
): Promise<Applied> {
  let result: Applied = nothing()
  try {
    await inOneOrder(deps.db, async (sql) => {
      const touched: Id[] = []
      const audits: AuditEntry[] = []
      result = nothing()
      await store.lockModel(sql)
      for (const [index, organisation] of declaration.organisations.entries())
        touched.push(
          await applyOrganisation(sql, deps, { organisation, path: `organisations.${index}`, how, result, audits }),
        )
      if (declaration.quietTimes)
        touched.push(await applyProviders(sql, deps, declaration.quietTimes, { how, result, audits }))
      result.changed =
        result.items.some((item) => item.act === 'create' || item.act === 'change' || item.act === 'remove') ||
        result.invitations.length > 0
      if (how.dryRun) throw new DryRun()
      if (!result.changed) return
      await ensureModes(sql)
      await bumpDirectory(sql)
      // Windows may be others now, or groups have other people: what is held is looked at anew.
      await beginQuietChange(sql)
      for (const organisationId of touched) await replanHeld(sql, organisationId)
      audits.sort((a, b) => (a.organisationId < b.organisationId ? -1 : 1))
      for (const entry of audits) await appendAudit(sql, entry)
    })
  } catch (error) {
    if (error instanceof ApplyError) throw new ApplyError(nameProblems(error.problems, declaration))
    if (!(error instanceof DryRun)) throw error
  }
  return result
}

interface Work {
  organisation: DeclaredOrganisation
  path: string
  how: { dryRun: boolean; prune: boolean }
  result: Applied
  /** written at the very end: each holds the head of its chain until then */
  audits: AuditEntry[]
}

/** The provider's own quiet times, over all organisations. */
async function applyProviders(
  sql: Sql,
  deps: ApplyDeps,
  declared: NonNullable<Declaration['quietTimes']>,
  { how, result, audits }: Pick<Work, 'how' | 'result' | 'audits'>,
): Promise<Id> {
  const plan = await planQuietTimes(sql, {
    organisationId: NIL_ID,
    actor: deps.actor,
    declared,
    names: { routes: [], domains: [], groups: [], addresses: [] },
    prune: how.prune,
    newId: () => newId(deps.clock.now()),
    refuse: (index, text) => {
      throw new ApplyError([{ path: `quietTimes.${index}`, text }])
    },
  })
  result.items.push(...plan.items)
  if (how.dryRun) return NIL_ID
  await plan.carryOut()
  auditItems(audits, { organisationId: NIL_ID, subject: 'installation', actor: deps.actor }, plan.items, 0)
  return NIL_ID
}

/** The organisation's id. */
async function applyOrganisation(sql: Sql, deps: ApplyDeps, work: Work): Promise<Id> {
  const current = await readCurrent(sql, work.organisation.slug)
  refuseUnknown(current, work)
  const sources = await storedSources(work.organisation.outboundSources, current.organisation, deps, (problem) => {
    throw new ApplyError([{ ...problem, path: `${work.path}.outboundSources.${problem.path}` }])
  })
  const desired = desiredOf(work.organisation, current, {
    newId: () => newId(deps.clock.now()),
    keys: deps.keys,
    secretOf: deps.secretOf,
    readFile: deps.readFile,
    makeDkimKey,
    sources,
    refuseRoute: (index, key, text) => {
      throw new ApplyError([{ path: `${work.path}.routes.${index}.${key}`, text }])
    },
    refuseSignIn: (key, text) => {
      throw new ApplyError([{ path: `${work.path}.signIn.${key}`, text }])
    },
  })
  const organisationId = desired.organisation.id
  const { outboundRouteId } = desired.organisation
  if (work.how.prune && !desired.routes.some(({ id }) => id === outboundRouteId))
    desired.organisation.outboundRouteId = null
  await refuseTaken(sql, current, desired, work)
  refuseStolen(current, desired, work)
  refuseRedirects(current, desired, work)

  const items: PlanItem[] = []
  const routes = compare('route', current.routes, desired.routes, { nameOf: (row) => row.name })
  const domains = compare('domain', current.domains, desired.domains, {
    nameOf: (row) => row.name,
    ignored: ['dkimPrivate', 'dkimPublic'],
  })
  const groups = compare('group', current.groups, desired.groups, { nameOf: (row) => row.name })
  const people = comparePeople(current, desired)
  const redirects = compare('redirect', current.redirects, desired.redirects, { nameOf: (row) => row.display })
  const lists = compare('list', current.lists, desired.lists, { nameOf: (row) => row.display })
  const orgChanges = current.organisation ? changedFields(current.organisation, desired.organisation) : []
  items.push({
    act: current.organisation ? (orgChanges.length > 0 ? 'change' : 'leave') : 'create',
    thing: 'organisation',
    name: desired.organisation.slug,
    detail: orgChanges.join(', '),
  })
  items.push(...routes.items, ...domains.items, ...groups.items, ...people.items, ...redirects.items, ...lists.items)
  const removals = work.how.prune ? await removalsOf(sql, organisationId, current, desired) : null
  if (removals) items.push(...removals.items)
  const quiet = await quietPlan(sql, deps, current, desired, work)
  items.push(...quiet.items)
  const peopleLists = await planSources(sql, sourceTools(deps, desired, work), work.organisation.directorySources)
  items.push(...peopleLists.items)
  const beside = await planBeside(sql, { current, desired, removals, now: deps.clock.now() }, (index, key, text) => {
    throw new ApplyError([{ path: `${work.path}.people.${index}.${key}`, text }])
  })
  items.push(...beside.items)
  work.result.items.push(...items)
  for (const domain of domains.write)
    if (domain.dkimPrivate !== null)
      work.result.dns.push(dkimRecord(domain.name, domain.dkimSelector!, domain.dkimPublic!))
  for (const { name, mtaSts } of domains.write) {
    const before = current.domains.find((each) => each.name === name)?.mtaSts ?? null
    if (mtaSts !== null && canonicalJson(before) !== canonicalJson(mtaSts))
      work.result.dns.push(policyRecord(name, mtaSts))
  }

  const firstPasswords = await newPasswords(sql, deps, desired, work)
  if (work.how.dryRun) return organisationId
  if (items[0]!.act !== 'leave') await store.writeOrganisation(sql, desired.organisation)
  await endOldSignIns(sql, desired.organisation)
  if (routes.write.length > 0) await store.writeRoutes(sql, organisationId, routes.write)
  if (items[0]!.act !== 'leave') await store.writeOutbound(sql, organisationId, desired.organisation.outboundRouteId)
  if (domains.write.length > 0) await store.writeDomains(sql, organisationId, domains.write)
  if (groups.write.length > 0) await store.writeGroups(sql, organisationId, groups.write)
  if (people.write.length > 0) {
    const ids = people.write.map((row) => row.id)
    const chosen = new Set(ids)
    await store.writePeople(sql, organisationId, people.write)
    await store.writeAddresses(
      sql,
      organisationId,
      ids,
      desired.addresses.filter((row) => chosen.has(row.personId)),
    )
    await store.writeDelegations(
      sql,
      organisationId,
      ids,
      desired.delegations.filter((row) => chosen.has(row.personId)),
    )
    await ensureStandardFolders(sql, organisationId, ids)
  }
  await writeStandIns(sql, organisationId, redirects.write, lists.write)
  if (firstPasswords.length > 0) await store.writeFirstPasswords(sql, organisationId, firstPasswords)
  await beside.writeMembers()
  if (removals) await remove(sql, organisationId, removals)
  await beside.writeBook({ people: people.write, collections: [...groups.write, ...lists.write] })
  await quiet.carryOut()
  await peopleLists.carryOut()
  await deps.placeWaiting(sql, organisationId)
  const about = { organisationId, subject: `organisation:${organisationId}`, actor: deps.actor }
  auditItems(work.audits, about, items, firstPasswords.length)
  return organisationId
}

function sourceTools(deps: ApplyDeps, { organisation }: Desired, { path }: Work): SourceTools {
  return {
    clock: deps.clock,
    organisationId: organisation.id,
    hasSignIn: organisation.ldapSecret !== null,
    secretOf: deps.secretOf,
    readFile: deps.readFile,
    seal: (secret, place, before) => sealed(secret, place, before, deps)!,
    refuse: (index, key, text) => {
      throw new ApplyError([{ path: `${path}.directorySources.${index}.${key}`, text }])
    },
  }
}

/** Where the file says nothing of them, they stay. */
async function quietPlan(sql: Sql, deps: ApplyDeps, current: Current, desired: Desired, work: Work) {
  const declared = work.organisation.quietTimes
  if (declared === undefined) return { items: [], carryOut: () => Promise.resolve() }
  return planQuietTimes(sql, {
    organisationId: desired.organisation.id,
    actor: deps.actor,
    declared,
    names: {
      routes: [...desired.routes, ...current.routes],
      domains: [...desired.domains, ...current.domains],
      groups: [...desired.groups, ...current.groups],
      addresses: [...desired.addresses, ...current.addresses],
    },
    prune: work.how.prune,
    newId: () => newId(deps.clock.now()),
    refuse: (index, text) => {
      throw new ApplyError([{ path: `${work.path}.quietTimes.${index}.for`, text }])
    },
  })
}

/** Addresses that stand for others. */
async function writeStandIns(
  sql: Sql,
  organisationId: Id,
  redirects: readonly standIns.RedirectModel[],
  lists: readonly standIns.ListModel[],
): Promise<void> {
  if (redirects.length > 0) await standIns.writeRedirects(sql, organisationId, redirects)
  if (lists.length > 0) await standIns.writeLists(sql, organisationId, lists)
}

async function readCurrent(sql: Sql, slug: string): Promise<Current> {
  const organisation = await store.readOrganisation(sql, slug)
  if (!organisation)
    return {
      organisation,
      routes: [],
      domains: [],
      groups: [],
      people: [],
      addresses: [],
      redirects: [],
      delegations: [],
      lists: [],
    }
  const { id } = organisation
  return {
    organisation,
    routes: await store.readRoutes(sql, id),
    domains: await store.readDomains(sql, id),
    groups: await store.readGroups(sql, id),
    people: await store.readPeople(sql, id),
    addresses: await store.readAddresses(sql, id),
    redirects: await standIns.readRedirects(sql, id),
    delegations: await store.readDelegations(sql, id),
    lists: await standIns.readLists(sql, id),
  }
}

/** Names that are neither in the file nor in the organisation. */
function refuseUnknown(current: Current, { organisation, path, how }: Work): void {
  const stored = {
    routes: current.routes.map(({ name }) => name),
    groups: current.groups.map(({ name }) => name),
    domains: current.domains.map(({ name }) => name),
  }
  const problems = [...unknownNames(organisation, path, how.prune ? noNames : stored)]
  if (problems.length > 0) throw new ApplyError(problems.slice(0, 50))
}

/** Names that belong to another organisation or to an operator. */
async function refuseTaken(sql: Sql, current: Current, desired: Desired, work: Work): Promise<void> {
  const taken = await store.takenElsewhere(sql, current.organisation?.id ?? null, {
    domains: desired.domains.map((row) => row.name),
    addresses: desired.addresses.map((row) => row.address),
    upns: desired.people.flatMap((row) => (row.upn === null ? [] : [row.upn])),
    systems: (work.organisation.outboundSources ?? []).flatMap(({ username }) => username ?? []),
  })
  if (taken.length > 0)
    throw new ApplyError(
      taken.slice(0, 50).map((each) => ({
        path: each.kind === 'system' ? systemPath(each.name, work) : pathOf(each.name, desired, work),
        text: `"${each.name}" belongs to ${each.owner} already`,
      })),
    )
}

/** Addresses of people of this organisation whom the file does not name. */
function refuseStolen(current: Current, desired: Desired, work: Work): void {
  const names = new Map(current.people.map((row) => [row.id, row.name]))
  const owner = new Map(current.addresses.map((row) => [row.address, row.personId]))
  const problems = desired.addresses.flatMap((row) => {
    const before = owner.get(row.address)
    if (before === undefined || before === row.personId || desired.declared.has(before)) return []
    return [
      {
        path: pathOf(row.address, desired, work),
        text: `"${row.address}" belongs to ${names.get(before) ?? 'somebody'}, whom this file does not name`,
      },
    ]
  })
  if (problems.length > 0) throw new ApplyError(problems.slice(0, 50))
}

function systemPath(name: string, { organisation, path }: Work): string {
  const at = organisation.outboundSources?.findIndex(({ username }) => username === name)
  return `${path}.outboundSources.${at}.username`
}

function refuseRedirects(current: Current, desired: Desired, { organisation, path, how }: Work): void {
  const problems = [...redirectProblems(organisation, path, current, desired, how.prune)]
  if (problems.length > 0) throw new ApplyError(problems.slice(0, 50))
}

function pathOf(name: string, desired: Desired, work: Work): string {
  const domain = desired.domains.findIndex((row) => row.name === name)
  if (domain >= 0) return `${work.path}.domains.${domain}.name`
  const address = desired.addresses.find((row) => row.address === name)
  const person = desired.people.findIndex((row) => row.id === address?.personId || row.upn === name)
  return person < 0 ? work.path : `${work.path}.people.${person}`
}

/** First passwords and invitations of those who have none. */
async function newPasswords(
  sql: Sql,
  deps: ApplyDeps,
  desired: Desired,
  work: Work,
): Promise<{ id: Id; subjectId: Id; verifier: string; mustChange: boolean }[]> {
  const have = await store.peopleWithPassword(sql, desired.organisation.id)
  const wanted = [...desired.declared].filter(
    ([id, person]) =>
      !have.has(id) && (person.invite || person.password !== undefined || person.passwordFile !== undefined),
  )
  const rows = wanted.map(async ([subjectId, person]) => {
    const given = deps.secretOf(person)
    if (given !== null) {
      try {
        deps.checkPassword(given, [person.name, ...person.addresses])
      } catch (error) {
        const index = desired.people.findIndex((row) => row.id === subjectId)
        throw new ApplyError([
          {
            path: `${work.path}.people.${index}.password`,
            text: error instanceof Error ? error.message : String(error),
          },
        ])
      }
    }
    const password = given ?? deps.oneTimePassword()
    if (given === null)
      work.result.invitations.push({
        name: person.name,
        address: person.addresses[0]!,
        password: work.how.dryRun ? '' : password,
      })
    return {
      id: newId(deps.clock.now()),
      subjectId,
      verifier: work.how.dryRun ? '' : await deps.hashPassword(password),
      mustChange: given === null,
    }
  })
  return Promise.all(rows)
}
