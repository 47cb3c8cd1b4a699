/**
 * What clients of a SCIM source wrote, as one list of people for the engine of directory sources. Pure. Who is who goes by the
 * id that we gave, which never changes; what the client calls its own id may be anything, also a name that is given again.
 */
import { ENTERPRISE_URN } from '../../../../protocols/scim/index.ts'
import type { Card, PhoneKind } from '../../card.ts'
import { foldAddress } from '../../fold.ts'
import type { Entry, SourceList } from '../entry.ts'
import { groupsByMember, type GroupEntry } from '../ldap/groups.ts'

type Fields = Readonly<Record<string, unknown>>

export interface ScimUser {
  id: string
  doc: Fields
}

export interface ScimSet {
  users: readonly ScimUser[]
  /** with all their members; those that stand for a group here are in `wanted` */
  groups: readonly GroupEntry[]
  wanted: readonly { dn: string; group: string }[]
  /** ids that were deleted */
  gone: readonly string[]
  /** folded names of the organisation's own domains */
  domains: ReadonlySet<string>
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function text(value: unknown): string | undefined {
  const trimmed = typeof value === 'string' ? value.trim() : ''
  return trimmed === '' ? undefined : trimmed
}
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : [])

function nameOf(doc: Fields): string {
  const name = isFields(doc.name) ? doc.name : {}
  const parts = [text(name.givenName), text(name.familyName)].filter((part) => part !== undefined).join(' ')
  return text(doc.displayName) ?? text(name.formatted) ?? text(parts) ?? text(doc.userName) ?? ''
}

/** The primary one first, then those for work, then the others as they come. */
function writtenAddresses(doc: Fields): string[] {
  const rank = ({ primary, type }: Fields): number =>
    primary === true ? 0 : text(type)?.toLowerCase() === 'work' ? 1 : 2
  const emails = listOf(doc.emails)
    .map((one, i) => ({ address: text(one.value), rank: rank(one), i }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .map(({ address }) => address)
    .filter((address) => address !== undefined)
  if (emails.length > 0) return emails
  const userName = text(doc.userName)
  return userName?.includes('@') ? [userName] : []
}

/** Private ones of other domains are none here; where there is no other the row says so as a problem. */
function addressesOf(doc: Fields, domains: ReadonlySet<string>): string[] {
  const written = writtenAddresses(doc)
  const own = written.filter((address) => {
    const folded = foldAddress(address)
    return folded !== null && domains.has(folded.slice(folded.lastIndexOf('@') + 1))
  })
  return own.length > 0 ? own : written
}

const LOCALES = ['en', 'fr', 'de'] as const
function localeOf(doc: Fields): Entry['locale'] {
  const language = (text(doc.preferredLanguage) ?? text(doc.locale))?.slice(0, 2).toLowerCase()
  return LOCALES.find((one) => one === language)
}

const PHONES: Record<string, PhoneKind> = { work: 'work', mobile: 'mobile', home: 'home', fax: 'fax' }

/** What somebody has of each, for the address book. */
function detailsOf(doc: Fields): Partial<Record<keyof Card, unknown>> {
  const enterprise = isFields(doc[ENTERPRISE_URN]) ? doc[ENTERPRISE_URN] : {}
  const manager = isFields(enterprise.manager) ? enterprise.manager : {}
  const place = listOf(doc.addresses).find(({ type }) => text(type)?.toLowerCase() === 'work')
  const phones = listOf(doc.phoneNumbers).flatMap((one) => {
    const number = text(one.value)?.replace(/^tel:/i, '')
    return number === undefined ? [] : [{ kind: PHONES[text(one.type)?.toLowerCase() ?? 'work'] ?? 'other', number }]
  })
  return {
    title: text(doc.title),
    department: text(enterprise.department),
    office: text(place?.formatted),
    manager: text(manager.value),
    phones: phones.length > 0 ? phones : undefined,
  }
}

const DETAILS = ['title', 'department', 'office', 'manager', 'phones'] as const

export function compile({ users, groups, wanted, gone, domains }: ScimSet): SourceList {
  const groupOf = groupsByMember(groups, wanted)
  const details = users.map(({ doc }) => detailsOf(doc))
  // As a column of a file: what nobody has is not spoken of, and who has none where others have one has none.
  const spoken = DETAILS.filter((name) => details.some((one) => one[name] !== undefined))
  const entries = users.map(({ id, doc }, i): Entry => {
    const userName = text(doc.userName) ?? ''
    const locale = localeOf(doc)
    const card = Object.fromEntries(spoken.map((name) => [name, details[i]![name] ?? (name === 'phones' ? [] : null)]))
    return {
      row: null,
      externalId: id,
      name: nameOf(doc),
      addresses: addressesOf(doc, domains),
      // A name without a domain would be one for all organisations of this installation.
      ...(userName.includes('@') ? { upn: userName } : {}),
      ...(wanted.length > 0 ? { group: groupOf.get(id) ?? null } : {}),
      ...(locale === undefined ? {} : { locale }),
      enabled: doc.active !== false,
      ...(spoken.length > 0 ? { card: card } : {}),
    }
  })
  return { entries, unusable: [], problems: [], gone: [...gone] }
}
