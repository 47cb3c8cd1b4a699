/**
 * From an address to its person and route (the decision behind every RCPT), without cache. In this order:
 *   1. an address of a person, or one that stands for others (expand.ts): as written, then without its subaddress, in
 *      the domain, then in the domains it is an alias of (each domain once: a ring of aliases ends);
 *   2. postmaster, which must always be taken (RFC 5321 section 4.5.1);
 *   3. the domain's catch-all;
 *   4. shared domain: strangers go to the other route;
 *   5. complete list: unknown-recipient (550);
 *   6. an address the primary has accepted before, or said when asked that it has, if it does not take everybody: taken;
 *      one it refused when it was asked lately: 550;
 *   7. nobody can say: 450, or taken and parked (promise 7: never 550). core/callouts may ask.
 * Route: the person's, else the group's, else the domain's. Without any route the answer is temporary, never 550.
 */
import { DomainKind, KnownSource, UnknownPolicy } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { NIL_ID } from '../../platform/ids.ts'
import { domainByName, findAddresses, findKnown, oldestDomain } from '../../store/directory.ts'
import type { AddressRow, DomainRow, KnownRow, ListRow, RedirectRow } from '../../store/directory.ts'
import { expand, inTheWorld, type Expansion, type Targets } from './expand.ts'
import { foldAddress, localCandidates, splitAddress } from './fold.ts'
import type { SplitAddress } from './fold.ts'
import {
  RefusedThere,
  Unverified,
  type AnswerAges,
  type MailingList,
  type Recipient,
  type Unlisted,
} from './recipient.ts'

/** More links than this in a chain of alias domains is a mistake; the rest of the chain is not looked at. */
const LONGEST_CHAIN = 8

/** Where nothing else is set: what is known changes seldom, and who is new today should not wait long. */
export const USUAL_AGES: AnswerAges = { knownMs: 7 * 86_400_000, unknownMs: 3_600_000 }

/** How a domain is found: through the cache of directory.ts, or straight from the store. */
export type FindDomain = (name: string) => Promise<DomainRow | null>

/** Who an address is, before what it stands for is looked up. */
export interface Entry {
  recipient: Recipient
  redirect: RedirectRow | null
}

/** What an address that stands for others comes to, by the id of its redirect or list: found once for all its spellings. */
export interface Expansions {
  get(id: string): Promise<Expansion> | undefined
  set(id: string, found: Promise<Expansion>): void
}

export async function lookUp(
  sql: Sql,
  address: string,
  findDomain: FindDomain = (name) => domainByName(sql, name),
  expansions: Expansions = new Map<string, Promise<Expansion>>(),
  ages = USUAL_AGES,
): Promise<Recipient> {
  const ask: Ask = { sql, ages, findDomain, findRows: (addresses) => findAddresses(sql, addresses) }
  const { recipient, redirect } = await findEntry(ask, address, false)
  if (redirect === null) return recipient
  const known = expansions.get(redirect.id)
  const found = known ?? expand({ recipient, redirect }, redirect.address, targetsOf(ask, recipient, redirect))
  if (!known) expansions.set(redirect.id, found)
  const { to, unknown } = await found
  const { list } = redirect
  if (list) return { ...recipient, list: { ...listOf(redirect, list, to), unknown } }
  const domain = domainOf(redirect.address)
  return { ...recipient, redirect: { domain, to: withSpelling(to, recipient), unknown } }
}

/** The own copy of a person goes to the address as it is written this time. */
function withSpelling(to: readonly Recipient[], { personId, address }: Recipient): readonly Recipient[] {
  const at = personId === null ? -1 : to.findIndex((one) => one.personId === personId)
  return at < 0 || to[at]!.address === address ? to : to.with(at, { ...to[at]!, address })
}

function targetsOf(ask: Ask, { organisationId }: Recipient, redirect: RedirectRow): Targets {
  const loaded = new Map<string, AddressRow[]>()
  const again: Ask = {
    ...ask,
    findRows: (addresses) =>
      addresses.every((one) => loaded.has(one))
        ? Promise.resolve(addresses.flatMap((one) => loaded.get(one)!))
        : ask.findRows(addresses),
  }
  return {
    async load(targets) {
      const wanted = targets.flatMap((target) => foldAddress(target) ?? [])
      for (const one of wanted) loaded.set(one, [])
      for (const row of await ask.findRows(wanted)) loaded.get(row.address)?.push(row)
    },
    async find(target) {
      const split = splitAddress(target)
      const domain = split?.domain ? await ask.findDomain(split.domain) : null
      if (domain?.organisationId === organisationId) return findEntry(again, target, true)
      const { outboundRouteId } = (await ask.findDomain(domainOf(redirect.address)))!
      return { recipient: inTheWorld(organisationId, outboundRouteId, target), redirect: null }
    },
  }
}

