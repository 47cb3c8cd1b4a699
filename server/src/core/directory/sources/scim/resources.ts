/**
 * What a client does to users and groups. Each act is one transaction that holds its source; people here are not touched by
 * it, only by the run that follows (runner.ts). Throws ScimError for what a client can be told.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../../platform/clock.ts'
import { ScimKind } from '../../../../platform/codes.ts'
import type { Database, Sql } from '../../../../platform/db/database.ts'
import { isId, newId, type Id } from '../../../../platform/ids.ts'
import {
  applyPatch,
  MOST_MEMBERS,
  namesVersion,
  readResource,
  ScimError,
  type Doc,
  type MemberChange,
  type ResourceKind,
} from '../../../../protocols/scim/index.ts'
import * as store from '../../../../store/scim.ts'
import type { ScimKey, ScimRow } from '../../../../store/scim.ts'

export interface ScimDeps {
  db: Database
  clock: Clock
}

type Json = Parameters<typeof readResource>[1]

export const MOST_USERS = 100_000
export const MOST_GROUPS = 10_000
const MOST_ALL_MEMBERS = 1_000_000

export const kindOf = ({ name }: ResourceKind): ScimKind => (name === 'User' ? ScimKind.user : ScimKind.group)
export const foldName = (name: string): string => name.trim().toLowerCase()

export const notThere = (kind: ResourceKind): ScimError =>
  new ScimError(404, null, `There is no such ${kind.name.toLowerCase()}.`)

const nameOf = (kind: ResourceKind, doc: Doc): string => foldName(doc[kind.naming] as string)
const externalIdOf = ({ externalId }: Doc): string | null => (typeof externalId === 'string' ? externalId : null)

async function hold(sql: Sql, key: ScimKey): Promise<store.ScimCounts> {
  const counts = await store.lockScim(sql, key)
  if (counts === null) throw new ScimError(401, null, 'The token is not good any more.')
  return counts
}

async function heldResource(
  sql: Sql,
  key: ScimKey,
  kind: ResourceKind,
  { id, ifMatch }: { id: string; ifMatch: string | undefined },
): Promise<ScimRow & { doc: Doc }> {
  const row = isId(id) ? await store.resourceById(sql, key, kindOf(kind), id) : null
  if (row === null) throw notThere(kind)
  if (ifMatch !== undefined && !namesVersion(ifMatch, row.version))
    throw new ScimError(412, null, 'It has changed since.')
  return row as ScimRow & { doc: Doc }
}

/** Only users' names are one person's; groups may be called alike. */
async function refuseTaken(sql: Sql, key: ScimKey, kind: ResourceKind, doc: Doc, but: Id | null): Promise<void> {
  if (kind.name === 'User' && (await store.isNameTaken(sql, key, kindOf(kind), nameOf(kind, doc), but)))
    throw new ScimError(409, 'uniqueness', 'There is a user with this userName already.')
}

function refuseTooMany(kind: ResourceKind, { users, groups }: store.ScimCounts): void {
  const [has, most] = kind.name === 'User' ? [users, MOST_USERS] : [groups, MOST_GROUPS]
  if (has >= most) throw new ScimError(403, null, `A source takes at most ${most} ${kind.name.toLowerCase()}s.`)
}

/**
 * Whom the client deleted and makes again is the same, if it says so by an id of its own. One that is part of a name or an
 * address (Entra ID's default, mailNickname) says nothing: a successor has the same.
 */
async function idAgain(sql: Sql, key: ScimKey, kind: ResourceKind, doc: Doc): Promise<Id | null> {
  const externalId = externalIdOf(doc)
  if (kind.name !== 'User' || externalId === null || externalId.length < 8) return null
  if (
    JSON.stringify([doc.userName, doc.emails ?? null])
      .toLowerCase()
      .includes(externalId.toLowerCase())
  )
    return null
  return store.deletedLike(sql, key, { kind: kindOf(kind), name: nameOf(kind, doc), externalId })
}

