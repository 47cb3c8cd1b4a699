/** Whether a filter is true of a resource, and what of it a database can be asked for. Pure. */
import { isObject, type Json } from '../jmap/index.ts'
import type { Comparison, Filter, Literal } from './filter.ts'
import type { Attribute, Target } from './schema.ts'

export type Fields = Readonly<Record<string, Json>>

const own = (fields: Fields, name: string): Json | undefined => (Object.hasOwn(fields, name) ? fields[name] : undefined)

function listOf(fields: Fields, { urn, attribute }: Target): Json[] {
  const holder = urn === null ? fields : own(fields, urn)
  const value = isObject(holder) ? own(holder, attribute.name) : undefined
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/** The values compared, and what they are. A list of values is compared by their `value`. */
function valuesOf(fields: Fields, target: Target): { values: Json[]; attribute: Attribute } {
  const list = listOf(fields, target)
  const { attribute } = target
  const sub =
    target.sub ??
    (attribute.type === 'complex' ? attribute.subAttributes.find(({ name }) => name === 'value') : undefined)
  if (!sub) return { values: list, attribute }
  const values = list
    .flatMap((one) => (isObject(one) ? [own(one, sub.name) ?? null] : []))
    .filter((one) => one !== null)
  return { values, attribute: sub }
}

/** Booleans also come in quotes, and with a capital. */
export function booleanOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return word === 'true' ? true : word === 'false' ? false : null
}

function comparable(value: Json | Literal, attribute: Attribute): string | number | boolean | null {
  if (attribute.type === 'boolean') return booleanOf(value)
  if (attribute.type === 'dateTime') {
    const time = typeof value === 'string' ? Date.parse(value) : NaN
    return Number.isNaN(time) ? null : time
  }
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return null
  return attribute.caseExact ? value : value.toLowerCase()
}

function compares(op: Comparison, a: string | number | boolean, b: string | number | boolean): boolean {
  if (op === 'eq') return a === b
  if (op === 'gt' || op === 'ge') return a > b || (op === 'ge' && a === b)
  if (op === 'lt' || op === 'le') return a < b || (op === 'le' && a === b)
  if (typeof a !== 'string' || typeof b !== 'string') return false
  if (op === 'co') return a.includes(b)
  return op === 'sw' ? a.startsWith(b) : a.endsWith(b)
}

function isTrue(fields: Fields, op: Comparison, target: Target, value: Literal): boolean {
  if (op === 'ne') return !isTrue(fields, 'eq', target, value)
  const { values, attribute } = valuesOf(fields, target)
  if (value === null) return op === 'eq' && values.length === 0
  const wanted = comparable(value, attribute)
  if (wanted === null) return false
  return values.some((one) => {
    const has = comparable(one, attribute)
    return has !== null && compares(op, has, wanted)
  })
}

export function matches(filter: Filter, fields: Fields): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.parts.every((part) => matches(part, fields))
    case 'or':
      return filter.parts.some((part) => matches(part, fields))
    case 'not':
      return !matches(filter.part, fields)
    case 'present':
      return listOf(fields, filter.target).length > 0 && valuesOf(fields, filter.target).values.length > 0
    case 'compare':
      return isTrue(fields, filter.op, filter.target, filter.value)
    case 'items':
      return listOf(fields, filter.target).some((one) => isObject(one) && matches(filter.filter, one))
  }
}

/** Something every match has, and that a database finds by an index. */
export interface Key {
  by: 'id' | 'externalId' | 'userName' | 'displayName' | 'members'
  value: string
}
const KEYS: readonly string[] = ['id', 'externalId', 'userName', 'displayName', 'members'] satisfies Key['by'][]

export function keyOf(filter: Filter): Key | null {
  if (filter.kind === 'and') return filter.parts.map(keyOf).find((key) => key !== null) ?? null
  if (filter.kind !== 'compare' || filter.op !== 'eq' || typeof filter.value !== 'string') return null
  const { urn, attribute, sub } = filter.target
  if (urn !== null || !KEYS.includes(attribute.name) || (sub !== null && sub.name !== 'value')) return null
  return { by: attribute.name as Key['by'], value: filter.value }
}

/** Every value that is asked for as a member; null: it asks in a way that needs all members. */
export function membersAsked(filter: Filter): string[] | null {
  if ('parts' in filter) {
    const parts = filter.parts.map(membersAsked)
    return parts.some((one) => one === null) ? null : parts.flatMap((one) => one!)
  }
  if ('part' in filter) return membersAsked(filter.part)
  if (filter.target.attribute.name !== 'members') return []
  const { kind, target } = filter
  if (kind === 'compare' && filter.op === 'eq' && typeof filter.value === 'string')
    return target.sub === null || target.sub.name === 'value' ? [filter.value] : null
  const inner = kind === 'items' ? filter.filter : null
  return inner?.kind === 'compare' && inner.op === 'eq' && inner.target.attribute.name === 'value'
    ? [String(inner.value)]
    : null
}

/** Is anything said of the attribute? */
export function speaksOf(filter: Filter, name: string): boolean {
  if ('parts' in filter) return filter.parts.some((part) => speaksOf(part, name))
  if ('part' in filter) return speaksOf(filter.part, name)
  return filter.target.urn === null && filter.target.attribute.name === name
}

/** What a value must have for the filter to be true, where it only says `eq`: a new one is made of it. */
export function templateOf(filter: Filter): Record<string, Json> | null {
  if (filter.kind === 'compare' && filter.op === 'eq' && filter.value !== null) {
    const { attribute } = filter.target
    const value = attribute.type === 'boolean' ? booleanOf(filter.value) : String(filter.value)
    return value === null ? null : { [attribute.name]: value }
  }
  if (filter.kind !== 'and') return null
  const made: Record<string, Json> = {}
  for (const part of filter.parts) {
    const one = templateOf(part)
    if (one === null) return null
    Object.assign(made, one)
  }
  return made
}