function listOf({ id, address }: RedirectRow, list: ListRow, to: readonly Recipient[]): Omit<MailingList, 'unknown'> {
  const members = to.filter((one) => !list.paused.includes(foldAddress(one.address) ?? one.folded))
  if (members.length === 0) throw new WireError('config', `all members of the list <${address}> are paused`)
  return { id, address, ...list, members }
}

/** What a look-up asks. */
interface Ask {
  sql: Sql
  ages: AnswerAges
  findDomain: FindDomain
  findRows(addresses: readonly string[]): Promise<AddressRow[]>
}

const domainOf = (folded: string): string => folded.slice(folded.lastIndexOf('@') + 1)

/** `vouched`: an admin has named it, which counts for where nobody else can say. */
async function findEntry(ask: Ask, address: string, vouched: boolean): Promise<Entry> {
  const split = splitAddress(address)
  if (!split) throw new WireError('address-syntax-recipient')
  const domain = split.domain === null ? await oldestDomain(ask.sql) : await ask.findDomain(split.domain)
  if (!domain) throw new WireError('relay-denied')
  const chain = await aliasChain(domain, ask.findDomain)
  const separator = chain.at(-1)!.separator
  const locals = localCandidates(split.local, separator)
  const written = split.domain === null ? `postmaster@${domain.name}` : address
  const base = { address: written, folded: `${locals.at(-1)!}@${chain.at(-1)!.name}` }

  const found = await findRows(ask, chain, locals)
  if (found) return entryOf(found, { ...base, folded: found.address })
  return stranger(ask, { split, domain: chain.at(-1)!, chain, locals, base, vouched })
}

/** The domain itself, then what it is an alias of, each at most once. */
async function aliasChain(first: DomainRow, findDomain: FindDomain): Promise<DomainRow[]> {
  const chain = [first]
  for (
    let domain = first;
    domain.kind === DomainKind.aliasOf && domain.aliasOf !== null && chain.length < LONGEST_CHAIN;
  ) {
    const next = await findDomain(domain.aliasOf)
    if (!next || chain.some((seen) => seen.domainId === next.domainId)) break
    chain.push(next)
    domain = next
  }
  return chain
}

/** What is known of the first of the addresses that exists. */
interface Found {
  domain: DomainRow
  address: string
  person: PersonRow | null
  redirect: RedirectRow | null
}
type PersonRow = AddressRow & { personId: string }
const isPerson = (row: AddressRow): row is PersonRow => row.personId !== null

async function findRows(ask: Ask, chain: DomainRow[], locals: string[]): Promise<Found | null> {
  const rows = await ask.findRows(chain.flatMap((domain) => locals.map((local) => `${local}@${domain.name}`)))
  for (const domain of chain)
    for (const local of locals) {
      const found = foundAt(rows, domain, `${local}@${domain.name}`)
      if (found) return found
    }
  return null
}

function foundAt(rows: readonly AddressRow[], domain: DomainRow, address: string): Found | null {
  const own = rows.filter((row) => row.address === address && row.organisationId === domain.organisationId)
  if (own.length === 0) return null
  return {
    domain,
    address,
    person: own.find(isPerson) ?? null,
    redirect: own.find(({ redirect }) => redirect !== null)?.redirect ?? null,
  }
}

function entryOf({ domain, person, redirect }: Found, names: Names): Entry {
  // Where nothing stays here, nothing goes by this route: only what it stands for needs one.
  const isOnlyPassing = redirect !== null && (person === null || !redirect.keepCopy)
  const at = isOnlyPassing ? { ...domain, routeId: domain.routeId ?? NIL_ID } : domain
  return { recipient: person ? withPerson(at, person, names) : withoutPerson(at, at.routeId, names, 'known'), redirect }
}

interface Names {
  address: string
  folded: string
}