/** How many there are more; `isSame`: nobody came and nobody went. */
async function changeMembers(
  sql: Sql,
  key: ScimKey,
  groupId: Id,
  changes: readonly MemberChange[],
): Promise<{ more: number; isSame: boolean }> {
  let [added, removed] = [0, 0]
  for (const change of changes) {
    if (change.act === 'remove') removed += await store.removeMembers(sql, key, groupId, change.values)
    else if (change.act === 'set') removed += await store.removeMembers(sql, key, groupId, null)
    if (change.act !== 'remove') added += await store.addMembers(sql, key, groupId, change.members)
  }
  return { more: added - removed, isSame: added + removed === 0 }
}

async function refuseTooManyMembers(sql: Sql, key: ScimKey, groupId: Id, all: number, more: number): Promise<void> {
  if (more <= 0) return
  const [group] = await store.memberCounts(sql, key, [groupId])
  if ((group?.n ?? 0) > MOST_MEMBERS) throw new ScimError(403, null, `A group takes at most ${MOST_MEMBERS} members.`)
  if (all + more > MOST_ALL_MEMBERS)
    throw new ScimError(403, null, `The groups of a source take at most ${MOST_ALL_MEMBERS} members together.`)
}

export function createResource(
  { db, clock }: ScimDeps,
  key: ScimKey,
  kind: ResourceKind,
  body: Json,
): Promise<ScimRow> {
  const { doc, members } = readResource(kind, body)
  return db.transaction(async (sql) => {
    const counts = await hold(sql, key)
    refuseTooMany(kind, counts)
    await refuseTaken(sql, key, kind, doc, null)
    const id = (await idAgain(sql, key, kind, doc)) ?? newId(clock.now())
    const name = nameOf(kind, doc)
    const row = await store.insertResource(sql, key, {
      id,
      kind: kindOf(kind),
      name,
      externalId: externalIdOf(doc),
      doc,
    })
    const more = members === null ? 0 : await store.addMembers(sql, key, id, members)
    await refuseTooManyMembers(sql, key, id, counts.members, more)
    await store.noteChange(sql, key, kind.name === 'User' ? { users: 1 } : { groups: 1, members: more })
    return row
  })
}

interface Which {
  id: string
  ifMatch: string | undefined
}

/** Writes what became of one; nothing where it is as it was. */
async function keep(
  sql: Sql,
  key: ScimKey,
  kind: ResourceKind,
  { row, doc, changes, all }: { row: ScimRow; doc: Doc; changes: readonly MemberChange[]; all: number },
): Promise<ScimRow> {
  await refuseTaken(sql, key, kind, doc, row.id)
  const { more, isSame } = await changeMembers(sql, key, row.id, changes)
  await refuseTooManyMembers(sql, key, row.id, all, more)
  if (isSame && isDeepStrictEqual(row.doc, doc)) return row
  const name = nameOf(kind, doc)
  const kept = await store.updateResource(sql, key, { id: row.id, name, externalId: externalIdOf(doc), doc })
  await store.noteChange(sql, key, { members: more })
  return kept
}

/** Members of a group stay where the new one does not speak of them. */
export function replaceResource(
  { db }: ScimDeps,
  key: ScimKey,
  kind: ResourceKind,
  which: Which,
  body: Json,
): Promise<ScimRow> {
  const { doc, members } = readResource(kind, body)
  return db.transaction(async (sql) => {
    const { members: all } = await hold(sql, key)
    const row = await heldResource(sql, key, kind, which)
    const changes: MemberChange[] = members === null ? [] : [{ act: 'set', members }]
    return keep(sql, key, kind, { row, doc, changes, all })
  })
}

export function patchResource(
  { db }: ScimDeps,
  key: ScimKey,
  kind: ResourceKind,
  which: Which,
  body: Json,
): Promise<ScimRow> {
  return db.transaction(async (sql) => {
    const { members: all } = await hold(sql, key)
    const row = await heldResource(sql, key, kind, which)
    const { doc, members: changes } = applyPatch(kind, row.doc, body)
    return keep(sql, key, kind, { row, doc, changes, all })
  })
}

export function deleteResource({ db }: ScimDeps, key: ScimKey, kind: ResourceKind, which: Which): Promise<void> {
  return db.transaction(async (sql) => {
    await hold(sql, key)
    const { id } = await heldResource(sql, key, kind, which)
    const members = await store.deleteResource(sql, key, id)
    await store.noteChange(sql, key, { ...(kind.name === 'User' ? { users: -1 } : { groups: -1 }), members: -members })
  })
}
