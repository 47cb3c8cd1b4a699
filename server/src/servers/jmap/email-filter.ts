/** Email/query's filter (RFC 8621 section 4.4.1) as the mailbox understands it. */
import { isKeyword, keywordBit, type EmailFilter } from '../../core/mailbox/index.ts'
import { folderNoOf, isObject, MethodError, parseUtcDate, type Json } from '../../protocols/jmap/index.ts'

const no = (description: string): MethodError => new MethodError('invalidArguments', `filter: ${description}`)
const MOST_DEPTH = 20
const MOST_CONDITIONS = 200

type Reader = (value: Json) => EmailFilter

const text = (value: Json): string => {
  if (typeof value !== 'string') throw no('text expected')
  if (value.length > 500) throw no('the text is too long')
  return value.replaceAll('\0', '\ufffd').toWellFormed()
}
const folder = (value: Json): number => {
  const no_ = typeof value === 'string' ? folderNoOf(value) : null
  // Ids of other servers' shapes are simply nobody's: nothing is in them.
  if (no_ === null) {
    if (typeof value !== 'string') throw no('a mailbox id expected')
    return 0
  }
  return no_
}
const date = (value: Json): number => {
  const at = parseUtcDate(value)
  if (at === null || at < 0) throw no('a UTCDate expected')
  return at
}
const size = (value: Json): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw no('an unsigned integer expected')
  return value
}
const keyword = (value: Json): EmailFilter => {
  if (typeof value !== 'string' || !isKeyword(value)) throw no('a keyword expected')
  const bit = keywordBit(value)
  return bit > 0 ? { kind: 'flag', bit } : { kind: 'keyword', keyword: value.toLowerCase() }
}
const not = (of: EmailFilter): EmailFilter => ({ kind: 'not', of })

const READERS: Record<string, Reader> = {
  inMailbox: (v) => ({ kind: 'folder', folderNos: [folder(v)] }),
  inMailboxOtherThan: (v) => {
    if (!Array.isArray(v)) throw no('a list of mailbox ids expected')
    return not({ kind: 'folder', folderNos: v.map(folder) })
  },
  before: (v) => ({ kind: 'before', at: date(v) }),
  after: (v) => ({ kind: 'from', at: date(v) }),
  minSize: (v) => ({ kind: 'minSize', size: size(v) }),
  maxSize: (v) => ({ kind: 'maxSize', size: size(v) }),
  hasKeyword: keyword,
  notKeyword: (v) => not(keyword(v)),
  hasAttachment: (v) => {
    if (typeof v !== 'boolean') throw no('true or false expected')
    return v ? { kind: 'hasAttachment' } : not({ kind: 'hasAttachment' })
  },
  text: (v) => ({ kind: 'text', field: 'text', text: text(v) }),
  from: (v) => ({ kind: 'contains', field: 'headerFrom', text: text(v) }),
  to: (v) => ({ kind: 'text', field: 'to', text: text(v) }),
  cc: (v) => ({ kind: 'text', field: 'cc', text: text(v) }),
  bcc: (v) => ({ kind: 'text', field: 'bcc', text: text(v) }),
  subject: (v) => ({ kind: 'contains', field: 'subject', text: text(v) }),
  header: (v) => {
    if (!Array.isArray(v) || v.length < 1 || v.length > 2) throw no('a list of one or two texts expected')
    return { kind: 'header', name: text(v[0]!), text: v[1] === undefined ? null : text(v[1]) }
  },
}
/** In the RFC, not here. */
const UNSUPPORTED = new Set(['body', 'allInThreadHaveKeyword', 'someInThreadHaveKeyword', 'noneInThreadHaveKeyword'])

export function readFilter(json: Json | undefined): EmailFilter {
  let conditions = 0
  const read = (value: Json, depth: number): EmailFilter => {
    if (!isObject(value)) throw no('an object expected')
    if (depth > MOST_DEPTH || ++conditions > MOST_CONDITIONS)
      throw new MethodError('unsupportedFilter', 'the filter is too large')
    if ('operator' in value) {
      const list = value.conditions
      if (!Array.isArray(list)) throw no('conditions must be a list')
      const of = list.map((one) => read(one, depth + 1))
      if (value.operator === 'AND') return { kind: 'and', of }
      if (value.operator === 'OR') return { kind: 'or', of }
      if (value.operator === 'NOT') return not({ kind: 'or', of })
      throw no('the operator must be AND, OR or NOT')
    }
    const of = Object.entries(value).map(([name, wanted]) => {
      if (UNSUPPORTED.has(name)) throw new MethodError('unsupportedFilter', `${name} cannot be searched here yet`)
      const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined
      if (!reader) throw no(`there is no condition ${JSON.stringify(name).slice(0, 100)}`)
      return reader(wanted)
    })
    return of.length === 1 ? of[0]! : { kind: 'and', of }
  }
  return json === undefined || json === null ? { kind: 'any' } : read(json, 0)
}
