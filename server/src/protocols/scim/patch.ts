/**
 * PATCH (RFC 7644 section 3.5.2) as the two large clients write it: `op` in any case, no path and keys that are paths, values
 * by filter that are not there yet, a list of values to remove. Pure: a resource before, a resource after; of a group also
 * what becomes of its members, which are too many to be read for each change.
 */
import { isObject, type Json } from '../jmap/index.ts'
import { said, ScimError } from './error.ts'
import { parsePath, type Filter, type Path } from './filter.ts'
import { matches, templateOf } from './match.ts'
import { checked, MOST_VALUES, readMembers, readValue, withOnePrimary, type Doc, type Member } from './read.ts'
import { ENTERPRISE_URN, schemaOf, type ResourceKind } from './schema.ts'

export const MOST_OPERATIONS = 1000

export type MemberChange =
  { act: 'add'; members: Member[] } | { act: 'set'; members: Member[] } | { act: 'remove'; values: string[] }

export interface Patched {
  doc: Doc
  members: MemberChange[]
}

type Op = 'add' | 'remove' | 'replace'

interface Operation {
  op: Op
  path: string | null
  value: Json | undefined
}

function readOperations(body: Json): Operation[] {
  if (!isObject(body)) throw new ScimError(400, 'invalidSyntax', 'The body must be an object.')
  const field = (fields: Record<string, Json>, name: string): Json | undefined =>
    Object.entries(fields).find(([each]) => each.toLowerCase() === name)?.[1]
  const list = field(body, 'operations')
  if (!Array.isArray(list) || list.length === 0)
    throw new ScimError(400, 'invalidSyntax', '"Operations" must be a list of operations.')
  if (list.length > MOST_OPERATIONS)
    throw new ScimError(413, 'tooMany', `At most ${MOST_OPERATIONS} operations in one request.`)
  return list.map((one) => {
    if (!isObject(one)) throw new ScimError(400, 'invalidSyntax', 'An operation must be an object.')
    const op = field(one, 'op')
    const word = typeof op === 'string' ? op.toLowerCase() : ''
    if (word !== 'add' && word !== 'remove' && word !== 'replace')
      throw new ScimError(
        400,
        'invalidSyntax',
        `The operation ${said(JSON.stringify(op ?? null))} is none of add, remove, replace.`,
      )
    const path = field(one, 'path') ?? null
    if (path !== null && typeof path !== 'string') throw new ScimError(400, 'invalidPath', 'A path must be text.')
    return { op: word, path: path?.trim() === '' ? null : path, value: field(one, 'value') }
  })
}

/** Values of one attribute: of them what is meant. */
type Fields = Record<string, Json>

/** undefined: it goes. */
function put(fields: Fields, name: string, value: Json | undefined): void {
  if (value === undefined) Reflect.deleteProperty(fields, name)
  else fields[name] = value
}

const isHollow = (fields: Fields): boolean => Object.keys(fields).every((name) => name === 'type' || name === 'primary')

/** Where one was made the primary one, the others are no more. */
function withPrimaryOf(values: Fields[], changed: ReadonlySet<Fields>): Fields[] {
  if (!values.some((one) => changed.has(one) && one.primary === true)) return values
  return values.map((one) => (changed.has(one) || one.primary !== true ? one : { ...one, primary: false }))
}

function changedList(before: Json[], { attribute, sub, filter }: Path, op: Op, value: Json | undefined): Json[] {
  const isMeant = (one: Json): boolean => filter === null || (isObject(one) && matches(filter, one))
  const part = value === undefined ? undefined : sub ? readValue(sub, value) : readOneOf(attribute, value)
  const isRemoval = op === 'remove' || part === undefined
  const after: Fields[] = []
  const changed = new Set<Fields>()
  let isFound = false
  for (const one of before) {
    if (!isObject(one) || !isMeant(one)) {
      after.push(one as Fields)
      continue
    }
    isFound = true
    const next = changedValue(one, sub?.name ?? null, isRemoval ? undefined : part!, op)
    if (next === null) continue
    after.push(next)
    changed.add(next)
  }
  if (!isFound && !isRemoval) {
    const made = newValue(filter, sub?.name ?? null, part)
    after.push(made)
    changed.add(made)
  }
  return withPrimaryOf(after, changed)
}

