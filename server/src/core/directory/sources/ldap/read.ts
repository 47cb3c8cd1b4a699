/**
 * Entries of an LDAP directory as a list of people. Pure: who fetched them has made sure that they are all there.
 * What an entry cannot say is a problem, and it still says whom it is about.
 */
import type { Card } from '../../card.ts'
import type { Entry, ListProblem, Mention, SourceList } from '../entry.ts'
import { problem, quoted } from '../problems.ts'
import { createCardReader } from './card.ts'
import { sameDn } from './dn.ts'
import { groupsByMember, type GroupEntry } from './groups.ts'
import { mailboxKindOf } from './mailbox-kind.ts'
import { textsOf } from './values.ts'

export type Schema = 'activeDirectory' | 'openldap'

/** As a server answers: attributes by their names in lower case. */
export interface RawEntry {
  dn: string
  values: ReadonlyMap<string, readonly Buffer[]>
}

/** The attribute of each thing, in lower case; the administrator's own go over these. '': there is none. */
export interface AttributeNames {
  id: string
  name: string
  mail: string
  aliases: string
  upn: string
  locale: string
  member: string
  title: string
  department: string
  office: string
  phone: string
  mobile: string
  homePhone: string
  fax: string
  manager: string
  photo: string
  hidden: string
  kind: string
}

const CARD = {
  title: 'title', office: 'physicaldeliveryofficename', phone: 'telephonenumber', mobile: 'mobile',
  homePhone: 'homephone', fax: 'facsimiletelephonenumber', manager: 'manager',
} // prettier-ignore

export const ATTRIBUTES: Record<Schema, AttributeNames> = {
  activeDirectory: {
    id: 'objectguid', name: 'displayname', mail: 'mail', aliases: 'proxyaddresses',
    upn: 'userprincipalname', locale: 'preferredlanguage', member: 'member',
    ...CARD, department: 'department', photo: 'thumbnailphoto',
    hidden: 'msexchhidefromaddresslists', kind: 'msexchrecipienttypedetails',
  },
  openldap: {
    id: 'entryuuid', name: 'cn', mail: 'mail', aliases: 'mailalternateaddress',
    upn: 'uid', locale: 'preferredlanguage', member: 'member',
    ...CARD, department: 'departmentnumber', photo: 'jpegphoto', hidden: '', kind: '',
  },
} // prettier-ignore

export interface Reading {
  schema: Schema
  names: AttributeNames
  /** DNs of directory groups, each with the group here its people belong to; the first that fits is theirs */
  groups: readonly { dn: string; group: string }[]
  /** photos are in the list */
  photos?: boolean | undefined
}

const ACCOUNT_DISABLED = 0x2

/** The first three parts of a GUID are little-endian (MS-DTYP 2.3.4.2): as every tool of Active Directory shows it. */
function guidOf(bytes: Buffer): string | null {
  if (bytes.length !== 16) return null
  const hex = Buffer.concat([
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8),
  ]).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function idOf(raw: RawEntry, { names }: Reading): string | null {
  const all = raw.values.get(names.id) ?? []
  if (all.length !== 1) return null
  return names.id === 'objectguid' ? guidOf(all[0]!) : (textsOf(raw, names.id)[0] ?? null)
}

/** `SMTP:` is the primary one, before `mail`; names of other kinds (X500, SIP) are none. */
function addressesOf(raw: RawEntry, { names }: Reading): string[] {
  const said = textsOf(raw, names.aliases).filter((text) => !/^(?!smtp:)[a-z0-9]+:/i.test(text))
  const bare = (text: string): string => text.replace(/^smtp:/i, '')
  const all = [
    ...said.filter((text) => text.startsWith('SMTP:')).map(bare),
    ...textsOf(raw, names.mail),
    ...said.filter((text) => !text.startsWith('SMTP:')).map(bare),
  ]
  const first = new Map<string, string>()
  for (const address of all) if (!first.has(address.toLowerCase())) first.set(address.toLowerCase(), address)
  return [...first.values()]
}

function localeOf(text: string | undefined): 'en' | 'fr' | 'de' | undefined {
  const short = text?.slice(0, 2).toLowerCase()
  const ends = text === undefined || !/^[a-z]{2}($|[-_,;])/i.test(text)
  return !ends && (short === 'en' || short === 'fr' || short === 'de') ? short : undefined
}