function withPerson(domain: DomainRow, row: PersonRow, names: Names): Recipient {
  return {
    organisationId: domain.organisationId,
    domainId: domain.domainId,
    ...names,
    personId: row.personId,
    routeId: routed(row.routeId ?? domain.routeId, domain),
    filtering: row.filtering ?? domain.filtering,
    rollingCopy: row.rollingCopy ?? domain.rollingCopy,
    isProtected: row.emergency ?? domain.emergency,
    retentionDays: domain.retentionDays,
    standing: 'known',
  }
}

interface Stranger {
  split: SplitAddress
  /** where the search ended: the domain itself, or what it is an alias of */
  domain: DomainRow
  chain: DomainRow[]
  locals: string[]
  base: Names
  vouched: boolean
}

async function stranger(ask: Ask, asked: Stranger): Promise<Entry> {
  const { domain } = asked
  const caught = asked.split.local === 'postmaster' || domain.catchAll === null ? null : await catchAll(ask, domain)
  return caught ?? { recipient: await unlisted(ask, asked), redirect: null }
}

async function unlisted(ask: Ask, asked: Stranger): Promise<Recipient> {
  const { domain, base } = asked
  if (asked.split.local === 'postmaster') return withoutPerson(domain, domain.routeId, base, 'known')
  if (domain.kind === DomainKind.shared && domain.otherRouteId !== null)
    return withoutPerson(domain, domain.otherRouteId, base, 'known')
  if (domain.complete) throw new WireError('unknown-recipient')
  if (asked.vouched) return withoutPerson(domain, domain.routeId, base, 'known')
  return learnedOrNot(ask, asked)
}

/** The list is not complete: what is known by mail that was delivered, or by asking. */
async function learnedOrNot({ sql, ages }: Ask, asked: Stranger): Promise<Recipient> {
  const { domain, base, chain, locals } = asked
  const known = await findKnown(
    sql,
    domain.organisationId,
    chain.flatMap((each) => locals.map((local) => `${local}@${each.name}`)),
  )
  const mayAsk = domain.callouts && domain.acceptsAll !== true && domain.routeId !== null
  const learned = learnedFrom(known)
  const left = ages.knownMs - (learned?.ageMs ?? 0)
  if (learned && (!mayAsk || learned.source === KnownSource.delivered))
    return withoutPerson(domain, domain.routeId ?? learned.routeId, base, 'known')
  if (learned && left > 0) return { ...withoutPerson(domain, domain.routeId, base, 'known'), lastsMs: left }
  const name = `${locals[0]!}@${chain[0]!.name}`
  const refused = known.find((row) => !row.known && row.address === name && row.routeId === domain.routeId)
  if (mayAsk && !learned && refused && refused.ageMs < ages.unknownMs)
    throw new RefusedThere(ages.unknownMs - refused.ageMs)
  const stale = learned ? true : refused ? false : null
  const open: Unlisted | null = mayAsk
    ? { recipient: withoutPerson(domain, domain.routeId, base, 'known'), asked: name, stale }
    : null
  if (domain.unknownPolicy === UnknownPolicy.park) {
    const parked = withoutPerson(domain, domain.routeId, base, 'park')
    return open ? { ...parked, unlisted: open } : parked
  }
  throw open ? new Unverified(open) : new WireError('recipient-unverified')
}

/** Of several spellings: where mail was delivered, else what was said last. */
function learnedFrom(known: readonly KnownRow[]): KnownRow | undefined {
  const good = known.filter((row) => row.known)
  return good.find(({ source }) => source === KnownSource.delivered) ?? good.sort((a, b) => a.ageMs - b.ageMs)[0]
}

/** Whoever is behind the catch-all address: mail to anybody unknown goes to them, under their own address. */
async function catchAll(ask: Ask, domain: DomainRow): Promise<Entry | null> {
  const folded = foldAddress(domain.catchAll!)
  if (folded === null) return null
  const found = foundAt(await ask.findRows([folded]), domain, folded)
  return found && entryOf(found, { address: domain.catchAll!, folded })
}

function withoutPerson(
  domain: DomainRow,
  routeId: string | null,
  names: Names,
  standing: Recipient['standing'],
): Recipient {
  return {
    organisationId: domain.organisationId,
    domainId: domain.domainId,
    ...names,
    personId: null,
    routeId: routed(routeId, domain),
    filtering: domain.filtering,
    rollingCopy: false,
    isProtected: false,
    retentionDays: domain.retentionDays,
    standing,
  }
}

function routed(routeId: string | null, domain: DomainRow): string {
  if (routeId === null) throw new WireError('recipient-unverified', `no route is set for ${domain.name} yet`)
  return routeId
}
