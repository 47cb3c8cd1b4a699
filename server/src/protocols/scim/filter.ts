/**
 * Filters (RFC 7644 section 3.4.2.2) and the paths of PATCH (section 3.5.2), which have filters in them. Hostile: length,
 * depth and number of comparisons are limited, and nothing here is a regular expression over more than one token.
 */
import { said, ScimError, type ScimType } from './error.ts'
import { namedOf, targetOf, type Attribute, type ResourceKind, type Target } from './schema.ts'

export const comparisons = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const
export type Comparison = (typeof comparisons)[number]
export type Literal = string | number | boolean | null

export type Filter =
  | { kind: 'and' | 'or'; parts: Filter[] }
  | { kind: 'not'; part: Filter }
  | { kind: 'present'; target: Target }
  | { kind: 'compare'; op: Comparison; target: Target; value: Literal }
  /** of a list of values: there is one of which the filter is true */
  | { kind: 'items'; target: Target; filter: Filter }

export interface Path extends Target {
  /** which of its values are meant; null: all */
  filter: Filter | null
}

export const MOST_FILTER = 4000
const MOST_DEPTH = 12
const MOST_TERMS = 64

const TOKEN =
  /\s*(?:(?<word>[A-Za-z$][\w$.:+-]*)|(?<text>"(?:[^"\\\u0000-\u001f]|\\.)*")|(?<number>-?\d{1,16}(?:\.\d{1,16})?)|(?<mark>[()[\]]|\.(?=[A-Za-z$])))/uy

interface Token {
  kind: 'word' | 'text' | 'number' | 'mark' | 'end'
  text: string
}

function tokens(text: string, wrong: (detail: string) => ScimError): Token[] {
  if (text.length > MOST_FILTER) throw wrong(`longer than ${MOST_FILTER} characters`)
  const found: Token[] = []
  let at = 0
  for (const end = text.trimEnd().length; at < end;) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) throw wrong(`not understood at ${said(text.slice(at, at + 20))}`)
    at = TOKEN.lastIndex
    const groups = Object.entries(match.groups as Record<string, string | undefined>)
    for (const [kind, token] of groups)
      if (token !== undefined) found.push({ kind: kind as Token['kind'], text: token })
  }
  return found
}

/** Attribute names of where the parser is: of the resource, or of one value of an attribute. */
type Scope = (name: string) => Target | null

const inside =
  ({ urn, attribute }: Target): Scope =>
  (name) => {
    const sub = namedOf(attribute.subAttributes, name)
    return sub && { urn, attribute: sub, sub: null }
  }

class Parser {
  private readonly all: Token[]
  private readonly wrong: (detail: string) => ScimError
  private at = 0
  private terms = 0

  constructor(text: string, scimType: ScimType) {
    this.wrong = (detail) =>
      new ScimError(400, scimType, `The ${scimType === 'invalidPath' ? 'path' : 'filter'} is ${detail}.`)
    this.all = tokens(text, this.wrong)
  }

  private get next(): Token {
    return this.all[this.at] ?? { kind: 'end', text: '' }
  }

  private isWord(word: string): boolean {
    return this.next.kind === 'word' && this.next.text.toLowerCase() === word
  }

  private isMark(mark: string): boolean {
    return this.next.kind === 'mark' && this.next.text === mark
  }

  private expect(mark: string): void {
    if (!this.isMark(mark)) throw this.wrong(`without ${said(mark)} before ${said(this.next.text)}`)
    this.at++
  }

  private name(scope: Scope): Target {
    const { kind, text } = this.next
    if (kind !== 'word') throw this.wrong(`without the name of an attribute before ${said(text)}`)
    this.at++
    const target = scope(text)
    if (target === null) throw this.wrong(`of ${said(text)}, which is no attribute here`)
    return target
  }

  /** `or` binds weaker than `and`. */
  filter(scope: Scope, depth = 0): Filter {
    if (depth > MOST_DEPTH) throw this.wrong(`nested deeper than ${MOST_DEPTH}`)
    return this.chain('or', () => this.chain('and', () => this.term(scope, depth)))
  }

  private chain(word: 'and' | 'or', part: () => Filter): Filter {
    const parts = [part()]
    while (this.isWord(word)) {
      this.at++
      parts.push(part())
    }
    return parts.length === 1 ? parts[0]! : { kind: word, parts }
  }

  private term(scope: Scope, depth: number): Filter {
    if (++this.terms > MOST_TERMS) throw this.wrong(`of more than ${MOST_TERMS} comparisons`)
    const isNot = this.isWord('not') && this.all[this.at + 1]?.text === '('
    if (isNot) this.at++
    if (this.isMark('(')) {
      this.at++
      const part = this.filter(scope, depth + 1)
      this.expect(')')
      return isNot ? { kind: 'not', part } : part
    }
    const target = this.name(scope)
    if (this.isMark('[')) return this.items(target, depth)
    return this.comparison(target)
  }

  private items(target: Target, depth: number): Filter {
    if (!target.attribute.multiValued || target.sub !== null) throw this.wrong('with [ ] after what is no list')
    this.at++
    const filter = this.filter(inside(target), depth + 1)
    this.expect(']')
    return { kind: 'items', target, filter }
  }

  private comparison(target: Target): Filter {
    const { kind, text } = this.next
    const op = text.toLowerCase()
    if (kind !== 'word') throw this.wrong(`without an operator before ${said(text)}`)
    this.at++
    if (op === 'pr') return { kind: 'present', target }
    if (!(comparisons as readonly string[]).includes(op)) throw this.wrong(`of the unknown operator ${said(text)}`)
    return { kind: 'compare', op: op as Comparison, target, value: this.literal() }
  }

  private literal(): Literal {
    const { kind, text } = this.next
    this.at++
    if (kind === 'text')
      try {
        return JSON.parse(text) as string
      } catch {
        throw this.wrong('with text in quotes that is no JSON')
      }
    if (kind === 'number') return Number(text)
    const word = kind === 'word' ? text.toLowerCase() : ''
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'null') return null
    throw this.wrong(`without a value before ${said(text)}`)
  }

  end(): void {
    if (this.next.kind !== 'end') throw this.wrong(`not understood at ${said(this.next.text)}`)
  }

  path(scope: Scope): Path {
    const target = this.name(scope)
    if (!this.isMark('[')) return { ...target, filter: null }
    const { filter } = this.items(target, 0) as Extract<Filter, { kind: 'items' }>
    if (!this.isMark('.')) return { ...target, filter }
    this.at++
    const sub: Attribute = this.name(inside(target)).attribute
    return { ...target, filter, sub }
  }
}

/** Throws invalidFilter, also for attributes that are not kept: answering "nobody" would make a client create everybody twice. */
export function parseFilter(kind: ResourceKind, text: string): Filter {
  const parser = new Parser(text, 'invalidFilter')
  const filter = parser.filter((name) => targetOf(kind, name))
  parser.end()
  return filter
}

/** Throws invalidPath where it is no path; null: a path to what is not kept. */
export function parsePath(kind: ResourceKind, text: string): Path | null {
  const trimmed = text.trim()
  const name = /^[A-Za-z$][\w$.:+-]*/.exec(trimmed)?.[0]
  if (name !== undefined && targetOf(kind, name) === null && text.length <= MOST_FILTER) return null
  const parser = new Parser(trimmed, 'invalidPath')
  const path = parser.path((each) => targetOf(kind, each))
  parser.end()
  return path
}