/** Shared and room mailboxes have an account that is disabled; nobody signs in to it, and mail comes. null: unreadable. */
function enabledOf(raw: RawEntry, { schema }: Reading): boolean | null {
  if (schema !== 'activeDirectory') return true
  const flags = textsOf(raw, 'useraccountcontrol')[0]
  return flags !== undefined && /^-?\d{1,10}$/.test(flags) ? (Number(flags) & ACCOUNT_DISABLED) === 0 : null
}

interface Around {
  groupOf: ReadonlyMap<string, string>
  cardOf: (raw: RawEntry) => Card
}

function entryOf(raw: RawEntry, reading: Reading, { groupOf, cardOf }: Around): Entry | ListProblem {
  const externalId = idOf(raw, reading)
  if (externalId === null) return problem(null, 'no-id', `${quoted(raw.dn)} has no ${reading.names.id}`)
  // Whom the directory has shut out must not come in because the bind account may not read that.
  const enabled = enabledOf(raw, reading)
  if (enabled === null) return problem(null, 'bad-enabled', `${quoted(raw.dn)}: its userAccountControl cannot be read`)
  const { names } = reading
  const locale = localeOf(textsOf(raw, names.locale)[0])
  const kind = mailboxKindOf(textsOf(raw, names.kind)[0])
  const isPersons = kind === 'person' || kind === 'nobody'
  return {
    row: null,
    externalId,
    name: textsOf(raw, names.name)[0] ?? textsOf(raw, 'cn')[0] ?? '',
    addresses: addressesOf(raw, reading),
    upn: isPersons ? (textsOf(raw, names.upn)[0] ?? null) : null,
    enabled: enabled && isPersons,
    ...(isPersons ? {} : { kind }),
    ...(locale === undefined ? {} : { locale }),
    ...(reading.groups.length === 0 ? {} : { group: groupOf.get(sameDn(raw.dn)) ?? null }),
    card: cardOf(raw),
  }
}

/** Members by DN; of posixGroup by sign-in name, of groupOfUniqueNames by a DN that may have a number behind it. */
function membersOf(raw: RawEntry, { names, schema }: Reading, dnsByUid: ReadonlyMap<string, string>): string[] {
  const members = textsOf(raw, names.member)
  if (schema === 'activeDirectory') return members
  return [
    ...members,
    ...textsOf(raw, 'uniquemember').map((dn) => dn.replace(/#'[01]*'B$/, '')),
    ...textsOf(raw, 'memberuid').flatMap((uid) => dnsByUid.get(uid) ?? []),
  ]
}

/**
 * People without any address (service accounts) are not meant, nor are mailboxes that Exchange has for itself; everybody else
 * is in the list or named in its problems.
 */
export function readEntries(people: readonly RawEntry[], groups: readonly RawEntry[], reading: Reading): SourceList {
  const { names, photos = false } = reading
  const idsByDn = new Map<string, string>()
  const dnsByUid = new Map<string, string>()
  for (const raw of people) {
    const id = idOf(raw, reading)
    if (id !== null) idsByDn.set(sameDn(raw.dn), id)
    for (const uid of textsOf(raw, 'uid')) dnsByUid.set(uid, raw.dn)
  }
  const graph: GroupEntry[] = groups.map((raw) => ({ dn: raw.dn, members: membersOf(raw, reading, dnsByUid) }))
  const around = {
    groupOf: groupsByMember(graph, reading.groups),
    cardOf: createCardReader({ names, photos, idsByDn }),
  }
  const list: SourceList = { entries: [], unusable: [] as Mention[], problems: [] }
  for (const raw of people) {
    const addresses = addressesOf(raw, reading)
    if (addresses.length === 0 || mailboxKindOf(textsOf(raw, names.kind)[0]) === 'nobody') continue
    const read = entryOf(raw, reading, around)
    if ('externalId' in read) list.entries.push(read)
    else {
      list.problems.push(read)
      list.unusable.push({ externalId: idOf(raw, reading), addresses })
    }
  }
  return list
}