/** null: it goes. */
function changedValue(one: Fields, sub: string | null, part: Json | undefined, op: Op): Fields | null {
  if (sub === null) {
    if (part === undefined) return null
    return op === 'add' ? { ...one, ...(part as Fields) } : { ...(part as Fields) }
  }
  const next = { ...one }
  put(next, sub, part)
  return isHollow(next) ? null : next
}

/** Entra ID sets `emails[type eq "work"].value` whether there is one or not. */
function newValue(filter: Filter | null, sub: string | null, part: Json): Fields {
  const template = filter === null ? {} : templateOf(filter)
  if (template === null) throw new ScimError(400, 'noTarget', 'No value is as the path says.')
  return sub === null ? { ...template, ...(part as Fields) } : { ...template, [sub]: part }
}

function readOneOf(attribute: Path['attribute'], value: Json): Json | undefined {
  const read = readValue({ ...attribute, multiValued: false }, value)
  if (read !== undefined && !isObject(read))
    throw new ScimError(400, 'invalidValue', `${attribute.name} needs objects.`)
  return read
}

/** The whole list: added to, replaced, or some or all of it removed. */
function wholeList(before: Json[], { attribute }: Path, op: Op, value: Json | undefined): Json[] {
  const read = value === undefined ? undefined : (readValue(attribute, value) as Json[] | undefined)
  if (op === 'replace') return read ?? []
  if (op === 'remove') {
    if (read === undefined) return []
    const keyOf = (one: Json): string => JSON.stringify(isObject(one) ? (one.value ?? one) : one)
    const gone = new Set(read.map(keyOf))
    return before.filter((one) => !gone.has(keyOf(one)))
  }
  const had = new Set(before.map((one) => JSON.stringify(one)))
  const added = (read ?? []).filter((one) => !had.has(JSON.stringify(one)))
  const isNewPrimary = added.some((one) => isObject(one) && one.primary === true)
  const kept = isNewPrimary
    ? before.map((one) => (isObject(one) && one.primary === true ? { ...one, primary: false } : one))
    : before
  return withOnePrimary([...kept, ...added])
}

function changeList(holder: Doc, path: Path, op: Op, value: Json | undefined): void {
  const { attribute, sub, filter } = path
  const before = Array.isArray(holder[attribute.name]) ? (holder[attribute.name] as Json[]) : []
  const after =
    filter === null && sub === null ? wholeList(before, path, op, value) : changedList(before, path, op, value)
  if (after.length > MOST_VALUES)
    throw new ScimError(400, 'invalidValue', `${attribute.name} has more than ${MOST_VALUES} values.`)
  put(holder, attribute.name, after.length > 0 ? after : undefined)
}

function changeOne(holder: Doc, { attribute, sub }: Path, op: Op, value: Json | undefined): void {
  const { name } = attribute
  const read = op === 'remove' || value === undefined ? undefined : readValue(sub ?? attribute, value)
  if (sub === null && attribute.type !== 'complex') return put(holder, name, read)
  // What is said of it counts and the rest stays (section 3.5.2.3); but another manager is another one in everything.
  const isOther = sub === null && attribute.subAttributes.some((each) => each.name === 'value')
  const had = holder[name]
  const before = isObject(had) && !isOther ? had : {}
  const after: Fields = sub === null && read === undefined ? {} : { ...before }
  if (sub !== null) put(after, sub.name, read)
  else if (isObject(read)) Object.assign(after, read)
  put(holder, name, Object.keys(after).length > 0 ? after : undefined)
}

