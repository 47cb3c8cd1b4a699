/** What is answered: resources with what the server knows of them, lists, and the wish for fewer attributes. */
import { isObject, type Json } from '../jmap/index.ts'
import { ScimError } from './error.ts'
import type { Doc } from './read.ts'
import { targetOf, type ResourceKind, type Target } from './schema.ts'

export const LIST_URN = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
export const MOST_PAGE = 500
export const USUAL_PAGE = 100

export interface Standing {
  id: string
  version: number
  createdAt: Date
  modifiedAt: Date
}

/** Weak: the same version may be said in another way (RFC 7644 section 3.14). */
export const etagOf = (version: number): string => `W/"${version}"`

/** Does a version fit what If-Match or If-None-Match names? Compared weakly. */
export function namesVersion(header: string, version: number): boolean {
  return header.split(',').some((one) => {
    const tag = one.trim()
    return tag === '*' || tag.replace(/^W\//i, '') === `"${version}"`
  })
}

/** `more`: groups of a user, members of a group. */
export function resourceOf(kind: ResourceKind, doc: Doc, standing: Standing, base: string, more: Doc = {}): Doc {
  const used = kind.extensions.filter(({ urn }) => doc[urn] !== undefined).map(({ urn }) => urn)
  return {
    schemas: [kind.core.urn, ...used],
    id: standing.id,
    ...doc,
    ...more,
    meta: {
      resourceType: kind.name,
      created: standing.createdAt.toISOString(),
      lastModified: standing.modifiedAt.toISOString(),
      location: `${base}${kind.endpoint}/${standing.id}`,
      version: etagOf(standing.version),
    },
  }
}

export interface Selection {
  only: Target[] | null
  without: Target[]
}

const MOST_NAMES = 200

function targets(kind: ResourceKind, text: string | undefined): Target[] | null {
  if (text === undefined || text.trim() === '') return null
  const names = text.split(',')
  if (names.length > MOST_NAMES) throw new ScimError(400, 'invalidValue', 'Too many attributes are named.')
  return names.map((name) => targetOf(kind, name.trim())).filter((one) => one !== null)
}

/** Of the query's `attributes` and `excludedAttributes`; what is not kept is never there anyway. */
export function selectionOf(kind: ResourceKind, attributes?: string, excluded?: string): Selection {
  return { only: targets(kind, attributes), without: targets(kind, excluded) ?? [] }
}

/** Is the attribute needed for the answer? So that a group's members are only read then. */
export function wants({ only, without }: Selection, name: string): boolean {
  const isNamed = ({ attribute }: Target): boolean => attribute.name === name
  return only === null ? !without.some((one) => isNamed(one) && one.sub === null) : only.some(isNamed)
}

const ALWAYS = ['schemas', 'id']

function pick(from: Doc, into: Doc, { urn, attribute, sub }: Target): void {
  const holder = urn === null ? from : from[urn]
  const value = isObject(holder) ? holder[attribute.name] : undefined
  if (value === undefined) return
  const target = urn === null ? into : ((into[urn] ??= {}) as Doc)
  if (sub === null) {
    target[attribute.name] = value
    return
  }
  const part = (one: Json): Doc => (isObject(one) && one[sub.name] !== undefined ? { [sub.name]: one[sub.name]! } : {})
  const had = target[attribute.name]
  if (Array.isArray(value))
    target[attribute.name] = value.map((one, i) => ({ ...(Array.isArray(had) ? (had[i] as Doc) : {}), ...part(one) }))
  else target[attribute.name] = { ...(isObject(had) ? had : {}), ...part(value) }
}

function drop(from: Doc, { urn, attribute, sub }: Target): void {
  if (urn === null && ALWAYS.includes(attribute.name)) return
  const holder = urn === null ? from : isObject(from[urn]) ? { ...from[urn] } : null
  if (holder === null) return
  const value = holder[attribute.name]
  if (value === undefined) return
  const less = (one: Json): Json => {
    if (!isObject(one)) return one
    const { [sub!.name]: _, ...rest } = one
    return rest
  }
  if (sub === null) Reflect.deleteProperty(holder, attribute.name)
  else holder[attribute.name] = Array.isArray(value) ? value.map(less) : less(value)
  if (urn !== null) from[urn] = holder
}

export function selected(resource: Doc, { only, without }: Selection): Doc {
  if (only !== null) {
    const picked: Doc = {}
    for (const name of ALWAYS) picked[name] = resource[name]!
    for (const target of only) pick(resource, picked, target)
    return picked
  }
  const kept = { ...resource }
  for (const target of without) drop(kept, target)
  return kept
}

/** RFC 7644 section 3.4.2.4: what is below 1 counts as 1, what is below 0 as 0; more than a page is a page. */
export function pageOf(query: { startIndex?: string; count?: string }): { startIndex: number; count: number } {
  const number = (text: string | undefined, usual: number, name: string): number => {
    if (text === undefined || text === '') return usual
    if (!/^-?\d{1,9}$/.test(text)) throw new ScimError(400, 'invalidValue', `${name} must be a number.`)
    return Number(text)
  }
  return {
    startIndex: Math.max(1, number(query.startIndex, 1, 'startIndex')),
    count: Math.min(MOST_PAGE, Math.max(0, number(query.count, USUAL_PAGE, 'count'))),
  }
}

export const listBody = (total: number, startIndex: number, resources: readonly Doc[]) => ({
  schemas: [LIST_URN],
  totalResults: total,
  itemsPerPage: resources.length,
  startIndex,
  Resources: resources,
})
