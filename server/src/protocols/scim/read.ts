/**
 * What a client wrote, made of what the schema knows: names as the schema spells them, values of their types, unknown ones
 * and those that only the server sets left out. Lenient where Entra ID and Okta are loose (booleans in quotes, a single
 * value where a list belongs), and strict where nothing sensible can be meant.
 */
import { isObject, type Json } from '../jmap/index.ts'
import { said, ScimError } from './error.ts'
import { booleanOf } from './match.ts'
import { namedOf, schemaOf, commonAttributes, type Attribute, type ResourceKind } from './schema.ts'

/** Kept and answered; without id, meta, schemas and, of a group, without its members. */
export type Doc = Record<string, Json>

export interface Member {
  value: string
  type: string | null
  display: string | null
}

/** RFC 7643 leaves lengths open; these are far above what directories have. */
export const MOST_TEXT = 4096
export const MOST_NAME = 300
export const MOST_VALUES = 100
export const MOST_MEMBERS = 100_000
export const MOST_DOC = 16_384

const invalid = (detail: string): ScimError => new ScimError(400, 'invalidValue', detail)

export function readText(value: Json, name: string, most = MOST_TEXT): string {
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
  if (typeof text !== 'string') throw invalid(`${name} must be text.`)
  if (text.length > most) throw invalid(`${name} is longer than ${most} characters.`)
  if (text.includes('\0') || !text.isWellFormed()) throw invalid(`${name} has characters that cannot be kept.`)
  return text
}

function readComplex(attribute: Attribute, value: Json): Record<string, Json> | undefined {
  const hasValue = attribute.subAttributes.some(({ name }) => name === 'value')
  const fields = isObject(value) ? value : hasValue && !Array.isArray(value) ? { value } : null
  if (fields === null) throw invalid(`${attribute.name} must be an object.`)
  const made: Record<string, Json> = {}
  for (const [name, each] of Object.entries(fields)) {
    const sub = namedOf(attribute.subAttributes, name)
    const read = sub && readOne(sub, each)
    if (sub && read !== undefined && read !== null) made[sub.name] = read
  }
  return Object.keys(made).length === 0 ? undefined : made
}

function readOne(attribute: Attribute, value: Json): Json | undefined {
  if (value === null) return undefined
  if (attribute.type === 'complex') return readComplex(attribute, value)
  if (attribute.type !== 'boolean') return readText(value, attribute.name)
  const word = booleanOf(value)
  if (word === null) throw invalid(`${attribute.name} must be true or false.`)
  return word
}

/** Of several that say they are the primary one, the first is. */
export function withOnePrimary(values: Json[]): Json[] {
  let isFound = false
  return values.map((one) => {
    if (!isObject(one) || one.primary !== true) return one
    if (isFound) return { ...one, primary: false }
    isFound = true
    return one
  })
}

/** undefined: there is none. */
export function readValue(attribute: Attribute, value: Json): Json | undefined {
  // Entra ID: a list of one where one belongs.
  if (!attribute.multiValued)
    return readOne(attribute, attribute.type === 'complex' && Array.isArray(value) ? (value[0] ?? null) : value)
  if (value === null) return undefined
  const list = Array.isArray(value) ? value : [value]
  if (list.length > MOST_VALUES) throw invalid(`${attribute.name} has more than ${MOST_VALUES} values.`)
  const read = list.map((one) => readOne(attribute, one)).filter((one) => one !== undefined)
  return read.length === 0 ? undefined : withOnePrimary(read)
}

export function readMembers(value: Json): Member[] {
  if (value === null) return []
  const list = Array.isArray(value) ? value : [value]
  if (list.length > MOST_MEMBERS) throw new ScimError(413, 'tooMany', `At most ${MOST_MEMBERS} members.`)
  const found = new Map<string, Member>()
  for (const one of list) {
    const { value: id, type, display } = memberFields(one)
    if (id === undefined || id === null) throw invalid('A member without a value.')
    const text = readText(id, 'value', MOST_NAME)
    if (text === '') throw invalid('A member without a value.')
    const word = (each: Json | undefined, name: string): string | null =>
      each === undefined || each === null ? null : readText(each, name, MOST_NAME)
    found.set(text, { value: text, type: word(type, 'type'), display: word(display, 'display') })
  }
  return [...found.values()]
}

function memberFields(one: Json): Record<string, Json | undefined> {
  if (typeof one === 'string') return { value: one }
  if (!isObject(one)) throw invalid('A member must be an object.')
  return Object.fromEntries(Object.entries(one).map(([name, each]) => [name.toLowerCase(), each]))
}

/** Reads one named attribute into `doc`; unknown ones and those of the server are passed over. */
function readInto(doc: Doc, attributes: readonly Attribute[], name: string, value: Json): void {
  const attribute = namedOf(attributes, name)
  if (attribute === null || attribute.mutability === 'readOnly' || attribute.name === 'members') return
  const read = readValue(attribute, value)
  if (read !== undefined) doc[attribute.name] = read
}

export interface Written {
  doc: Doc
  /** null: nothing is said of them */
  members: Member[] | null
}

/** A whole resource of POST or PUT. */
export function readResource(kind: ResourceKind, body: Json): Written {
  if (!isObject(body)) throw new ScimError(400, 'invalidSyntax', 'The body must be an object.')
  checkSchemas(kind, Object.entries(body).find(([name]) => name.toLowerCase() === 'schemas')?.[1])
  const doc: Doc = {}
  let members: Member[] | null = null
  for (const [name, value] of Object.entries(body)) {
    const prefixed = name.toLowerCase().startsWith('urn:') ? schemaOf(kind, name) : null
    if (prefixed?.isExtension && prefixed.rest === '') {
      const extension: Doc = {}
      if (!isObject(value)) continue
      for (const [each, said_] of Object.entries(value)) readInto(extension, prefixed.schema.attributes, each, said_)
      if (Object.keys(extension).length > 0) doc[prefixed.schema.urn] = extension
    } else readInto(doc, [...commonAttributes, ...kind.core.attributes], name, value)
    if (kind.name === 'Group' && name.toLowerCase() === 'members') members = readMembers(value)
  }
  return { doc: checked(kind, doc), members }
}

function checkSchemas(kind: ResourceKind, schemas: Json | undefined): void {
  if (schemas === undefined) return
  const list = Array.isArray(schemas) ? schemas : [schemas]
  const core = kind.core.urn.toLowerCase()
  if (!list.some((one) => typeof one === 'string' && one.toLowerCase() === core))
    throw new ScimError(400, 'invalidValue', `"schemas" must name ${kind.core.urn}.`)
}

/** What every resource must have, whichever way it was made. */
export function checked(kind: ResourceKind, doc: Doc): Doc {
  const name = doc[kind.naming]
  if (typeof name !== 'string' || name.trim() === '') throw invalid(`${kind.naming} is needed.`)
  for (const field of [kind.naming, 'externalId'])
    if (typeof doc[field] === 'string' && doc[field].length > MOST_NAME)
      throw invalid(`${field} is longer than ${MOST_NAME} characters.`)
  if (JSON.stringify(doc).length > MOST_DOC)
    throw new ScimError(
      413,
      'tooMany',
      `The ${kind.name.toLowerCase()} ${said(name)} is larger than ${MOST_DOC} characters.`,
    )
  return doc
}
