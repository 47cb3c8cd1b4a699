/**
 * Reading what a client wrote. What a filter says is asked of the database by its indexed part and then looked at here; a
 * filter without such a part goes through a limited number of resources, and says so where there are more.
 */
import type { Sql } from '../../../../platform/db/database.ts'
import { isId, NIL_ID, type Id } from '../../../../platform/ids.ts'
import {
  keyOf,
  matches,
  membersAsked,
  resourceOf,
  ScimError,
  speaksOf,
  wants,
  type Doc,
  type Filter,
  type ResourceKind,
  type Selection,
} from '../../../../protocols/scim/index.ts'
import * as store from '../../../../store/scim.ts'
import type { ScimKey, ScimRow } from '../../../../store/scim.ts'
import { foldName, kindOf, notThere } from './resources.ts'

const MOST_LOOKED_AT = 20_000
const LOOK = 500
/** Of one answer: a page of large groups is shorter, and says so. */
const MOST_ANSWERED_MEMBERS = 100_000

export interface Asked {
  sql: Sql
  key: ScimKey
  kind: ResourceKind
  /** where the resources are, for their locations */
  base: string
}

export interface Found {
  total: number
  rows: ScimRow[]
}

const docOf = ({ doc }: ScimRow): Doc => doc as Doc

/** What is not in the documents themselves. */
async function extras(
  { sql, key, kind, base }: Asked,
  rows: readonly ScimRow[],
  wish: { groups: boolean; members: boolean; among?: readonly string[] },
): Promise<Map<Id, Doc>> {
  const ids = rows.map(({ id }) => id)
  const found = new Map<Id, Record<string, Doc[]>>()
  const add = (id: Id, name: string, one: Doc): void => {
    const more = found.get(id) ?? {}
    found.set(id, more)
    ;(more[name] ??= []).push(one)
  }
  if (kind.name === 'User' && wish.groups)
    for (const { member, groupId, display } of await store.groupsOf(sql, key, ids))
      add(member, 'groups', { value: groupId, $ref: `${base}/Groups/${groupId}`, display, type: 'direct' })
  if (kind.name === 'Group' && wish.among)
    for (const { groupId, value } of await store.membersAmong(sql, key, ids, wish.among))
      add(groupId, 'members', { value })
  else if (kind.name === 'Group' && wish.members)
    for (const { groupId, value, type, display } of await store.membersOf(sql, key, ids))
      add(groupId, 'members', {
        value,
        ...(type === null ? {} : { type }),
        ...(display === null ? {} : { display }),
        $ref: `${base}/${type === 'Group' ? 'Groups' : 'Users'}/${encodeURIComponent(value)}`,
      })
  return found
}

/** As they are answered, but for the choice of attributes. */
export async function presented(asked: Asked, rows: readonly ScimRow[], selection: Selection): Promise<Doc[]> {
  const more = await extras(asked, rows, { groups: wants(selection, 'groups'), members: wants(selection, 'members') })
  return rows.map((row) => resourceOf(asked.kind, docOf(row), row, asked.base, more.get(row.id)))
}

export async function oneResource({ sql, key, kind }: Asked, id: string): Promise<ScimRow> {
  const row = isId(id) ? await store.resourceById(sql, key, kindOf(kind), id) : null
  if (row === null) throw notThere(kind)
  return row
}

/** Those of which the filter is true. */
async function matching(asked: Asked, filter: Filter, rows: readonly ScimRow[]): Promise<ScimRow[]> {
  const { kind, base } = asked
  const among = speaksOf(filter, 'members') ? membersAsked(filter) : []
  if (among === null) throw new ScimError(400, 'invalidFilter', 'Members can only be asked for by "eq".')
  const more = await extras(asked, rows, {
    groups: speaksOf(filter, 'groups'),
    members: false,
    ...(among.length > 0 ? { among } : {}),
  })
  return rows.filter((row) => matches(filter, resourceOf(kind, docOf(row), row, base, more.get(row.id))))
}

/** The rows that a part of the filter picks by an index; null: there is no such part. */
async function narrowed({ sql, key, kind }: Asked, filter: Filter): Promise<ScimRow[] | null> {
  const found = keyOf(filter)
  if (found === null) return null
  const { by, value } = found
  if (value.includes('\0') || !value.isWellFormed()) return []
  if (by === 'id') {
    const row = isId(value) ? await store.resourceById(sql, key, kindOf(kind), value) : null
    return row === null ? [] : [row]
  }
  const isName = by === kind.naming
  if (!isName && (by === 'userName' || by === 'displayName')) return null
  const wanted = isName
    ? { by: 'name' as const, value: foldName(value) }
    : { by: by as 'externalId' | 'members', value }
  const rows = await store.resourcesBy(sql, key, kindOf(kind), wanted, MOST_LOOKED_AT + 1)
  if (rows.length > MOST_LOOKED_AT) throw tooMany()
  return rows
}

const tooMany = (): ScimError =>
  new ScimError(
    400,
    'tooMany',
    `More than ${MOST_LOOKED_AT} would have to be looked at: ask for userName, externalId or id.`,
  )

async function lookedAt(asked: Asked, filter: Filter, page: { offset: number; limit: number }): Promise<Found> {
  const { sql, key, kind } = asked
  const rows: ScimRow[] = []
  let total = 0
  let after = NIL_ID
  for (let seen = 0; ; seen += LOOK) {
    const some = await store.resourcesAfter(sql, key, kindOf(kind), after, LOOK)
    if (some.length > 0 && seen >= MOST_LOOKED_AT) throw tooMany()
    for (const row of await matching(asked, filter, some)) {
      if (total >= page.offset && rows.length < page.limit) rows.push(row)
      total++
    }
    if (some.length < LOOK) return { total, rows }
    after = some.at(-1)!.id
  }
}

/** A page shorter than asked for, where its groups have very many members. */
async function withinMembers({ sql, key }: Asked, rows: ScimRow[]): Promise<ScimRow[]> {
  const counts = new Map(
    (
      await store.memberCounts(
        sql,
        key,
        rows.map(({ id }) => id),
      )
    ).map(({ groupId, n }) => [groupId, n]),
  )
  let sum = 0
  const end = rows.findIndex(({ id }, i) => (sum += counts.get(id) ?? 0) > MOST_ANSWERED_MEMBERS && i > 0)
  return end === -1 ? rows : rows.slice(0, end)
}

export async function findResources(
  asked: Asked,
  filter: Filter | null,
  { startIndex, count }: { startIndex: number; count: number },
  selection: Selection,
): Promise<Found> {
  const { sql, key, kind } = asked
  const page = { offset: startIndex - 1, limit: count }
  const found = await (async (): Promise<Found> => {
    if (filter === null) {
      const total = await store.countResources(sql, key, kindOf(kind))
      return { total, rows: count === 0 ? [] : await store.resourcesFrom(sql, key, kindOf(kind), page) }
    }
    const few = await narrowed(asked, filter)
    if (few === null) return lookedAt(asked, filter, page)
    const all = await matching(asked, filter, few)
    return { total: all.length, rows: all.slice(page.offset, page.offset + page.limit) }
  })()
  return kind.name === 'Group' && wants(selection, 'members')
    ? { ...found, rows: await withinMembers(asked, found.rows) }
    : found
}