function change(doc: Doc, path: Path, op: Op, value: Json | undefined): void {
  const { urn, attribute } = path
  if (attribute.mutability === 'readOnly')
    throw new ScimError(400, 'mutability', `${attribute.name} is set by the server.`)
  if (op !== 'remove' && value === undefined) throw new ScimError(400, 'invalidValue', 'The operation has no value.')
  const had = urn === null ? doc : doc[urn]
  const holder: Doc = urn === null ? doc : isObject(had) ? { ...had } : {}
  if (attribute.multiValued) changeList(holder, path, op, value)
  else changeOne(holder, path, op, value)
  if (urn === null) return
  put(doc, urn, Object.keys(holder).length > 0 ? holder : undefined)
}

/** Ids of `members[value eq "…"]`, or of several such with `or`; null: anything else. */
function idsOf(filter: Filter): string[] | null {
  if (filter.kind === 'or') {
    const parts = filter.parts.map(idsOf)
    return parts.some((one) => one === null) ? null : parts.flatMap((one) => one!)
  }
  const isOne = filter.kind === 'compare' && filter.op === 'eq' && filter.target.attribute.name === 'value'
  return isOne && typeof filter.value === 'string' ? [filter.value] : null
}

function memberChange({ filter, sub }: Path, op: Op, value: Json | undefined): MemberChange {
  if (filter !== null || sub !== null) {
    const values = op === 'remove' && sub === null && filter !== null ? idsOf(filter) : null
    if (values === null)
      throw new ScimError(400, 'invalidPath', 'Of members, only those of a value can be removed by a path.')
    return { act: 'remove', values }
  }
  if (op === 'remove')
    return value === undefined || value === null
      ? { act: 'set', members: [] }
      : { act: 'remove', values: readMembers(value).map((one) => one.value) }
  if (value === undefined) throw new ScimError(400, 'invalidValue', 'The operation has no value.')
  return { act: op === 'add' ? 'add' : 'set', members: readMembers(value) }
}

/** A value without a path: each key is one, and an extension's URN holds more. */
function* flattened(kind: ResourceKind, { op, value }: Operation): Generator<Operation & { path: string }> {
  if (op === 'remove') throw new ScimError(400, 'noTarget', 'A removal needs a path.')
  if (!isObject(value)) throw new ScimError(400, 'invalidValue', 'Without a path the value must be an object.')
  for (const [key, each] of Object.entries(value)) {
    const prefixed = key.toLowerCase().startsWith('urn:') ? schemaOf(kind, key) : null
    if (prefixed?.rest === '' && isObject(each))
      for (const [name, one] of Object.entries(each)) yield { op, path: `${prefixed.schema.urn}:${name}`, value: one }
    else yield { op, path: key, value: each }
  }
}

/** `doc` stays as it is. Throws ScimError; nothing of such a request counts. */
export function applyPatch(kind: ResourceKind, doc: Doc, body: Json): Patched {
  const after: Doc = { ...doc }
  const members: MemberChange[] = []
  for (const operation of readOperations(body)) {
    const isWhole = operation.path === null
    const parts = isWhole ? flattened(kind, operation) : [operation as Operation & { path: string }]
    for (const { op, path: text, value } of parts) {
      if (kind.extensions.some(({ urn }) => urn.toLowerCase() === text.toLowerCase())) {
        changeExtension(kind, after, op, value)
        continue
      }
      const path = parsePath(kind, text)
      // What is not kept is passed over, as in a whole resource; so is what only the server sets, where it is one key of many.
      if (path === null || (isWhole && path.attribute.mutability === 'readOnly')) continue
      if (kind.name === 'Group' && path.attribute.name === 'members') members.push(memberChange(path, op, value))
      else change(after, path, op, value)
    }
  }
  return { doc: checked(kind, after), members }
}

/** A path that is the extension itself. */
function changeExtension(kind: ResourceKind, doc: Doc, op: Op, value: Json | undefined): void {
  if (op === 'remove') {
    put(doc, ENTERPRISE_URN, undefined)
    return
  }
  if (!isObject(value)) throw new ScimError(400, 'invalidValue', 'An extension needs an object.')
  if (op === 'replace') put(doc, ENTERPRISE_URN, undefined)
  for (const [name, one] of Object.entries(value)) {
    const path = parsePath(kind, `${ENTERPRISE_URN}:${name}`)
    if (path !== null) change(doc, path, 'add', one)
  }
}
