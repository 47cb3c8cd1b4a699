/**
 * The list of an organisation's LDAP directory, whole or not at all: from the first of its servers that gives all of it. A list
 * that ends early is none, and the next server is asked.
 */
import type { LdapDirectory } from '../../../../clients/ldap/ask.ts'
import { listEntries, type FoundEntry } from '../../../../clients/ldap/list.ts'
import type { Clock } from '../../../../platform/clock.ts'
import type { SourceList } from '../entry.ts'
import { sameDn } from './dn.ts'
import { ATTRIBUTES, readEntries, type AttributeNames, type Reading, type Schema } from './read.ts'

/** Accounts of people and of shared mailboxes, and no computers. */
const PEOPLE: Record<Schema, string> = {
  activeDirectory: '(&(objectCategory=person)(objectClass=user)(|(mail=*)(proxyAddresses=*)))',
  openldap: '(&(objectClass=inetOrgPerson)(mail=*))',
}
const GROUPS: Record<Schema, string> = {
  activeDirectory: '(objectClass=group)',
  openldap: '(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))',
}
/** A server that goes on for longer is as good as silent. */
const LIMIT_MS = 600_000

export interface FetchWish {
  schema: Schema
  /** of people; left out: PEOPLE */
  filter?: string | undefined
  /** where groups are; left out: where people are */
  groupBaseDn?: string | undefined
  /** instead of the usual ones */
  attributes?: Partial<AttributeNames>
  groups: Reading['groups']
  photos?: boolean | undefined
}

export interface Fetched {
  list: SourceList
  server: string
  /** entries of people */
  found: number
}

/** Throws with a sentence about each server where none gave a whole list. */
export async function fetchList(
  clock: Clock,
  directory: LdapDirectory,
  { schema, filter = PEOPLE[schema], groupBaseDn = directory.baseDn, attributes: own = {}, groups, photos }: FetchWish,
  signal?: AbortSignal,
): Promise<Fetched> {
  const names = { ...ATTRIBUTES[schema], ...own }
  const isActiveDirectory = schema === 'activeDirectory'
  const wanted = {
    people: [
      ...Object.entries({ ...names }).flatMap(([what, name]) => (what === 'photo' && !photos ? [] : [name])),
      'cn',
      ...(isActiveDirectory ? ['useraccountcontrol'] : ['uid']),
    ].filter((name) => name !== '' && name !== names.member),
    groups: [names.member, ...(isActiveDirectory ? [] : ['uniquemember', 'memberuid'])],
  }
  const reasons: string[] = []
  for (const server of directory.servers) {
    const name = `${server.host}:${server.port}`
    const limit = new AbortController()
    const timer = clock.after(LIMIT_MS, () => limit.abort(new Error(`not done within ${LIMIT_MS / 60_000} minutes`)))
    const ends = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal])
    const ask = (what: keyof typeof wanted, search: string, baseDn: string): Promise<FoundEntry[]> => {
      const question = { filter: search, attributes: [...new Set(wanted[what])], isActiveDirectory }
      return listEntries(clock, server, { ...directory, baseDn }, question, ends)
    }
    try {
      const people = await ask('people', filter, directory.baseDn)
      const all = groups.length === 0 ? [] : await ask('groups', GROUPS[schema], groupBaseDn)
      // A name that is spelled wrong, or a group that is gone, would take everybody out of the group here.
      const dns = new Set(all.map(({ dn }) => sameDn(dn)))
      const missing = groups.find(({ dn }) => !dns.has(sameDn(dn)))
      if (missing) throw new Error(`there is no group ${missing.dn}`)
      return { list: readEntries(people, all, { schema, names, groups, photos }), server: name, found: people.length }
    } catch (error) {
      reasons.push(`${name}: ${(error as Error).message}`)
    } finally {
      timer.cancel()
    }
  }
  throw new Error(`No server gave a whole list. ${reasons.join('; ')}`)
}
